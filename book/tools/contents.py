"""Read the book's contents, and write the table of contents that Sphinx reads.

``python -m book.tools.contents`` writes ``_toc.yml``, from ``book/contents.toml`` and from which
notebooks there are. A chapter's notebooks carry its number and its title in their name, in
``chapters/`` and in ``book/evidence/`` alike.
"""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
# A chapter shows what its evidence notebook stores, so evidence runs first.
FOLDERS = ("book/evidence", "chapters")

HEADER = """\
# Made by `make book` from book/contents.toml and the notebooks there are: do not edit.
"""


class Page(NamedTuple):
    """A chapter, or a page under one.

    `number` is "5" or "15.3", `name` that of its notebooks without the ending, `sections` the
    headings that its page opens with; `pages` are those under it, numbered on after the sections.
    """

    number: str
    title: str
    name: str
    sections: tuple = ()
    pages: tuple = ()


def make_page(number, title, **more):
    """Derive a page's file name: "05-choosing-…", "15-3-machine-translation"."""
    chapter, *place = number.split(".")
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return Page(number, title, "-".join([chapter.zfill(2), *place, slug]), **more)


def read_parts(root=ROOT):
    """Return the parts of the whole book, written or not: title to a list of chapters."""
    contents = tomllib.loads((root / "book" / "contents.toml").read_text("utf-8"))
    parts = {}
    number = 0
    for part in contents["parts"]:
        parts[part["title"]] = []
        for chapter in part["chapters"]:
            number += 1
            sections = tuple(chapter.get("sections", ()))
            pages = tuple(
                make_page(f"{number}.{place}", title)
                for place, title in enumerate(chapter.get("pages", ()), start=len(sections) + 1)
            )
            page = make_page(str(number), chapter["title"], sections=sections, pages=pages)
            parts[part["title"]].append(page)
    return parts


def read_pages(root=ROOT):
    """Return all chapters, each followed by the pages under it."""
    chapters = [chapter for part in read_parts(root).values() for chapter in part]
    return [page for chapter in chapters for page in (chapter, *chapter.pages)]


def notebooks(root=ROOT, number=None):
    """Return the notebooks there are, in the order in which they run.

    Parameters
    ----------
    root : Path
    number : str, optional
        "5" or "05" for a chapter with the pages under it, "15-3" for one such page; all if left
        out.

    Returns
    -------
    list of Path

    Raises
    ------
    LookupError
        If there are none; the message lists the notebooks there are.
    """
    names = [page.name for page in read_pages(root)]
    paths = [root / folder / f"{name}.ipynb" for name in names for folder in FOLDERS]
    paths = [path for path in paths if path.is_file()]
    chosen = [p for p in paths if number is None or p.name.startswith(f"{number.zfill(2)}-")]
    if not chosen:
        there = "".join(f"\n  {path.relative_to(root)}" for path in paths) or " none yet"
        wanted = "any chapter" if number is None else f"chapter {number!r}"
        raise LookupError(f"Cannot find {wanted}. The notebooks are:{there}")
    return chosen


def table_of_contents(root=ROOT):
    """Return the text of ``_toc.yml``."""

    def entry(folder, page):
        return {"file": f"{folder}/{page.name}"}

    def written(folder, pages):
        return [page for page in pages if (root / folder / f"{page.name}.ipynb").is_file()]

    parts = [{"chapters": [{"file": "book/how-to-use"}]}]
    for title, chapters in read_parts(root).items():
        entries = []
        for chapter in written("chapters", chapters):
            entries.append(entry("chapters", chapter))
            if pages := written("chapters", chapter.pages):
                entries[-1]["sections"] = [entry("chapters", page) for page in pages]
        if entries:
            parts.append({"caption": title, "numbered": 2, "chapters": entries})
    claims = {"file": "book/evidence/index"}
    if pages := written("book/evidence", read_pages(root)):
        claims["sections"] = [entry("book/evidence", page) for page in pages]
    parts.append({"caption": "Evidence", "chapters": [claims]})
    reference = [{"file": f"book/{name}"} for name in ("data", "glossary", "bibliography")]
    parts.append({"caption": "Reference", "chapters": reference})
    contents = {"format": "jb-book", "root": "book/index", "parts": parts}
    return HEADER + yaml.safe_dump(contents, sort_keys=False)


def main(root=ROOT):
    """Write ``_toc.yml``."""
    (root / "_toc.yml").write_text(table_of_contents(root), encoding="utf-8")


if __name__ == "__main__":
    main()
