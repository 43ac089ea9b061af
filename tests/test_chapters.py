"""Every chapter keeps every rule of chapter_rules; and each rule catches what it is there for."""

import base64
import copy
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.tools import run_chapters
from helpers import evidence
from tests import chapter_rules
from tests.chapter_rules import RULES, Chapter, References

CHAPTERS = sorted((chapter_rules.ROOT / "chapters").glob("*.ipynb"))


@pytest.fixture(scope="module")
def book_references():
    return chapter_rules.read_references(
        chapter_rules.ROOT / "chapters", chapter_rules.ROOT / "book"
    )


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem[:2])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter(book_references, path, rule):
    complaints = rule(chapter_rules.read_chapter(path, book_references))
    assert not complaints, f"{path.name}, {rule.__name__}:\n" + "\n".join(complaints)


def test_contents_list_names_the_chapters_there_are():
    contents = (chapter_rules.ROOT / "_toc.yml").read_text("utf-8")
    listed = re.findall(r"file: chapters/(\S+)", contents)
    assert listed, "_toc.yml lists no chapters"
    assert [path.stem for path in CHAPTERS] == listed


def test_every_claim_of_the_written_chapters_has_its_verdict():
    assert CHAPTERS, "no chapters found"
    verdicts = evidence.collect_verdicts(CHAPTERS)
    written = {int(path.name.split("-")[0]) for path in CHAPTERS}
    expected = {entry.id for entry in evidence.load_claims() if entry.chapter in written}
    assert verdicts.keys() == expected


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem[:2])
def test_chapter_is_stored_in_the_normal_form(path, tmp_path):
    copied = tmp_path / path.name
    run_chapters.write_notebook(run_chapters.normalize(run_chapters.read_notebook(path)), copied)
    assert copied.read_bytes() == path.read_bytes(), f"run make run CHAPTER={path.name[:2]}"


# The rules themselves, on a chapter that keeps them all

GLANCE = """\
:::{admonition} At a glance
:class: tip
**You will learn** to

- look up a row

**Data**: none

**Runs in** about 20 seconds
:::"""
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
We look up a {term}`token <Token>` as {cite:t}`vaswani2017attention,mikolov2013efficient` do.
{numref}`fig-rows` shows it, e.g. A and B; [the evidence](../book/evidence.md) is elsewhere.
He says "Well. I just like it." and `layer. Adjust; simply`.

```python
x = 1  # Just code. Two seconds.
```"""
ALT = "The row of the trained word moves; all other rows stay"
PNG = base64.b64encode(b"picture").decode()


def make_chapter():
    """A small chapter 3 that keeps every rule."""
    cells = [
        new_markdown_cell("# How does the Keras Embedding layer work?\n\nYou will look up rows."),
        new_markdown_cell(GLANCE),
        new_code_cell(chapter_rules.SETUP, metadata={"tags": ["setup"]}),
        new_markdown_cell("## The key idea\n\n" + PROSE),
        new_markdown_cell(PREDICTION),
        new_markdown_cell("## How it learns\n\n### In one step\n\n" + PREDICTION),
        new_code_cell(
            "plot()",
            metadata={
                "mystnb": {
                    "image": {"alt": ALT},
                    "figure": {"name": "fig-rows", "caption": "Rows that move."},
                }
            },
            outputs=[new_output("display_data", data={"image/png": PNG, "text/plain": "<F>"})],
        ),
        new_markdown_cell("## Output of the Embedding layer"),
    ]
    for claim_id in ("3.1a", "3.2a", "3.2b", "3.3a"):
        claim = evidence.Claim(claim_id, "share", at_least=0.5)
        verdict = claim.report(evidence.exactly(1), runs="once")
        for source, shown in (
            ("claim", {"text/html": claim._repr_html_()}),
            ("claim.report()", verdict._repr_mimebundle_()),
        ):
            output = new_output("execute_result", data=shown, execution_count=1)
            cells.append(new_code_cell(source, outputs=[output]))
    cells += [
        new_code_cell("assert x == 1, 'look at x'", metadata={"tags": ["checkpoint"]})
        for _ in range(2)
    ]
    cells += [new_code_cell("x + 1") for _ in range(5)]
    cells += [new_markdown_cell("## More\n\nText."), new_markdown_cell("## Recap\n\nWe did.")]
    cells.append(new_markdown_cell("## Exercises"))
    for label in ("a", "b", "c"):
        cells.append(new_markdown_cell(EXERCISE.format(label)))
        cells.append(new_code_cell("x"))
        cells.append(new_markdown_cell("```{solution-end}\n```"))
    cells.append(new_markdown_cell("## References\n\n- {cite:t}`mikolov2013efficient`"))
    count = 0
    for cell in cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
    return Chapter(
        number=3,
        title="How does the Keras Embedding layer work?",
        name="03-how-does-the-keras-embedding-layer-work",
        text="{}",
        notebook=new_notebook(cells=cells, metadata=run_chapters.NOTEBOOK_METADATA),
        references=References(
            citations={"vaswani2017attention", "mikolov2013efficient"},
            terms={"token"},
            labels={"fig-rows"},
            folder=chapter_rules.ROOT / "chapters",
        ),
    )


def find(chapter, text):
    return next(cell for cell in chapter.notebook.cells if text in cell.source)


def replace(old, new):
    """A mutation: replace text in the first cell that has it."""

    def mutate(chapter):
        cell = find(chapter, old)
        cell.source = cell.source.replace(old, new, 1)

    return mutate


def prose(text):
    return replace("We look up", f"{text}\nWe look up")


def code(text):
    return replace("x + 1", text)


def drop(text):
    def mutate(chapter):
        chapter.notebook.cells.remove(find(chapter, text))

    return mutate


def add_output(output_type, **content):
    def mutate(chapter):
        find(chapter, "x + 1").outputs = [new_output(output_type, **content)]

    return mutate


def set_in_metadata(cell_source, *keys, value):
    def mutate(chapter):
        place = find(chapter, cell_source).metadata
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return mutate


def in_notebook(**changes):
    return lambda chapter: chapter.notebook.update(changes)


def in_chapter(**changes):
    return lambda chapter: chapter._replace(**changes)


def move_to_end(text):
    def mutate(chapter):
        cell = find(chapter, text)
        chapter.notebook.cells.remove(cell)
        chapter.notebook.cells.append(cell)

    return mutate


def repeat(text):
    def mutate(chapter):
        chapter.notebook.cells.insert(1, copy.deepcopy(find(chapter, text)))

    return mutate


def other_claim(chapter):
    shown = find(chapter, "claim.report()").outputs[0].data
    shown[evidence.MIME_TYPE]["id"] = "4a"


def second_figure(chapter):
    cell = find(chapter, "plot()")
    cell.outputs.append(cell.outputs[0])


MUTATIONS = [
    ("title_and_file_name", in_chapter(name="03-how"), "the file is called 03-how"),
    ("title_and_file_name", replace("# How does", "# How did"), "does not begin with"),
    ("title_and_file_name", replace("## The key idea", "# The key idea"), "level 1"),
    ("opening_box", replace("**Runs in**", "Runs in"), "do not stand above"),
    ("setup_cell", replace("random_seed(7)", "random_seed(8)"), "is not the setup"),
    ("setup_cell", set_in_metadata("random_seed", "tags", value=[]), "not tagged setup"),
    ("sections", replace("## How it learns", "## How we learn"), "the first sections are"),
    ("sections", replace("## Recap", "## Recapitulation"), "the last sections are"),
    ("sections", move_to_end("## Exercises"), "the last sections are"),
    ("sections", replace("### In one step", "#### In one step"), "skips a level"),
    ("number_of_code_cells", drop("x + 1"), "19 code cells"),
    ("predictions", drop("Which row moves?"), "1 predictions"),
    ("checkpoints", drop("look at x"), "1 cells tagged checkpoint"),
    ("checkpoints", replace("assert x == 1, 'look at x'", "x"), "asserts nothing"),
    ("checkpoints", replace(", 'look at x'", ""), "without a message"),
    ("exercises", drop("ex-b"), "2 exercises"),
    ("exercises", replace(":class: dropdown\n", ""), "is not folded"),
    ("exercises", replace("{solution-start} ex-a", "{solution-start} ex-z"), "the solutions are"),
    ("exercises", drop("{solution-end}"), "the solution of ex-a does not end"),
    ("exercises", move_to_end("{solution-end}"), "the solution of ex-a does not end"),
    ("claims", drop("claim.report()"), "3.1a is stated 1 times and reported 0 times"),
    ("claims", repeat("claim.report()"), "3.1a is stated 1 times and reported 2 times"),
    ("claims", drop("claim"), "3.1a is stated 0 times and reported 1 times"),
    ("claims", move_to_end("claim"), "not stated before"),
    ("claims", other_claim, "claim 4a is not one of this chapter's"),
    ("format_and_ids", in_notebook(nbformat_minor=4), "format 4.4"),
    ("format_and_ids", repeat("x + 1"), "is there 2 times"),
    ("file_size", in_chapter(text="é" * 300_000), "600000 bytes"),
    ("executed_in_order", drop("x + 1"), "the execution counts are"),
    ("executed_in_order", repeat("x + 1"), "the execution counts are"),
    ("metadata", in_notebook(metadata={"widgets": {}}), "metadata is not the book's"),
    ("metadata", set_in_metadata("x + 1", "execution", value={}), "has metadata ['execution']"),
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
    ("code_length", code("x\n" * 26), "26 lines"),
    ("code_length", code(""), "0 lines"),
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
    ("references_resolve", prose("{cite:t}`nobody2020nothing`"), "{cite:t}`nobody2020nothing`"),
    ("references_resolve", prose("{term}`rows <cow>`"), "{term}`cow`"),
    ("references_resolve", prose("{numref}`fig-cows`"), "{numref}`fig-cows`"),
    ("references_resolve", prose("[here](../book/nowhere.md)"), "../book/nowhere.md"),
    ("references_resolve", prose("[here](#nowhere)"), "#nowhere"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_good_chapter_passes(rule):
    assert rule(make_chapter()) == []


@pytest.mark.parametrize(("name", "mutate", "complaint"), MUTATIONS)
def test_rule_catches(name, mutate, complaint):
    chapter = make_chapter()
    changed = mutate(chapter)
    if isinstance(changed, Chapter):
        chapter = changed
    assert complaint in "\n".join(getattr(chapter_rules, name)(chapter))


def test_each_rule_has_something_to_catch():
    assert {name for name, _, _ in MUTATIONS} == {rule.__name__ for rule in RULES}


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
    chapter = make_chapter()
    prose(line)(chapter)
    assert bool(chapter_rules.no_timings_in_prose(chapter)) == caught


def test_chapter_is_read_without_mending_it(tmp_path, book_references):
    path = tmp_path / "01-what.ipynb"
    cells = [new_code_cell("a\nb", id="same"), new_code_cell("c", id="other")]
    stored = nbformat.writes(new_notebook(cells=cells))
    path.write_text(stored.replace("other", "same"), "utf-8")
    chapter = chapter_rules.read_chapter(path, book_references)
    assert chapter.title == "What are word embeddings?"
    assert chapter.code[0].source == "a\nb"
    assert chapter_rules.format_and_ids(chapter) == ["the id same is there 2 times"]


def test_references_are_found(tmp_path):
    chapters, book = tmp_path / "chapters", tmp_path / "book"
    chapters.mkdir()
    book.mkdir()
    (book / "references.bib").write_text("@article{ada1843notes,\n}", "utf-8")
    (book / "glossary.md").write_text("# G\n\n```{glossary}\n:sorted:\n\nBag\n  A.\n```\n", "utf-8")
    (book / "index.md").write_text("(here)=\n## Here\n", "utf-8")
    chapter = make_chapter()
    nbformat.write(chapter.notebook, chapters / "03.ipynb")
    found = chapter_rules.read_references(chapters, book)
    assert found.citations == {"ada1843notes"}
    assert found.terms == {"bag"}
    assert {"here", "fig-rows", "ex-a", "sol-a"} <= found.labels
