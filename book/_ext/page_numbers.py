"""Number the pages under a chapter as the contents list does: after its sections, 16.4 after 16.3.

Sphinx counts all headings of the chapter's page first, so that a page would get the number after
the last of them. Here the chapter's other headings get none.
"""

import re
import tomllib
from pathlib import Path

from docutils import nodes

# The collector that numbers sections has Sphinx's 500.
AFTER_SPHINX = 900


def count_sections(root):
    """Map the number of each chapter that has pages under it to how many sections it has."""
    contents = tomllib.loads(Path(root, "book", "contents.toml").read_text(encoding="utf-8"))
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    return {
        number: len(chapter.get("sections", ()))
        for number, chapter in enumerate(chapters, start=1)
        if "pages" in chapter
    }


def make_renumber(docname, sections):
    """A function from Sphinx's number of a heading to the contents list's, None for no number.

    Returns None for a document that keeps its numbers.
    """
    found = re.match(r"chapters/(\d\d)-(?:(\d+)-)?", docname)
    if not found or int(found[1]) not in sections:
        return None
    chapter = int(found[1])
    if found[2]:
        return lambda number: (chapter, int(found[2]), *number[2:])
    return lambda number: number if len(number) < 2 or number[1] <= sections[chapter] else None


def renumber(app, env):
    """Change the numbers that Sphinx has given, in the pages and in the lists of contents."""
    sections = count_sections(env.srcdir)
    changed = []
    for docname in sorted(env.found_docs):
        change = make_renumber(docname, sections)
        if not change or docname not in env.toc_secnumbers:
            continue
        numbers = env.toc_secnumbers[docname]  # None for headings too deep to be numbered
        env.toc_secnumbers[docname] = {key: n and change(n) for key, n in numbers.items()}
        for node in (env.titles[docname], *env.tocs[docname].findall(nodes.reference)):
            if node.get("secnumber"):
                node["secnumber"] = change(node["secnumber"])
                if node["secnumber"] is None:
                    del node["secnumber"]
        changed.append(docname)
    return changed


def setup(app):
    """Register with Sphinx."""
    app.connect("env-get-updated", renumber, priority=AFTER_SPHINX)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
