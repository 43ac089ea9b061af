"""Directives for the pages that are made from data: contents, evidence and data sheets.

They read the sources at every build, so a page cannot disagree with what it reports.
"""

import re
import tomllib
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from helpers import evidence

UNTESTED = "not yet tested"
SHEET_FIELDS = {
    "Contents": "contents",
    "Source": "source",
    "Cite": "citation",
    "Terms": "terms",
    "Cleaning": "cleaning",
    "Not for": "not_for",
}


def paragraph(*children, classes=()):
    """A paragraph of text and inline nodes."""
    return nodes.paragraph(
        "", "", *(nodes.Text(c) if isinstance(c, str) else c for c in children), classes=[*classes]
    )


def section(anchor, heading, *children):
    """A section of the page, with its heading."""
    title = nodes.title("", heading)
    return nodes.section("", title, *children, ids=[anchor], names=[anchor])


def bullet_list(items, classes=()):
    """A bullet list with one paragraph for each item."""
    return nodes.bullet_list("", *(nodes.list_item("", item) for item in items), classes=[*classes])


def table(header, rows, classes):
    """A table; each row is a list of lists of nodes.

    Every cell carries its column's title in a class (`cell-…`), for the narrow layout, where a
    row is stacked.
    """

    def row(cells):
        entries = [
            nodes.entry("", *cell, classes=[f"cell-{title.lower()}"])
            for title, cell in zip(header, cells, strict=True)
        ]
        return nodes.row("", *entries)

    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in header), cols=len(header))
    group += nodes.thead("", row([[paragraph(title)] for title in header]))
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group, classes=classes)


class PageFromData(SphinxDirective):
    """What the directives share: files that the page depends on, chapters and links to them."""

    def read(self, name):
        """Parse a TOML file of the project; the page is built again when the file changes."""
        self.env.note_dependency(name)
        return tomllib.loads(Path(self.env.srcdir, name).read_text(encoding="utf-8"))

    def written_chapters(self):
        """Chapter number to document name, for the chapters in the table of contents."""
        self.env.note_dependency("_toc.yml")
        # "15-3-…" is a page under chapter 15.
        found = (re.match(r"chapters/(\d\d)-(?!\d-)", name) for name in self.env.found_docs)
        return {int(match[1]): match.string for match in found if match}

    def link(self, text, docname, anchor=""):
        """A link to another page of the book."""
        page = self.env.app.builder.get_relative_uri(self.env.docname, docname)
        return nodes.reference("", text, refuri=page + anchor, internal=True)


class ChapterList(PageFromData):
    """All chapters by part; the written ones are links."""

    def run(self):
        """Build the list."""
        written = self.written_chapters()
        number = 0
        parts = []
        for part in self.read("book/contents.toml")["parts"]:
            items = []
            for chapter in part["chapters"]:
                number += 1
                text = f"{number}. {chapter['title']}"
                if number in written:
                    items.append(paragraph(self.link(text, written[number])))
                else:
                    items.append(paragraph(text, nodes.inline("", " (to come)", classes=["soon"])))
            parts.append(
                nodes.container(
                    "",
                    paragraph(nodes.strong("", part["title"])),
                    bullet_list(items),
                    classes=["part"],
                )
            )
        return [nodes.container("", *parts, classes=["chapter-list"])]


class Evidence(PageFromData):
    """Every claim of the catalogue with the verdict that a notebook stores."""

    def run(self):
        """Build the counts and one table for each chapter."""
        for source in ("helpers/claims.toml", "helpers/evidence.py"):
            self.env.note_dependency(source)
        pages = [n for n in self.env.found_docs if n.startswith(("chapters/", "book/evidence/"))]
        notebooks = [p for p in map(self.env.doc2path, pages) if p.endswith(".ipynb")]
        for path in notebooks:
            self.env.note_dependency(path)
        verdicts = evidence.collect_verdicts(notebooks)
        claims = evidence.load_claims()
        parts = self.read("book/contents.toml")["parts"]
        titles = [chapter["title"] for part in parts for chapter in part["chapters"]]

        sections = []
        for number, group in groupby(claims, key=lambda claim: claim.chapter):
            rows = [self.row(claim, verdicts.get(claim.id)) for claim in group]
            verdict_table = table(["Claim", "Verdict", "Measured"], rows, ["evidence"])
            heading = f"{number}. {titles[number - 1]}"
            sections.append(section(f"chapter-{number}", heading, verdict_table))
        return [self.counts(claims, verdicts), *sections]

    def counts(self, claims, verdicts):
        """How many claims got which verdict."""
        found = [verdict["kind"] for verdict in verdicts.values()]
        found += [UNTESTED] * (len(claims) - len(found))
        kinds = (*evidence.KINDS, UNTESTED)
        items = [paragraph(badge(kind), f" {found.count(kind)}") for kind in kinds]
        return nodes.container(
            "",
            paragraph(f"{len(claims)} claims, {len(verdicts)} of them tested so far:"),
            bullet_list(items, classes=["counts"]),
        )

    def row(self, claim, verdict):
        """One claim: its wording, its verdict, and what was measured."""
        label = f"{claim.id} "
        if verdict is None:
            wording = paragraph(nodes.strong("", label), claim.wording)
            return [[wording], [paragraph(badge(UNTESTED))], [paragraph("–")]]
        notebook, written = verdict["notebook"], self.written_chapters()
        proves = notebook.startswith("book/evidence/")
        words = "How we measured" if proves else "See the test"
        links = [self.link(words, notebook, f"#{verdict['anchor']}")]
        if proves and claim.chapter in written:
            links += [" · ", self.link(f"Chapter {claim.chapter}", written[claim.chapter])]
        wording = paragraph(nodes.strong("", label), claim.wording, " ", *links)
        several = len(verdict["estimates"]) > 1
        measured = [paragraph(f"{verdict['measure']} (holds if {verdict['criterion']}):")]
        measured.append(
            bullet_list(
                paragraph(
                    f"{estimate['name']}: " if estimate["name"] else "",
                    nodes.strong("", evidence.format_estimate(estimate)),
                    f" ({estimate['verdict']})" if several else "",
                )
                for estimate in verdict["estimates"]
            )
        )
        notes = (verdict["over"], verdict["conditions"], verdict["to_decide"])
        measured += [paragraph(note) for note in notes if note]
        return [[wording], [paragraph(badge(verdict["kind"], verdict["verdict"]))], measured]


class DataSheets(PageFromData):
    """Every data set of the registry: what it is, whence, and what not to do with it."""

    def run(self):
        """Build the total size and one section for each data set."""
        registry = self.read("helpers/datasets.toml")
        wheels, data = registry["wheels"], registry["data"]
        total = sum(wheel["bytes"] for wheel in wheels.values())
        summary = paragraph(
            f"{len(data)} data sets come in {len(wheels)} packages, {megabytes(total)} in all."
        )
        sheets = [
            section(f"data-{name.replace('_', '-')}", sheet["title"], self.sheet(sheet, wheels))
            for name, sheet in data.items()
        ]
        return [summary, *sheets]

    def sheet(self, sheet, wheels):
        """The fields of one data set as a definition list."""
        fields = [(label, [paragraph(sheet[key])]) for label, key in SHEET_FIELDS.items()]
        if "wheel" in sheet:
            name, wheel = sheet["wheel"], wheels[sheet["wheel"]]
            package = f"{name} {wheel['version']}, {megabytes(wheel['bytes'])}"
            fields.append(("Package", [paragraph(package)]))
            files = [paragraph(nodes.literal("", path)) for path in sheet["members"].values()]
            fields.append(("Files", files))
            fields.append(("SHA-256", [paragraph(nodes.literal("", wheel["sha256"]))]))
        items = (
            nodes.definition_list_item("", nodes.term("", label), nodes.definition("", *definition))
            for label, definition in fields
        )
        return nodes.definition_list("", *items, classes=["data-sheet"])


def megabytes(size):
    """A size in bytes as megabytes."""
    return f"{size / 1e6:.1f} MB"


def badge(kind, words=None):
    """A verdict in words, in a frame whose color and sign repeat its kind."""
    classes = ["verdict-badge", f"badge-{kind.replace(' ', '-')}"]
    return nodes.inline("", words or kind, classes=classes)


def mend_citation_list(app, page, template, context, doctree):
    """Take the role of a list from the bibliography, whose entries have no role of list items."""
    if "body" in context:
        context["body"] = context["body"].replace('role="list" class="citation-list"', "")


def link_pages(app, page, template, context, doctree):
    """Lead links that an output has to another notebook of the book to that notebook's page.

    In JupyterLab they open the notebook itself.
    """
    if "body" in context:
        context["body"] = re.sub(r'(href="[\w./-]+)\.ipynb(?=["#])', r"\1.html", context["body"])


def name_folds(app, page, template, context, doctree):
    """Let a screen reader say of a fold what it shows; myst-nb gives all of them one name."""
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def name_branches(app, page, template, context, doctree):
    """Name the buttons that open a branch of the contents; the theme leaves them without."""
    contents = context.get("generate_toctree_html")

    def named(*arguments, **options):
        html = str(contents(*arguments, **options))
        return html.replace("<summary>", '<summary aria-label="Pages under this one">')

    if contents:
        context["generate_toctree_html"] = named


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("chapter-list", ChapterList)
    app.add_directive("evidence", Evidence)
    app.add_directive("data-sheets", DataSheets)
    app.connect("html-page-context", mend_citation_list)
    app.connect("html-page-context", link_pages)
    app.connect("html-page-context", name_folds)
    app.connect("html-page-context", name_branches, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
