"""Every notebook keeps every rule of chapter_rules; and each rule catches what it is there for."""

import base64
import copy
import tomllib

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.tools import contents, run_notebooks
from helpers import evidence
from tests import chapter_rules
from tests.chapter_rules import CHAPTER_RULES, EVIDENCE_RULES, Notebook

ROOT = contents.ROOT
NOTEBOOKS = contents.notebooks()
CHAPTERS = [path for path in NOTEBOOKS if path.parent.name == "chapters"]
EVIDENCE = [path for path in NOTEBOOKS if path.parent.name == "evidence"]
EXCEPTIONS = tomllib.loads((ROOT / "tests" / "exceptions.toml").read_text("utf-8"))


def name(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
@pytest.mark.parametrize("rule", CHAPTER_RULES, ids=lambda rule: rule.__name__)
def test_chapter(path, rule):
    complaints = rule(chapter_rules.read_notebook(path))
    if path.stem[:2] in EXCEPTIONS.get(rule.__name__, []):
        assert complaints, f"{path.stem[:2]} keeps {rule.__name__}: take it off exceptions.toml"
    else:
        assert not complaints, f"{name(path)}, {rule.__name__}:\n" + "\n".join(complaints)


@pytest.mark.parametrize("path", EVIDENCE, ids=name)
@pytest.mark.parametrize("rule", EVIDENCE_RULES, ids=lambda rule: rule.__name__)
def test_evidence_notebook(path, rule):
    complaints = rule(chapter_rules.read_notebook(path))
    assert not complaints, f"{name(path)}, {rule.__name__}:\n" + "\n".join(complaints)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_notebook_is_stored_in_the_normal_form(path, tmp_path):
    copied = tmp_path / path.name
    notebook = run_notebooks.normalize(run_notebooks.read_notebook(path))
    run_notebooks.write_notebook(notebook, copied)
    assert copied.read_bytes() == path.read_bytes(), f"run make run CHAPTER={path.name[:2]}"


def test_exceptions_are_of_rules_and_chapters_that_there_are():
    assert EXCEPTIONS.keys() <= {rule.__name__ for rule in CHAPTER_RULES}
    numbers = {path.stem[:2] for path in CHAPTERS}
    assert all(set(chapters) <= numbers for chapters in EXCEPTIONS.values())


def test_every_notebook_is_in_the_contents_of_the_book():
    there = {path for folder in contents.FOLDERS for path in (ROOT / folder).glob("*.ipynb")}
    assert there == set(NOTEBOOKS)


def test_table_of_contents_is_fresh():
    assert (ROOT / "_toc.yml").read_text("utf-8") == contents.table_of_contents(), "make book"


def test_every_claim_of_the_written_chapters_has_its_verdict():
    assert CHAPTERS, "no chapters found"
    written = {int(path.stem[:2]) for path in CHAPTERS}
    expected = {entry.id for entry in evidence.load_claims() if entry.chapter in written}
    assert chapter_rules.stored_verdicts().keys() == expected


# The rules themselves, on notebooks that keep them all

GLANCE = (
    """\
:::{admonition} At a glance
:class: tip
**You will learn** to

- look up a row

**Data**: none

**Runs in** about 20 seconds
:::

"""
    + chapter_rules.SETUP_HELP
)
PREDICTION = """\
:::{admonition} Predict before you run
:class: predict
Which row moves?
:::"""
EXERCISE = """\
```{{exercise}} Rows
:label: ex-{0}
Count the rows.
```

```{{solution-start}} ex-{0}
:class: dropdown
:label: sol-{0}
```"""
PROSE = """\
We look up a {term}`token <Token>`, e.g. A and B; [the evidence](../book/evidence/index.md).
He says "Well. I just like it." and `layer. Adjust; simply`.

```python
x = 1  # Just code. Two seconds.
```"""
ALT = "The row of the trained word moves; all other rows stay"
PNG = base64.b64encode(b"picture").decode()
PAGE = next(page for page in contents.read_pages() if page.number == "3")
CLAIMS = ("3.1a", "3.2a", "3.2b", "3.3a")
FOLDED = {"source_hidden": True, "outputs_hidden": True}


def verdict(claim_id):
    estimate = {"name": "", "value": 1, "low": 1, "high": 1, "verdict": "holds"}
    return {"id": claim_id, "kind": "holds", "verdict": "holds", "estimates": [estimate]}


def showing(source, kind, data):
    output = new_output("display_data", data={kind: data, "text/plain": "-" * 100, "text/html": ""})
    return new_code_cell(source, outputs=[output])


def claim_cells():
    cells = []
    for claim_id in CLAIMS:
        cells.append(showing("claim", evidence.CLAIM_TYPE, {"id": claim_id}))
        cells.append(showing("claim.report()", evidence.MIME_TYPE, verdict(claim_id)))
    return cells


def finish(cells, has_evidence):
    code = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    content = new_notebook(cells=cells, metadata=run_notebooks.NOTEBOOK_METADATA)
    stored = {claim_id: verdict(claim_id) | {"notebook": "x"} for claim_id in (*CLAIMS, "4a")}
    return Notebook(PAGE, "{}", content, has_evidence, stored)


def figure():
    return new_code_cell(
        "plot()",
        metadata={
            "mystnb": {
                "image": {"alt": ALT},
                "figure": {"name": "fig-rows", "caption": "Rows that move."},
            }
        },
        outputs=[new_output("display_data", data={"image/png": PNG, "text/plain": "<F>"})],
    )


def make_chapter(has_evidence=False):
    """A small chapter 3 that keeps every rule, with an evidence notebook or without."""
    prediction = {"tags": ["hide-output"], "jupyter": {"outputs_hidden": True}}
    cells = [
        new_markdown_cell("# How does the Keras Embedding layer work?\n\nYou will look up rows."),
        new_markdown_cell(GLANCE),
        new_code_cell(chapter_rules.SETUP, metadata={"tags": ["setup"]}),
        new_markdown_cell("## The key idea\n\n" + PROSE),
        new_markdown_cell(PREDICTION),
        new_markdown_cell("## How it learns\n\n### In one step"),
        new_code_cell("moved", metadata=prediction),
        figure(),
        new_markdown_cell("## Output of the Embedding layer"),
        *([] if has_evidence else claim_cells()),
        *(
            showing("evidence.show()", evidence.CARD_TYPE, verdict(claim_id))
            for claim_id in ((*CLAIMS, "4a") if has_evidence else ("4a",))
        ),
        new_code_cell("assert x == 1, 'look at x'", metadata={"tags": ["checkpoint"]}),
        new_code_cell("x + 1", metadata={"tolerance": {"rtol": 0.2, "atol": 0.05}}),
        new_code_cell("timed", metadata={"tolerance": {"factor": 3}}),
        new_markdown_cell("## More\n\nText."),
        new_markdown_cell("## Recap\n\nWe did."),
        new_markdown_cell("## Exercises"),
    ]
    for label in ("a", "b"):
        cells.append(new_markdown_cell(EXERCISE.format(label)))
        cells.append(new_code_cell("solve()", metadata={"jupyter": FOLDED}))
        cells.append(new_markdown_cell("```{solution-end}\n```"))
    cells.append(new_markdown_cell("## References\n\n- {cite:t}`mikolov2013efficient`"))
    return finish(cells, has_evidence)


def make_evidence():
    """A small evidence notebook of chapter 3 that keeps every rule."""
    heading = "# Evidence: How does the Keras Embedding layer work?\n\nWe asked four things."
    cells = [new_markdown_cell(heading), new_code_cell("import keras"), new_markdown_cell(PROSE)]
    return finish([*cells, *claim_cells(), figure(), new_code_cell("x + 1")], True)


def find(notebook, text):
    return next(cell for cell in notebook.cells if text in cell.source)


def replace(old, new):
    """A mutation: replace text in the first cell that has it."""

    def mutate(notebook):
        cell = find(notebook, old)
        cell.source = cell.source.replace(old, new, 1)

    return mutate


def prose(text):
    return replace("We look up", f"{text}\nWe look up")


def code(text):
    return replace("x + 1", text)


def drop(text):
    def mutate(notebook):
        notebook.cells.remove(find(notebook, text))

    return mutate


def add_output(output_type, **content):
    def mutate(notebook):
        find(notebook, "x + 1").outputs = [new_output(output_type, **content)]

    return mutate


def set_in_metadata(cell_source, *keys, value):
    def mutate(notebook):
        place = find(notebook, cell_source).metadata
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return mutate


def fold(cell_source, **parts):
    return set_in_metadata(cell_source, "jupyter", value=parts)


def changed(**changes):
    return lambda notebook: notebook._replace(**changes)


def move_to_end(text):
    def mutate(notebook):
        cell = find(notebook, text)
        notebook.cells.remove(cell)
        notebook.cells.append(cell)

    return mutate


def repeat(text):
    def mutate(notebook):
        notebook.cells.insert(1, copy.deepcopy(find(notebook, text)))

    return mutate


def in_data(source, kind, **changes):
    """A mutation: change what the first cell with this source stores as data of this kind."""
    return lambda notebook: find(notebook, source).outputs[0].data[kind].update(changes)


def report_in_chapter(notebook):
    notebook.cells.append(claim_cells()[1])


def second_figure(notebook):
    cell = find(notebook, "plot()")
    cell.outputs.append(cell.outputs[0])


IN_CHAPTERS = [
    ("title", replace("# How does", "# How did"), "does not begin with"),
    ("one_title", replace("## The key idea", "# The key idea"), "level 1"),
    ("opening_box", replace("**Runs in**", "Runs in"), "do not stand above"),
    ("setup_cell", replace("random_seed(7)", "random_seed(8)"), "is not the setup"),
    ("setup_cell", set_in_metadata("random_seed", "tags", value=[]), "not tagged setup"),
    ("setup_help", replace("run `make lab`", "run it"), "does not stand: If the first cell"),
    ("setup_help", move_to_end("If the first cell"), "does not stand: If the first cell"),
    ("sections", replace("## How it learns", "## How we learn"), "the first sections are"),
    ("sections", replace("## Recap", "## Recapitulation"), "the last sections are"),
    ("sections", move_to_end("## Exercises"), "the last sections are"),
    ("checkpoints", replace("assert x == 1, 'look at x'", "x"), "asserts nothing"),
    ("checkpoints", replace(", 'look at x'", ""), "without a message"),
    ("exercises", replace("{solution-start} ex-b", "{note}"), "ex-b has no solution"),
    ("exercises", replace(":label: ex-b\nCount", "Count"), "an exercise has no label"),
    ("exercises", replace(":class: dropdown\n", ""), "is not folded"),
    ("exercises", replace("{solution-start} ex-a", "{solution-start} ex-z"), "ex-a has no"),
    ("solutions_are_folded", fold("solve()", outputs_hidden=True), "is part of a solution"),
    ("solutions_are_folded", fold("solve()", source_hidden=True), "is part of a solution"),
    ("predictions_are_folded", set_in_metadata("moved", "tags", value=[]), "answers a prediction"),
    ("predictions_are_folded", fold("moved", source_hidden=True), "answers a prediction"),
    ("predictions_are_folded", drop("moved"), "answers a prediction"),
    ("folded_code_says_so", set_in_metadata("moved", "tags", value=["hide-input"]), "folds its"),
    ("claims", drop("claim.report()"), "3.1a is stated 1 times and reported 0 times"),
    ("claims", repeat("claim.report()"), "3.1a is stated 1 times and reported 2 times"),
    ("claims", drop("claim"), "3.1a is stated 0 times and reported 1 times"),
    ("claims", move_to_end("claim"), "not stated before"),
    ("claims", in_data("claim.report()", evidence.MIME_TYPE, id="4a"), "not one of this chapter's"),
    ("cards_are_fresh", in_data("show()", evidence.CARD_TYPE, verdict="holds not"), "4a is stale"),
    ("cards_are_fresh", in_data("show()", evidence.CARD_TYPE, id="4b"), "claim 4b is stale"),
    ("marks", prose('<a href="../x.ipynb#claim-3-1a">✗ 3.1a</a>'), "3.1a is marked ✗, and should"),
    ("marks", prose('<a href="../x.ipynb#claim-9j">✓ 9j</a>'), "should be None"),
    ("cards_are_fresh", in_data("show()", evidence.CARD_TYPE, estimates=[]), "claim 4a is stale"),
    ("figures_are_fresh", replace("plot()", 'evidence.show_figure("fig-e05-tasks")'), "is stale"),
    ("output_width", add_output("stream", text="a\n" + "b" * 77), "a line of 77 characters"),
    ("output_width", add_output("display_data", data={"text/plain": "b" * 77}), "a line of 77"),
    ("file_size", changed(text="é" * 300_000), "600000 bytes"),
    ("executed_in_order", drop("x + 1"), "the execution counts are"),
    ("executed_in_order", repeat("x + 1"), "the execution counts are"),
    ("outputs", add_output("stream", name="stderr", text="careful"), "stderr: 'careful'"),
    ("outputs", add_output("error", ename="KeyError", evalue="x"), "exception KeyError: x"),
    ("outputs", add_output("stream", text="<object at 0x7f3098c40510>"), "a memory address"),
    ("outputs", add_output("stream", text="/home/ada/x.txt"), "a path of one machine"),
    (
        "outputs",
        add_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
        "a widget",
    ),
    ("figures", set_in_metadata("plot()", "mystnb", "image", "alt", value="short"), "alt text"),
    (
        "figures",
        set_in_metadata("plot()", "mystnb", "image", "alt", value=f"Figure of {ALT}"),
        "alt text",
    ),
    ("figures", set_in_metadata("plot()", "mystnb", value={}), "alt text"),
    ("figures", set_in_metadata("plot()", "mystnb", "figure", "caption", value=""), "no caption"),
    ("figures", second_figure, "2 figures in one cell"),
    ("tolerances", set_in_metadata("x + 1", "tolerance", "rtol", value=0.9), "rtol 0.9, not"),
    ("tolerances", set_in_metadata("x + 1", "tolerance", "atol", value=0.06), "atol 0.06, not"),
    ("tolerances", set_in_metadata("x + 1", "tolerance", "factor", value=2), "takes rtol and atol"),
    ("tolerances", set_in_metadata("timed", "tolerance", "factor", value=4), "factor 4, not"),
    ("code_manners", code("plt.rcParams['figure.dpi'] = 1"), "plot settings"),
    ("code_manners", code("url = 'https://example.org/data.zip'"), "an address"),
    ("code_manners", code("keras.datasets.imdb.load_data()"), "a download"),
    ("code_manners", code("!wget x"), "a download"),
    ("code_manners", code("warnings.filterwarnings('ignore')"), "a silenced warning"),
    ("code_manners", code("plt.plot(x);"), "a trailing semicolon"),
    ("code_manners", code("# NBVAL_IGNORE_OUTPUT\nx"), "an nbval mark"),
    ("code_manners", set_in_metadata("x + 1", "tags", value=["nbval-skip"]), "an nbval tag"),
    ("no_belittling_words", prose("It is Just a table."), "'Just' in"),
    ("no_belittling_words", replace("Count the rows", "Simply count"), "'Simply' in"),
    ("no_timings_in_prose", prose("It takes 12 seconds."), "'seconds' in"),
    ("no_timings_in_prose", prose("It takes 12 ms."), "'12 ms' in"),
    ("no_timings_in_prose", prose("It takes about a minute."), "'a minute' in"),
    ("one_sentence_a_line", prose("It is a table. It has rows."), "two sentences"),
    ("one_sentence_a_line", prose("- Is it **one**? Yes."), "two sentences"),
]
WITH_EVIDENCE = [
    ("claims", drop("show()"), "claim 3.1a is not shown"),
    ("claims", report_in_chapter, "claim 3.1a is reported here"),
    ("cards_are_fresh", in_data("show()", evidence.CARD_TYPE, verdict="fails"), "3.1a is stale"),
]
IN_EVIDENCE = [
    ("evidence_opening", replace("# Evidence: How", "# How"), "does not begin with"),
    ("evidence_opening", replace("\n\nWe asked four things.", ""), "no paragraph follows"),
    ("evidence_opening", replace("We asked", "## We asked"), "no paragraph follows"),
    ("claims_are_tested", drop("claim.report()"), "3.1a is stated 1 times and reported 0 times"),
    ("claims_are_tested", drop("claim"), "3.1a is stated 0 times and reported 1 times"),
    ("claims_are_tested", move_to_end("claim"), "not stated before"),
]


@pytest.mark.parametrize("has_evidence", [False, True])
@pytest.mark.parametrize("rule", CHAPTER_RULES, ids=lambda rule: rule.__name__)
def test_good_chapter_passes(rule, has_evidence):
    assert rule(make_chapter(has_evidence)) == []


@pytest.mark.parametrize("rule", EVIDENCE_RULES, ids=lambda rule: rule.__name__)
def test_good_evidence_notebook_passes(rule):
    assert rule(make_evidence()) == []


def complaints_of(name, mutate, notebook):
    """What a rule says of a notebook that was changed: in place, or into another."""
    return "\n".join(getattr(chapter_rules, name)(mutate(notebook) or notebook))


@pytest.mark.parametrize(("name", "mutate", "complaint"), IN_CHAPTERS)
def test_rule_catches(name, mutate, complaint):
    assert complaint in complaints_of(name, mutate, make_chapter())


@pytest.mark.parametrize(("name", "mutate", "complaint"), WITH_EVIDENCE)
def test_rule_catches_in_a_chapter_with_evidence(name, mutate, complaint):
    assert complaint in complaints_of(name, mutate, make_chapter(has_evidence=True))


@pytest.mark.parametrize(("name", "mutate", "complaint"), IN_EVIDENCE)
def test_rule_catches_in_an_evidence_notebook(name, mutate, complaint):
    assert complaint in complaints_of(name, mutate, make_evidence())


def test_each_rule_has_something_to_catch():
    caught = {name for name, _, _ in IN_CHAPTERS + IN_EVIDENCE}
    assert caught == {rule.__name__ for rule in CHAPTER_RULES + EVIDENCE_RULES}


def test_pages_under_a_chapter_own_the_claims_of_their_section():
    pages = {page.number: page for page in contents.read_pages()}
    assert chapter_rules.own_claims(pages["15.3"]) == ["15.3a"]
    assert not set(chapter_rules.own_claims(pages["15"])) & {"15.1a", "15.3a", "15.5a"}
    assert chapter_rules.own_claims(pages["3"]) == [*CLAIMS]


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("A second model has a second head.", False),
        ("We adjust it in the 1990s for the 20s.", False),
        ("It takes one second.", True),
        ("It takes about a minute.", True),
    ],
)
def test_what_counts_as_a_timing(line, caught):
    notebook = make_chapter()
    prose(line)(notebook)
    assert bool(chapter_rules.no_timings_in_prose(notebook)) == caught
