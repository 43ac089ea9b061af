"""The tools of book/tools on planted books: the contents, running, reseeding and reporting."""

import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.tools import contents, report, reseed, run_notebooks
from helpers import evidence

ROOT = contents.ROOT
CHAPTER = "chapters/03-how-does-the-keras-embedding-layer-work"
PROOF = "book/evidence/03-how-does-the-keras-embedding-layer-work"
# What a native library writes past Python at start-up.
NATIVE_LINE = (
    "I0000 00:00:1795365308.803378    5649 port.cc:153] oneDNN custom operations are on.\n"
)
RAISES = {"tags": ["raises-exception"]}


@pytest.fixture
def book(tmp_path):
    """A book without notebooks."""
    (tmp_path / "book" / "evidence").mkdir(parents=True)
    (tmp_path / "chapters").mkdir()
    shutil.copy(ROOT / "book" / "contents.toml", tmp_path / "book")
    return tmp_path


def plant(book, name, *sources, **metadata):
    """Write a notebook as an editor might leave it."""
    notebook = new_notebook(cells=[new_markdown_cell("# Größe"), *map(new_code_cell, sources)])
    notebook.cells[0].metadata["editable"] = True
    for cell in notebook.cells[1:2]:
        cell.metadata.update(metadata)
    notebook.metadata = {"widgets": {}, "language_info": {"name": "python", "version": "3.9"}}
    path = book / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


# Contents


def test_notebooks_run_in_the_order_of_the_book_evidence_first(book):
    with pytest.raises(LookupError, match="none yet"):
        contents.notebooks(book)
    names = [
        "chapters/15-real-world-use-cases-of-embeddings-in-keras",
        "chapters/15-3-machine-translation",
        CHAPTER,
        PROOF,
    ]
    for name in names:
        plant(book, name)
    plant(book, "chapters/99-not-of-the-book")

    def found(number=None):
        paths = contents.notebooks(book, number)
        return [path.relative_to(book).with_suffix("").as_posix() for path in paths]

    assert found() == [PROOF, CHAPTER, *names[:2]]
    assert found("3") == found("03") == [PROOF, CHAPTER]
    assert found("15") == names[:2]
    assert found("15-3") == names[1:2]


def test_pages_are_numbered_on_after_the_sections_of_their_chapter():
    names = {page.number: page.name for page in contents.read_pages()}
    assert names["15.1"] == "15-1-sentiment-analysis"
    assert names["16.4"] == "16-4-past-one-machine"
    assert "16.1" not in names


def test_table_of_contents_lists_what_is_written(book):
    for name in ("chapters/15-real-world-use-cases-of-embeddings-in-keras", CHAPTER, PROOF):
        plant(book, name)
    plant(book, "chapters/15-3-machine-translation")
    contents.main(book)
    assert (book / "_toc.yml").read_text("utf-8") == (
        contents.HEADER
        + f"""\
format: jb-book
root: book/index
parts:
- chapters:
  - file: book/how-to-use
- caption: Foundations
  numbered: 2
  chapters:
  - file: {CHAPTER}
- caption: Practice
  numbered: 2
  chapters:
  - file: chapters/15-real-world-use-cases-of-embeddings-in-keras
    sections:
    - file: chapters/15-3-machine-translation
- caption: Evidence
  chapters:
  - file: book/evidence/index
    sections:
    - file: {PROOF}
- caption: Reference
  chapters:
  - file: book/data
  - file: book/glossary
  - file: book/bibliography
"""
    )


# Running


def test_run_leaves_the_page_that_needs_spark_where_spark_is_missing(book, capsys, monkeypatch):
    path = plant(book, CHAPTER, "1 / 0", tags=["spark"])
    before = path.read_bytes()
    monkeypatch.setattr(run_notebooks.spark, "missing", lambda: "Spark is elsewhere.")
    assert run_notebooks.main([], book) == 0
    assert f"{CHAPTER} was not run. Spark is elsewhere." in capsys.readouterr().out
    assert path.read_bytes() == before


def test_run_stores_the_normal_form_and_a_second_run_changes_nothing(book, capsys, monkeypatch):
    # A reader's shell does not have it; run_notebooks has to set it for the kernel.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    path = plant(
        book,
        CHAPTER,
        f"import os\nprint('a', flush=True)\n_ = os.write(2, {NATIVE_LINE.encode()})\nprint('b')",
        "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
        "1 / 0",
        tags=["setup"],
        collapsed=True,
        jupyter={"source_hidden": True, "outputs_hidden": True, "is_executing": True},
    )
    notebook = nbformat.read(path, 4)
    notebook.cells[3].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    doubled = path.read_text("utf-8").replace(notebook.cells[2].id, notebook.cells[1].id)
    path.write_text(doubled, "utf-8")

    assert run_notebooks.main(["3"], book) == 0
    assert f"{CHAPTER}: " in capsys.readouterr().out
    first = path.read_bytes()
    assert run_notebooks.main([], book) == 0
    assert path.read_bytes() == first

    text = first.decode()
    assert "Größe" in text
    assert text.endswith("}\n")
    assert str(ROOT) not in text and sys.prefix not in text
    notebook = nbformat.reads(text, 4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == run_notebooks.NOTEBOOK_METADATA
    title, *code = notebook.cells
    assert title.metadata == {}
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert len({cell.id for cell in notebook.cells}) == 4
    folds = {"source_hidden": True, "outputs_hidden": True}
    assert code[0].metadata == {"tags": ["setup"], "jupyter": folds}
    assert code[0].outputs == [new_output("stream", name="stdout", text="a\nb\n")]
    assert "image/png" in code[1].outputs[0].data
    assert code[2].outputs[0].traceback == ["ZeroDivisionError: division by zero"]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_chapter_runs_after_its_evidence(book):
    plant(book, PROOF, "from pathlib import Path\n_ = Path('../proof').write_text('5')")
    path = plant(book, CHAPTER, "from pathlib import Path\nPath('../book/proof').read_text()")
    assert run_notebooks.main(["03"], book) == 0
    assert nbformat.read(path, 4).cells[1].outputs[0].data["text/plain"] == "'5'"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings\nwarnings.warn('careful')", "UserWarning: careful"),
        ("object()", "memory address"),
        ("import os\nos._exit(1)", "Kernel died"),
    ],
)
def test_failed_run_leaves_the_file_as_it_was(book, capsys, source, message):
    path = plant(book, CHAPTER, "x = 1", source)
    before = path.read_bytes()
    assert run_notebooks.main(["03"], book) == 1
    assert path.read_bytes() == before
    shown = capsys.readouterr().err
    assert f"{CHAPTER}, code cell 2" in shown
    assert message in shown


def test_exception_that_was_announced_and_does_not_come_is_a_complaint():
    cell = new_code_cell("None", metadata=RAISES)
    assert run_notebooks.unclean_outputs(cell) == [
        "it is tagged raises-exception and raises nothing"
    ]


@pytest.mark.parametrize("wrong", ["7", "three", ""])
def test_wrong_chapter_lists_the_notebooks(book, capsys, wrong):
    plant(book, CHAPTER, "1")
    assert run_notebooks.main([wrong], book) == 2
    shown = capsys.readouterr().err
    assert repr(wrong) in shown
    assert CHAPTER in shown


@pytest.mark.parametrize("tool", ["run_notebooks", "reseed"])
def test_command_line_knows_its_chapters(tool):
    command = [sys.executable, "-m", f"book.tools.{tool}", "77"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "Cannot find chapter '77'" in done.stderr


# Reseeding

SEEDS = """\
from helpers import training
from helpers.data import texts
import keras
import numpy as np
from sklearn.model_selection import train_test_split

def draw(seed, seeds):
    return seeds.index(seed), np.random.default_rng(seed).random()

keras.utils.set_random_seed(7 + {by})
print("global", np.random.random())
print("own", draw(seed=2 + {by}, seeds=[1 + {by}, 2 + {by}]))
print("several", np.random.default_rng([1 + {by}, 2]).random())
print("generator", keras.random.uniform((), seed=keras.random.SeedGenerator(3 + {by})).numpy())
print("argument", keras.random.uniform((), seed=4 + {by}).numpy())
for seed in [5 + {by}]:
    print("variable", train_test_split(range(100), train_size=5, random_state=seed)[0])
print("helper", training.draw_labels(np.arange(100) % 2, 8, 6 + {by}))
print("unseeded", np.random.default_rng(None).random() < 1)
split = texts._split([str(number) for number in range(100)], [0, 1] * 50, 0.8)
print("data", split.validation.texts)
"""


def test_seeds_shift_and_data_do_not(tmp_path):
    def run(*shifts, prelude=""):
        cells = [new_code_cell(SEEDS.format(by=by)) for by in shifts]
        run_notebooks.execute(new_notebook(cells=cells), tmp_path, prelude)
        return ["".join(o.text for o in cell.outputs).splitlines() for cell in cells]

    [shifted] = run(0, prelude=reseed.PRELUDE.format(root=str(ROOT), by=1000))
    written_so, unshifted = run(1000, 0)
    assert shifted == written_so
    pairs = zip(shifted, unshifted, strict=True)
    assert [new.split()[0] for new, old in pairs if new == old] == ["unseeded", "data"]


def verdict_on(claim_id, verdict, *cases):
    estimates = [{"name": n, "value": 1, "low": 0, "high": 2, "verdict": v} for n, v in cases]
    return {"id": claim_id, "verdict": verdict, "estimates": estimates}


FLIPPING = f"""\
import numpy as np
from IPython.display import display
holds = np.random.default_rng(0).integers(10**9) == {{drawn}}
word = "holds" if holds else "does not hold"
case = {{{{"name": "cats", "value": 1, "low": 0, "high": 2, "verdict": word}}}}
for claim_id, verdict in (("3.1a", word), ("3.2a", "holds")):
    stored = {{{{"id": claim_id, "verdict": verdict, "estimates": [case]}}}}
    display({{{{{evidence.MIME_TYPE!r}: stored}}}}, raw=True)
"""


def test_reseeding_says_which_verdict_flips_and_which_cell_dies(
    book, capsys, monkeypatch, tmp_path_factory
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("scratch")))
    drawn = np.random.default_rng(0).integers(10**9)
    proof = plant(book, PROOF, FLIPPING.format(drawn=drawn), "1")
    chapter = plant(
        book,
        CHAPTER,
        "import numpy as np",
        f"assert np.random.default_rng(0).integers(10**9) == {drawn}",
    )
    assert run_notebooks.main(["3"], book) == 0
    before = proof.read_bytes(), chapter.read_bytes()
    capsys.readouterr()

    assert reseed.main(["3", "--seeds", "1"], book) == 1
    shown = capsys.readouterr().out
    assert "3.1a   holds | does not hold | flips in 1 of 1 runs" in shown
    assert "run 1, cats: holds, 1.000 [0.000, 2.000], became does not hold" in shown
    assert "3.2a   holds | holds | stands" in shown
    assert f"{CHAPTER} died in run 1, code cell 2" in shown
    assert "AssertionError" in shown
    assert f"{PROOF} died" not in shown
    assert (proof.read_bytes(), chapter.read_bytes()) == before


def test_run_that_died_before_its_verdict_counts_as_a_flip():
    stored = verdict_on("5f", "holds in 1 of 2", ("cats", "holds"), ("dogs", "does not hold"))
    assert reseed.compare(stored, [stored, None]) == [
        "5f     holds in 1 of 2 | holds in 1 of 2 | none | flips in 1 of 2 runs"
    ]


# Reporting


def test_report_counts_what_is_there(book):
    path = plant(book, CHAPTER, "def f():\n    return lambda: 1\n" + "x" * 77, "!broken")
    notebook = nbformat.read(path, 4)
    boxes = ["```{exercise}", "three", "```", "````{note}", "```", "not", "```", "five", "````"]
    code = ["```python", "not_counted = 1", "```"]
    notebook.cells[0].source = "\n".join(["# One two", *boxes, "four", *code])
    notebook.cells[2].outputs = [
        new_output("display_data", data={"image/png": "", "text/plain": ""})
    ]
    nbformat.write(notebook, path)
    (book / "_build").mkdir()
    place = f"{CHAPTER}.ipynb".replace("/", ".")
    cases = [f'<testcase classname="{place}" name="Cell {n}" time="1.5"/>' for n in range(2)]
    (book / "_build" / "tests.xml").write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    [row] = report.make_report(book).to_dict("records")
    assert (row.pop("kB"), row.pop("minutes")) == (1, 0)
    assert row == {
        "words": 5,
        "cells": 2,
        "lines": 4,
        "median": 3,
        "longest": 3,
        "definitions": 2,
        "over 76": 1,
        "figures": 1,
        "seconds": "3",
    }
