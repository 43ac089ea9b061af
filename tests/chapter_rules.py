"""What the book asks of every notebook and a machine can judge: one function for each rule.

A rule takes a `Notebook` and returns a list of complaints, empty if all is well. What the strict
build of the site refuses (references, terms, citations, links that lead nowhere, headings that
skip a level, solutions that do not end) is no rule here, nor is what `make run` mends (ids,
metadata, format): test_chapters.py compares a notebook with its normal form.
"""

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

import nbformat

from book.tools import contents, run_notebooks
from helpers import evidence
from tests import notebook_validation

ROOT = contents.ROOT

# As `ruff format` leaves it.
SETUP = """\
from helpers import data, evidence, plotting
import keras
import matplotlib.pyplot as plt
import numpy as np

plotting.use_book_style()
keras.utils.set_random_seed(7)"""
SETUP_HELP = (
    "If the first cell cannot import `helpers`, run `make lab` in the book's folder, "
    "or `pip install -r requirements.txt`."
)
CLOSING_SECTIONS = ["Recap", "Exercises", "References"]

MAX_BYTES = 600_000
MIN_ALT_LENGTH = 30
# A page has room for so many characters of output, and of code, which ruff holds.
WIDTH = 76
# What is beyond accepts a result that would change what the prose says.
MAX_TOLERANCE = {"rtol": 0.2, "atol": 0.05, "factor": 3}

MARKS = dict(zip(evidence.KINDS, "✓◐✗?", strict=True))

FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:-]+)\})?(.*)$")
NOT_PROSE = {"code-block", "code-cell", "code", "literalinclude", "math", "mermaid", "raw"}
EXERCISE = re.compile(r"^[`:]{3,}\{exercise\}[^\n]*\n((?::.*\n)*)", re.MULTILINE)
SOLUTION = re.compile(r"^[`:]{3,}\{solution-(start|end)\}[ ]*(\S*)[ ]*\n((?::.*\n)*)", re.MULTILINE)
PREDICTION = re.compile(
    r"^[`:]{3,}\{admonition\}[^\n]*predict|^:class:[^\n]*predict", re.MULTILINE | re.IGNORECASE
)


class Notebook(NamedTuple):
    """A notebook with what the rules need to know about its surroundings.

    `page` is its entry of the book's contents, `text` the file's, `has_evidence` says whether an
    evidence notebook of this name exists, and `verdicts` are those of the whole book, by claim.
    """

    page: contents.Page
    text: str
    content: nbformat.NotebookNode
    has_evidence: bool
    verdicts: dict

    @property
    def cells(self):
        return self.content.cells

    @property
    def code(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self):
        return [cell.source for cell in self.cells if cell.cell_type == "markdown"]


@functools.cache
def stored_verdicts():
    return evidence.collect_verdicts(contents.notebooks())


def read_notebook(path):
    pages = {page.name: page for page in contents.read_pages()}
    text = path.read_text("utf-8")
    has_evidence = Path(ROOT, "book", "evidence", path.name).is_file()
    content = nbformat.reads(text, as_version=4)
    return Notebook(pages[path.stem], text, content, has_evidence, stored_verdicts())


def prose_lines(markdown):
    """Yield a Markdown cell's lines of prose, without code, math, quotations and addresses."""
    open_fences = []
    for line in markdown.splitlines():
        fence = FENCE.match(line)
        if fence:
            mark, directive, info = fence.groups()
            closes = open_fences and not directive and not info.strip()
            if closes and mark.startswith(open_fences[-1][0]):
                open_fences.pop()
            elif not (open_fences and open_fences[-1][1]):
                is_code = directive in NOT_PROSE or (not directive and mark[0] != ":")
                open_fences.append((mark, is_code))
            continue
        if (open_fences and open_fences[-1][1]) or re.match(r"\s*(:[\w-]+:|\|)", line):
            continue
        line = re.sub(r"\]\([^)]*\)|`+[^`]*`+|\$[^$]*\$", " ", line)
        yield re.sub(r"“[^”]*”|\"[^\"]*\"", " ", line)


def headings(notebook):
    """List a notebook's headings as (level, text)."""
    found = []
    for markdown in notebook.markdown:
        without_code = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
        found += re.findall(r"^(#{1,6}) +(.+?)\s*$", without_code, re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def before_code(notebook):
    first = notebook.cells.index(notebook.code[0])
    return [cell.source for cell in notebook.cells[:first]]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


def is_hidden(cell, *parts):
    """Whether JupyterLab folds these parts of a cell: "source", "outputs"."""
    return all(cell.metadata.get("jupyter", {}).get(f"{part}_hidden") is True for part in parts)


def shorten(text):
    return repr(text if len(text) < 80 else text[:77] + "...")


def stored_data(notebook, kind):
    """Yield the position of the cell and the data, for outputs that store data of this kind."""
    for position, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if kind in output.get("data", {}):
                yield position, output.data[kind]


def own_claims(page):
    """Ids of the claims that a page owns: those of its chapter, or of its section alone."""
    chapter = page.number.split(".")[0]
    entries = [entry for entry in evidence.load_claims() if str(entry.chapter) == chapter]
    if chapter != page.number:
        return [entry.id for entry in entries if entry.section == page.number]
    elsewhere = {under.number for under in page.pages}
    return [entry.id for entry in entries if entry.section not in elsewhere]


# What every notebook keeps


def one_title(notebook):
    if [level for level, _ in headings(notebook)].count(1) != 1:
        return ["there is not exactly one heading of level 1"]
    return []


def file_size(notebook):
    size = len(notebook.text.encode())
    return [] if size < MAX_BYTES else [f"{size} bytes, not under {MAX_BYTES}"]


def executed_in_order(notebook):
    counts = [cell.execution_count for cell in notebook.code]
    if counts != list(range(1, len(counts) + 1)):
        return [f"the execution counts are {counts}: run it (make run)"]
    return []


def outputs(notebook):
    """Nothing on stderr, no widget, no unexpected exception, nothing of one machine or run."""
    complaints = []
    for cell in notebook.code:
        where = f"cell {cell.get('id')}"
        for output in cell.outputs:
            if output.get("name") == "stderr":
                complaints.append(f"{where}: stderr: {shorten(output.text)}")
            if output.output_type == "error" and not has_tag(cell, "raises-exception"):
                complaints.append(f"{where}: exception {output.ename}: {output.evalue}")
            data = output.get("data", {})
            if any("widget" in kind for kind in data):
                complaints.append(f"{where}: a widget")
            texts = [output.get("text", ""), output.get("evalue", "")]
            texts += [*output.get("traceback", []), data.get("text/plain", "")]
            texts.append(data.get("text/html", ""))
            for text in texts:
                if run_notebooks.MEMORY_ADDRESS.search(text):
                    complaints.append(f"{where}: a memory address: {shorten(text)}")
                if re.search(r"(?<![\w.])/(home|root|tmp|Users)/|site-packages|\b[A-Z]:\\", text):
                    complaints.append(f"{where}: a path of one machine: {shorten(text)}")
    return complaints


def figures(notebook):
    """Alt text for each figure, one figure a cell, a caption where a figure has a name."""
    complaints = []
    for cell in notebook.code:
        images = sum(
            any(kind.startswith("image/") for kind in output.get("data", {}))
            for output in cell.outputs
        )
        if not images:
            continue
        where = f"cell {cell.get('id')}"
        settings = cell.metadata.get("mystnb", {})
        alt = settings.get("image", {}).get("alt", "")
        if len(alt) < MIN_ALT_LENGTH or re.match(r"(figure|image of)\b", alt, re.IGNORECASE):
            complaints.append(f"{where}: the alt text does not state the finding: {alt!r}")
        if images > 1:
            complaints.append(f"{where}: {images} figures in one cell share one alt text")
        figure = settings.get("figure", {})
        if "name" in figure and not figure.get("caption"):
            complaints.append(f"{where}: figure {figure['name']} has no caption")
    return complaints


def code_manners(notebook):
    """No plot settings, downloads, silenced warnings, trailing semicolons, or skipped checks."""
    unwanted = {
        "plot settings": r"\brcParams\b|\bplt\.style\b",
        "an address": r"https?://",
        "a download": r"\bwget\b|\bcurl\b|\bget_file\(|\bload_data\(|\burlopen\(|\burlretrieve\(",
        "a silenced warning": r"\bfilterwarnings\b|\bsimplefilter\b|\bredirect_stderr\b",
        "a trailing semicolon": r";[ \t]*$",
        "an nbval mark": r"#\s*NBVAL_|#\s*PYTEST_VALIDATE",
    }
    complaints = []
    for cell in notebook.code:
        for what, pattern in unwanted.items():
            found = re.search(pattern, cell.source, re.MULTILINE)
            if found:
                complaints.append(f"{what} in cell {cell.get('id')}: {found[0]!r}")
        if any(tag.startswith("nbval") for tag in cell.metadata.get("tags", [])):
            complaints.append(f"an nbval tag on cell {cell.get('id')}")
    return complaints


def tolerances(notebook):
    """No tolerance so wide that it accepts nonsense."""
    complaints = []
    for cell in notebook.code:
        try:
            declared = notebook_validation.read_tolerance(cell.metadata)
        except ValueError as error:
            complaints.append(f"cell {cell.get('id')}: {error}")
            continue
        for kind, value in declared.items():
            if value > MAX_TOLERANCE[kind]:
                complaints.append(
                    f"cell {cell.get('id')}: {kind} {value}, not up to {MAX_TOLERANCE[kind]}"
                )
    return complaints


def one_sentence_a_line(notebook):
    complaints = []
    for markdown in notebook.markdown:
        for line in prose_lines(markdown):
            text = re.sub(r"^\s*([-*+]|\d+\.)\s+|\b(e\.g|i\.e|vs|cf|al|[A-Z])\.", " ", line)
            text = re.sub(r"[*_]+", "", text)
            if re.search(r"\w[.!?][)’']*\s+[A-Z]", text):
                complaints.append(f"two sentences on a line: {shorten(line.strip())}")
    return complaints


def claims_are_tested(notebook):
    """Each claim of the notebook is stated, then reported, once, and no other claim is."""
    stated, reported = {}, {}
    for kind, found in ((evidence.CLAIM_TYPE, stated), (evidence.MIME_TYPE, reported)):
        for position, shown in stored_data(notebook, kind):
            found.setdefault(shown["id"], []).append(position)
    own = own_claims(notebook.page)
    complaints = []
    for claim_id in [*own, *sorted((stated.keys() | reported.keys()) - set(own))]:
        if claim_id not in own:
            complaints.append(f"claim {claim_id} is not one of this chapter's: {own}")
            continue
        counts = len(stated.get(claim_id, [])), len(reported.get(claim_id, []))
        if counts != (1, 1):
            complaints.append(
                f"claim {claim_id} is stated {counts[0]} times and reported {counts[1]} times"
            )
        elif stated[claim_id] >= reported[claim_id]:
            complaints.append(f"claim {claim_id} is not stated before the cell that reports it")
    return complaints


# What an evidence notebook has


def evidence_opening(notebook):
    """It says whose evidence it is, and in a paragraph what is asked and what came out."""
    expected = f"# Evidence: {notebook.page.title}"
    first, *others = "\n".join(before_code(notebook)).splitlines() or [""]
    if first != expected:
        return [f"it does not begin with {expected!r}"]
    if not re.match(r"[\w*\"“]", next(filter(None, others), "")):
        return ["no paragraph follows the title"]
    return []


# What a chapter has


def title(notebook):
    expected = f"# {notebook.page.title}"
    if "\n".join(before_code(notebook)).splitlines()[:1] != [expected]:
        return [f"it does not begin with {expected!r}"]
    return []


def opening_box(notebook):
    text = "\n".join(before_code(notebook))
    places = [text.find(f"**{label}**") for label in ("You will learn", "Data", "Runs in")]
    if -1 in places or places != sorted(places):
        return ["**You will learn**, **Data**, **Runs in** do not stand above the first code cell"]
    return []


def setup_cell(notebook):
    first = notebook.code[0]
    complaints = []
    if first.source.strip() != SETUP:
        complaints.append(f"the first code cell is not the setup, which is:\n{SETUP}")
    if not has_tag(first, "setup"):
        complaints.append("the first code cell is not tagged setup")
    return complaints


def setup_help(notebook):
    if SETUP_HELP not in "\n".join(before_code(notebook)):
        return [f"above the first code cell does not stand: {SETUP_HELP}"]
    return []


def sections(notebook):
    names = [text for level, text in headings(notebook) if level == 2]
    complaints = []
    expected = [*notebook.page.sections]
    if names[: len(expected)] != expected:
        complaints.append(f"the first sections are {names[: len(expected)]}, not {expected}")
    if names[-3:] != CLOSING_SECTIONS:
        complaints.append(f"the last sections are {names[-3:]}, not {CLOSING_SECTIONS}")
    return complaints


def checkpoints(notebook):
    complaints = []
    for cell in notebook.code:
        if not has_tag(cell, "checkpoint"):
            continue
        tree = ast.parse(cell.source)
        assertions = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        if not assertions:
            complaints.append(f"checkpoint asserts nothing: {shorten(cell.source)}")
        for assertion in assertions:
            if assertion.msg is None:
                complaints.append(f"assertion without a message: {ast.unparse(assertion)}")
    return complaints


def exercises(notebook):
    """Each exercise has a solution, folded, unless it is of class `open`: no single answer."""
    complaints = []
    text = "\n".join([*notebook.markdown, ""])
    starts = {label: options for kind, label, options in SOLUTION.findall(text) if kind == "start"}
    for options in EXERCISE.findall(text):
        label = re.search(r"^:label:\s*(\S+)", options, re.MULTILINE)
        if not label:
            complaints.append("an exercise has no label")
        elif label[1] not in starts and not re.search(r"^:class:.*\bopen\b", options, re.MULTILINE):
            complaints.append(f"the exercise {label[1]} has no solution and is not of class open")
    complaints += [
        f"the solution of {label} is not folded (:class: dropdown)"
        for label, options in starts.items()
        if "dropdown" not in options
    ]
    return complaints


def marks(notebook):
    """A verdict's mark in prose, a link such as `>✓ 5f</a>`, is the mark of the stored verdict."""
    complaints = []
    for sign, claim_id in re.findall(
        r">(\S)[ \u00a0](\d+(?:\.\d+)?[a-j])</a>", "\n".join(notebook.markdown)
    ):
        stored = notebook.verdicts.get(claim_id)
        expected = MARKS[stored["kind"]] if stored else None
        if sign != expected:
            complaints.append(f"claim {claim_id} is marked {sign}, and should be {expected}")
    return complaints


def solutions_are_folded(notebook):
    """The code of a solution is closed in JupyterLab, too."""
    complaints = []
    inside = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for kind, _, _ in SOLUTION.findall(cell.source + "\n"):
                inside = kind == "start"
        elif inside and not is_hidden(cell, "source", "outputs"):
            complaints.append(
                f"cell {cell.get('id')} is part of a solution and its metadata is not "
                '"jupyter": {"source_hidden": true, "outputs_hidden": true}'
            )
    return complaints


def predictions_are_folded(notebook):
    """The answer to a prediction is folded, on the page and in JupyterLab."""
    complaints = []
    waiting = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            waiting = waiting or bool(PREDICTION.search(cell.source))
        elif waiting:
            waiting = False
            if not (has_tag(cell, "hide-output") and is_hidden(cell, "outputs")):
                complaints.append(
                    f"cell {cell.get('id')} answers a prediction; it is not tagged hide-output, or "
                    'its metadata is not "jupyter": {"outputs_hidden": true}'
                )
    return complaints


def folded_code_says_so(notebook):
    """Above folded code stands "Show the code" or the like: "Show the answer" is a prediction's."""
    complaints = []
    for cell in notebook.cells:
        words = cell.metadata.get("mystnb", {})
        named = {"code_prompt_show", "code_prompt_hide"} <= words.keys()
        if has_tag(cell, "hide-input") and not has_tag(cell, "hide-output") and not named:
            complaints.append(
                f"cell {cell.get('id')} folds its code; its metadata lacks "
                '"mystnb": {"code_prompt_show": "Show the code", "code_prompt_hide": …}'
            )
    return complaints


def claims(notebook):
    """A chapter tests its claims, or shows what its evidence notebook says of each."""
    if not notebook.has_evidence:
        return claims_are_tested(notebook)
    shown = {card["id"] for _, card in stored_data(notebook, evidence.CARD_TYPE)}
    reported = [verdict["id"] for _, verdict in stored_data(notebook, evidence.MIME_TYPE)]
    complaints = [
        f"claim {claim_id} is not shown (evidence.show)"
        for claim_id in own_claims(notebook.page)
        if claim_id not in shown
    ]
    return complaints + [
        f"claim {claim_id} is reported here, and not in the evidence notebook alone"
        for claim_id in reported
    ]


def cards_are_fresh(notebook):
    """What a card shows is what the notebook that tests the claim stores."""
    complaints = []
    for _, card in stored_data(notebook, evidence.CARD_TYPE):
        stored = notebook.verdicts.get(card["id"], {})
        if {key: stored.get(key) for key in card} != card:
            complaints.append(f"the card of claim {card['id']} is stale: run it (make run)")
    return complaints


def figures_are_fresh(notebook):
    """A figure that a chapter shows from its evidence is the one that is stored there."""
    complaints = []
    for cell in notebook.code:
        shown = re.fullmatch(r"evidence\.show_figure\(\"([^\"]+)\"\)", cell.source.strip())
        pictures = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
        if shown and pictures != [evidence.show_figure(shown[1]).png]:
            complaints.append(f"the figure {shown[1]} is stale: run it (make run)")
    return complaints


def output_width(notebook):
    """What is printed to be read does not scroll sideways; a table has HTML beside its text."""
    complaints = []
    for cell in notebook.code:
        for output in cell.outputs:
            data = output.get("data", {})
            text = output.get("text", "" if "text/html" in data else data.get("text/plain", ""))
            width = max(map(len, text.splitlines()), default=0)
            if width > WIDTH:
                complaints.append(
                    f"cell {cell.get('id')}: a line of {width} characters, not {WIDTH}"
                )
    return complaints


def unwanted_prose(notebook, pattern):
    return [
        f"{match[0]!r} in {shorten(line.strip())}"
        for markdown in notebook.markdown
        for line in prose_lines(markdown)
        if not re.search(r"\*\*(Runs|Reads) in\*\*", line)
        for match in re.finditer(pattern, line, re.IGNORECASE)
    ]


def no_belittling_words(notebook):
    return unwanted_prose(notebook, r"\b(simply|obviously|just)\b")


def no_timings_in_prose(notebook):
    # "A second model" is no timing.
    return unwanted_prose(
        notebook,
        r"\b(milliseconds?|seconds|minutes|(1|one) second|(an?|1|one) minute|\d+ ?ms|\d+ s)\b",
    )


COMMON_RULES = [
    one_title,
    file_size,
    executed_in_order,
    outputs,
    figures,
    code_manners,
    tolerances,
    one_sentence_a_line,
    folded_code_says_so,
]
EVIDENCE_RULES = [*COMMON_RULES, evidence_opening, claims_are_tested]
CHAPTER_RULES = [
    *COMMON_RULES,
    title,
    opening_box,
    setup_cell,
    setup_help,
    sections,
    checkpoints,
    exercises,
    solutions_are_folded,
    predictions_are_folded,
    claims,
    cards_are_fresh,
    figures_are_fresh,
    marks,
    output_width,
    no_belittling_words,
    no_timings_in_prose,
]
