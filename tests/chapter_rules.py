"""What STYLE asks of every chapter and a machine can judge: one function for each rule.

A rule takes a `Chapter` and returns a list of complaints, empty if all is well.
"""

import ast
import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat

from book.tools import run_chapters
from helpers import evidence

ROOT = Path(__file__).parents[1]

# As `ruff format` leaves it.
SETUP = """\
try:
    from helpers import data, evidence, plotting
    import keras
    import matplotlib.pyplot as plt
    import numpy as np
except ModuleNotFoundError as error:
    raise SystemExit(
        f"{error}: run `pip install -r requirements.txt` in the book's folder."
    ) from None

plotting.use_book_style()
keras.utils.set_random_seed(7)"""

# The sections that the book's contents list numbers: 2.1 is the first of chapter 2.
SECTIONS = {
    2: [
        "Lack of semantic meaning",
        "High dimensionality",
        "No contextual understanding",
        "Difficulty for neural networks",
    ],
    3: ["The key idea", "How it learns", "Output of the Embedding layer"],
    4: ["Tokenization", "Building the model", "Compiling and training"],
    6: ["Trainable embeddings", "Non-trainable embeddings"],
    7: ["The four steps", "The embedding matrix"],
    8: ["Similar words cluster together", "Analogies", "Contextual relevance"],
    9: ["PCA and t-SNE"],
}
CLOSING_SECTIONS = ["Recap", "Exercises", "References"]

MAX_BYTES = 600_000
MAX_CODE_LINES = 25
MIN_ALT_LENGTH = 30

FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:-]+)\})?(.*)$")
NOT_PROSE = {"code-block", "code-cell", "code", "literalinclude", "math", "mermaid", "raw"}
EXERCISE = re.compile(r"^[`:]{3,}\{exercise\}[^\n]*\n((?::.*\n)*)", re.MULTILINE)
SOLUTION = re.compile(
    r"^[`:]{3,}\{solution-start\}[ ]*(\S+)[ ]*\n((?::.*\n)*)|^[`:]{3,}\{(solution-end)\}",
    re.MULTILINE,
)
ROLE = re.compile(r"\{([\w:]+)\}`(?:[^`<]*<([^>`]+)>|([^`]+))`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Chapter(NamedTuple):
    """A notebook with what the rules need to know about its surroundings."""

    number: int
    title: str
    name: str
    text: str
    notebook: nbformat.NotebookNode
    references: "References"

    @property
    def code(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def markdown(self):
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]


class References(NamedTuple):
    """What a chapter can refer to; terms in lower case, as Sphinx finds them."""

    citations: set
    terms: set
    labels: set
    folder: Path


def read_chapter(path, references):
    titles = [
        title
        for part in tomllib.loads((ROOT / "book" / "chapters.toml").read_text("utf-8"))["parts"]
        for title in part["chapters"]
    ]
    number = int(path.name.split("-")[0])
    text = path.read_text("utf-8")
    # Not nbformat.read, which would mend what the rules are to find.
    notebook = nbformat.from_dict(json.loads(text))
    for cell in notebook.cells:
        cell.source = "".join(cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output.text = "".join(output.text)
            for kind, value in output.get("data", {}).items():
                if isinstance(value, list):
                    output.data[kind] = "".join(value)
    return Chapter(number, titles[number - 1], path.stem, text, notebook, references)


def read_references(chapters_folder, book_folder):
    glossary = (book_folder / "glossary.md").read_text("utf-8")
    body = re.search(r"^```\{glossary\}\n(.*?)^```", glossary, re.DOTALL | re.MULTILINE)[1]
    texts = [path.read_text("utf-8") for path in book_folder.glob("*.md")]
    labels = set()
    for path in chapters_folder.glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        figures = (cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells)
        labels |= {figure["name"] for figure in figures if "name" in figure}
    for text in texts:
        labels |= set(re.findall(r"^\(([\w.-]+)\)=\s*$", text, re.MULTILINE))
        labels |= set(re.findall(r"^:(?:label|name):\s*(\S+)", text, re.MULTILINE))
        labels |= set(re.findall(r"^\$\$\s*\(([\w.-]+)\)", text, re.MULTILINE))
    return References(
        citations=set(
            re.findall(r"@\w+\{([^,\s]+),", (book_folder / "references.bib").read_text("utf-8"))
        ),
        terms={line.strip().lower() for line in body.splitlines() if re.match(r"[^\s:]", line)},
        labels=labels,
        folder=chapters_folder,
    )


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


def headings(chapter):
    """List the chapter's headings as (level, text)."""
    found = []
    for markdown in chapter.markdown:
        without_code = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.DOTALL | re.MULTILINE)
        found += re.findall(r"^(#{1,6}) +(.+?)\s*$", without_code, re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


def shorten(text):
    return repr(text if len(text) < 80 else text[:77] + "...")


# What every chapter has


def title_and_file_name(chapter):
    complaints = []
    slug = re.sub(r"[^a-z0-9]+", "-", chapter.title.lower()).strip("-")
    expected = f"{chapter.number:02d}-{slug}"
    if chapter.name != expected:
        complaints.append(f"the file is called {chapter.name}, not {expected}")
    first = chapter.notebook.cells[0]
    if first.cell_type != "markdown" or first.source.splitlines()[:1] != [f"# {chapter.title}"]:
        complaints.append(f"the first cell does not begin with '# {chapter.title}'")
    if [level for level, _ in headings(chapter)].count(1) != 1:
        complaints.append("there is not exactly one heading of level 1")
    return complaints


def opening_box(chapter):
    before_code = []
    for cell in chapter.notebook.cells:
        if cell.cell_type == "code":
            break
        before_code.append(cell.source)
    text = "\n".join(before_code)
    places = [text.find(f"**{label}**") for label in ("You will learn", "Data", "Runs in")]
    if -1 in places or places != sorted(places):
        return ["**You will learn**, **Data**, **Runs in** do not stand above the first code cell"]
    return []


def setup_cell(chapter):
    first = chapter.code[0]
    complaints = []
    if first.source.strip() != SETUP:
        complaints.append(f"the first code cell is not the setup, which is:\n{SETUP}")
    if not has_tag(first, "setup"):
        complaints.append("the first code cell is not tagged setup")
    return complaints


def sections(chapter):
    found = headings(chapter)
    names = [text for level, text in found if level == 2]
    complaints = []
    expected = SECTIONS.get(chapter.number, [])
    if names[: len(expected)] != expected:
        complaints.append(f"the first sections are {names[: len(expected)]}, not {expected}")
    if names[-3:] != CLOSING_SECTIONS:
        complaints.append(f"the last sections are {names[-3:]}, not {CLOSING_SECTIONS}")
    for (level, _), (next_level, text) in itertools.pairwise(found):
        if next_level > level + 1:
            complaints.append(f"heading {text!r} skips a level")
    return complaints


def number_of_code_cells(chapter):
    number = len(chapter.code)
    return [] if 20 <= number <= 40 else [f"{number} code cells, not 20 to 40"]


def predictions(chapter):
    admonitions = re.findall(
        r"^[`:]{3,}\{admonition\}([^\n]*\n(?::.*\n)*)", "\n".join(chapter.markdown), re.MULTILINE
    )
    number = sum("predict" in opening.lower() for opening in admonitions)
    return [] if number >= 2 else [f"{number} predictions before a run, not at least 2"]


def checkpoints(chapter):
    complaints = []
    cells = [cell for cell in chapter.code if has_tag(cell, "checkpoint")]
    if not 2 <= len(cells) <= 4:
        complaints.append(f"{len(cells)} cells tagged checkpoint, not 2 to 4")
    for cell in cells:
        tree = ast.parse(cell.source)
        assertions = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        if not assertions:
            complaints.append(f"checkpoint asserts nothing: {shorten(cell.source)}")
        for assertion in assertions:
            if assertion.msg is None:
                complaints.append(f"assertion without a message: {ast.unparse(assertion)}")
    return complaints


def exercises(chapter):
    complaints = []
    labels = []
    solved = []
    open_solution = None
    has_code = False
    for cell in chapter.notebook.cells:
        if cell.cell_type == "code":
            has_code = True
            continue
        for options in EXERCISE.findall(cell.source + "\n"):
            label = re.search(r"^:label:\s*(\S+)", options, re.MULTILINE)
            labels.append(label[1] if label else f"without a label ({len(labels) + 1})")
        for label, options, end in SOLUTION.findall(cell.source + "\n"):
            if end:
                if open_solution and not has_code:
                    complaints.append(f"the solution of {open_solution} has no code cell")
                if not open_solution:
                    complaints.append("a solution ends that never started")
                open_solution = None
                continue
            if open_solution:
                complaints.append(f"the solution of {open_solution} does not end")
            open_solution, has_code = label, False
            solved.append(label)
            if "dropdown" not in options:
                complaints.append(f"the solution of {label} is not folded (:class: dropdown)")
    if open_solution:
        complaints.append(f"the solution of {open_solution} does not end")
    if not 3 <= len(labels) <= 5:
        complaints.append(f"{len(labels)} exercises, not 3 to 5")
    if sorted(labels) != sorted(solved):
        complaints.append(f"the exercises are {labels}, the solutions are of {solved}")
    return complaints


def claims(chapter):
    """Each claim of the chapter is stated, then reported, once, and no other claim is."""
    stated, reported = {}, {}
    complaints = []
    for position, cell in enumerate(chapter.notebook.cells):
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            if '<div class="claim">' in shown.get("text/html", ""):
                claim_id = re.search(r"Claim ([\w.]+?)\.?<", shown["text/html"])[1]
                stated.setdefault(claim_id, []).append(position)
            if evidence.MIME_TYPE in shown:
                claim_id = shown[evidence.MIME_TYPE]["id"]
                reported.setdefault(claim_id, []).append(position)
    own = [entry.id for entry in evidence.load_claims() if entry.chapter == chapter.number]
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


# The file


def format_and_ids(chapter):
    complaints = []
    notebook = chapter.notebook
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        complaints.append(f"format {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5")
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids:
        complaints.append(f"{ids.count(None)} cells without an id")
    for cell_id in sorted({cell_id for cell_id in ids if cell_id and ids.count(cell_id) > 1}):
        complaints.append(f"the id {cell_id} is there {ids.count(cell_id)} times")
    return complaints


def file_size(chapter):
    size = len(chapter.text.encode())
    return [] if size < MAX_BYTES else [f"{size} bytes, not under {MAX_BYTES}"]


def executed_in_order(chapter):
    counts = [cell.execution_count for cell in chapter.code]
    if counts != list(range(1, len(counts) + 1)):
        return [f"the execution counts are {counts}: run the chapter (make run)"]
    return []


def metadata(chapter):
    """No execution timings, widget state, or traces of an editor or a kernel."""
    complaints = []
    if dict(chapter.notebook.metadata) != run_chapters.NOTEBOOK_METADATA:
        complaints.append("the notebook's metadata is not the book's: run the chapter (make run)")
    for cell in chapter.notebook.cells:
        extra = sorted(set(cell.metadata) - run_chapters.CELL_METADATA)
        if extra:
            complaints.append(f"cell {cell.get('id')} has metadata {extra}")
    return complaints


def outputs(chapter):
    """Nothing on stderr, no widget, no unexpected exception, nothing of one machine or run."""
    complaints = []
    for cell in chapter.code:
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
                if run_chapters.MEMORY_ADDRESS.search(text):
                    complaints.append(f"{where}: a memory address: {shorten(text)}")
                if re.search(r"(?<![\w.])/(home|root|tmp|Users)/|site-packages|\b[A-Z]:\\", text):
                    complaints.append(f"{where}: a path of one machine: {shorten(text)}")
    return complaints


def figures(chapter):
    """Alt text for each figure, one figure a cell, a caption where a figure has a name."""
    complaints = []
    for cell in chapter.code:
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


# Code


def code_length(chapter):
    return [
        f"{len(cell.source.splitlines())} lines in cell {cell.get('id')}"
        for cell in chapter.code
        if len(cell.source.splitlines()) > MAX_CODE_LINES or not cell.source.strip()
    ]


def code_manners(chapter):
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
    for cell in chapter.code:
        for what, pattern in unwanted.items():
            found = re.search(pattern, cell.source, re.MULTILINE)
            if found:
                complaints.append(f"{what} in cell {cell.get('id')}: {found[0]!r}")
        if any(tag.startswith("nbval") for tag in cell.metadata.get("tags", [])):
            complaints.append(f"an nbval tag on cell {cell.get('id')}")
    return complaints


# Prose


def unwanted_prose(chapter, pattern):
    return [
        f"{match[0]!r} in {shorten(line.strip())}"
        for markdown in chapter.markdown
        for line in prose_lines(markdown)
        if "**Runs in**" not in line
        for match in re.finditer(pattern, line, re.IGNORECASE)
    ]


def no_belittling_words(chapter):
    return unwanted_prose(chapter, r"\b(simply|obviously|just)\b")


def no_timings_in_prose(chapter):
    # "A second model" is no timing.
    return unwanted_prose(
        chapter,
        r"\b(milliseconds?|seconds|minutes|(1|one) second|(an?|1|one) minute|\d+ ?ms|\d+ s)\b",
    )


def one_sentence_a_line(chapter):
    complaints = []
    for markdown in chapter.markdown:
        for line in prose_lines(markdown):
            text = re.sub(r"^\s*([-*+]|\d+\.)\s+|\b(e\.g|i\.e|vs|cf|al|[A-Z])\.", " ", line)
            text = re.sub(r"[*_]+", "", text)
            if re.search(r"\w[.!?][)’']*\s+[A-Z]", text):
                complaints.append(f"two sentences on a line: {shorten(line.strip())}")
    return complaints


def references_resolve(chapter):
    known = chapter.references
    complaints = []
    for markdown in chapter.markdown:
        for role, target, alone in ROLE.findall(markdown):
            for name in (target or alone).split(","):
                name = name.strip()
                if role.startswith("cite"):
                    found = name in known.citations
                elif role == "term":
                    found = name.lower() in known.terms
                elif role in ("ref", "numref", "eq"):
                    found = name in known.labels
                else:
                    found = True
                if not found:
                    complaints.append(f"{{{role}}}`{name}` leads nowhere")
        for target in LINK.findall(markdown):
            if re.match(r"(https?|mailto):", target):
                continue
            file_name, _, label = target.partition("#")
            if file_name:
                paths = [known.folder / f"{file_name}{ending}" for ending in ("", ".md", ".ipynb")]
                found = file_name in known.labels or any(path.is_file() for path in paths)
            else:
                found = label in known.labels
            if not found:
                complaints.append(f"the link to {target} leads nowhere")
    return complaints


RULES = [
    title_and_file_name,
    opening_box,
    setup_cell,
    sections,
    number_of_code_cells,
    predictions,
    checkpoints,
    exercises,
    claims,
    format_and_ids,
    file_size,
    executed_in_order,
    metadata,
    outputs,
    figures,
    code_length,
    code_manners,
    no_belittling_words,
    no_timings_in_prose,
    one_sentence_a_line,
    references_resolve,
]
