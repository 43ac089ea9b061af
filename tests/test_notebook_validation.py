"""Plant wrong notebooks and see each caught by nbval as configured here."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests import notebook_validation

ROOT = Path(__file__).parents[1]
VERDICT = "application/vnd.embeddings-book.verdict+json"
# One gray pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
NATIVE_LINE = (
    "I0000 00:00:1795365308.803378    5649 port.cc:153] oneDNN custom operations are on.\n"
)


def stdout(text):
    return new_output("stream", name="stdout", text=text)


def stderr(text):
    return new_output("stream", name="stderr", text=text)


def displayed(**data):
    return new_output("display_data", data=data)


def error(name, message):
    return new_output("error", ename=name, evalue=message, traceback=[])


def display(data):
    return f"from IPython.display import display\ndisplay({data!r}, raw=True)"


def verdict(value, seeds=5, wording="holds"):
    estimate = {"name": "loss", "value": value, "runs": seeds}
    return {VERDICT: {"id": "2.1a", "verdict": wording, "estimates": [estimate]}}


FIGURE = {"image/png": PNG, "text/plain": "<Figure size 640x480 with 1 Axes>"}
LOSSES = "   epoch   loss\n0      1 0.6931\n1      2 0.5000\n"
ONE_PERCENT = {"tolerance": {"rtol": 0.01}}
FACTOR = {"tolerance": {"factor": 3}}
RAISES = {"tags": ["raises-exception"]}


class Planted(NamedTuple):
    """A cell, what is stored with it, and what the failure must say (None: it passes)."""

    source: str
    outputs: list
    complaint: str | None = None
    metadata: dict = {}  # noqa: RUF012
    execution_count: int | None = 1


PLANTED = {
    "good text": Planted("print('cat')", [stdout("cat\n")]),
    "good figure": Planted(display(FIGURE), [displayed(**FIGURE)]),
    "good and silent": Planted("x = 1", []),
    "good exception": Planted(
        "1 / 0", [error("ZeroDivisionError", "division by zero")], None, RAISES
    ),
    "another picture": Planted(display(FIGURE), [displayed(**FIGURE | {"image/png": "AAAA"})]),
    "native start-up line": Planted(f"import os\n_ = os.write(2, {NATIVE_LINE.encode()})", []),
    "wrong text": Planted("print('cat')", [stdout("dog\n")], "dog"),
    "wrong text, tolerance": Planted(
        "print('cat 0.5')", [stdout("dog 0.5\n")], "more than its numbers", ONE_PERCENT
    ),
    "wrong integer": Planted("print((3, 5))", [stdout("(3, 4)\n")], "(3, 4)"),
    "wrong integer, tolerance": Planted(
        "print((3000, 5001))", [stdout("(3000, 5000)\n")], "5000 is stored", ONE_PERCENT
    ),
    "wrong number": Planted("print(0.6931)", [stdout("0.5931\n")], "0.5931", ONE_PERCENT),
    "drift, undeclared": Planted("print(0.6931)", [stdout("0.6911\n")], "declares no tolerance"),
    "drift inside": Planted("print(0.6931)", [stdout("0.6911\n")], None, ONE_PERCENT),
    "drift outside": Planted("print(0.6931)", [stdout("0.6831\n")], "beyond", ONE_PERCENT),
    "time inside": Planted("print('took 0.5 s')", [stdout("took 1.4 s\n")], None, FACTOR),
    "time outside": Planted(
        "print('took 0.5 s')", [stdout("took 1.6 s\n")], "1.6 is stored", FACTOR
    ),
    "drift inside a table": Planted(
        f"print({LOSSES.replace('0.5000', '0.5001')!r}, end='')",
        [stdout(LOSSES)],
        None,
        ONE_PERCENT,
    ),
    "drift in HTML inside": Planted(
        display({"text/html": "<b>0.6931</b>"}),
        [displayed(**{"text/html": "<b>0.6911</b>"})],
        None,
        ONE_PERCENT,
    ),
    "drift in HTML outside": Planted(
        display({"text/html": "<b>0.6931</b>"}),
        [displayed(**{"text/html": "<b>0.6831</b>"})],
        "text/html: 0.6831 is stored",
        ONE_PERCENT,
    ),
    "verdict inside": Planted(
        display(verdict(0.6931)), [displayed(**verdict(0.6911))], None, ONE_PERCENT
    ),
    "verdict outside": Planted(
        display(verdict(0.6931)), [displayed(**verdict(0.6831))], "value: 0.6831", ONE_PERCENT
    ),
    "verdict undeclared": Planted(
        display(verdict(0.6931)), [displayed(**verdict(0.6911))], "value: 0.6911"
    ),
    "verdict with other seeds": Planted(
        display(verdict(0.6931)), [displayed(**verdict(0.6931, seeds=3))], "runs: 3", ONE_PERCENT
    ),
    "another verdict": Planted(
        display(verdict(0.6931)),
        [displayed(**verdict(0.6931, wording="does not hold"))],
        "verdict: ",
        ONE_PERCENT,
    ),
    "figure lost": Planted("None", [displayed(**FIGURE)], "image/png is stored and did not come"),
    "figure lost, text left": Planted(
        display({"text/plain": FIGURE["text/plain"]}),
        [displayed(**FIGURE)],
        "image/png is stored and did not come",
    ),
    "figure new": Planted(display(FIGURE), [], "image/png came out and is not stored"),
    "output lost": Planted("None", [stdout("cat\n")], "stdout is stored and did not come out"),
    "output new": Planted("print('cat')", [], "stdout came out and is not stored"),
    "unexecuted": Planted("x = 1", [], "never executed", {}, None),
    "unexecuted with output": Planted("print(1)", [stdout("1\n")], "Unrun", {}, None),
    "unexpected exception": Planted("1 / 0", [], "division by zero"),
    "untagged exception": Planted(
        "1 / 0", [error("ZeroDivisionError", "division by zero")], "caused an exception"
    ),
    "other message": Planted(
        "raise ValueError('cat')", [error("ValueError", "dog")], "ValueError: dog", RAISES
    ),
    "other exception": Planted(
        "raise ValueError('cat')", [error("KeyError", "cat")], "KeyError: cat", RAISES
    ),
    "no exception": Planted("None", [error("KeyError", "cat")], "KeyError: cat", RAISES),
    "no exception, none stored": Planted("None", [], "stores no exception", RAISES),
    "stderr stored": Planted("None", [stderr("careful\n")], "stderr in the stored output"),
    "stderr fresh": Planted(
        "import sys\nprint('careful', file=sys.stderr)", [], "stderr in the fresh output"
    ),
    "stderr in both": Planted(
        "print('careful', file=sys.stderr)", [stderr("careful\n")], "stderr in the stored output"
    ),
    "warning": Planted("import warnings\nwarnings.warn('careful')", [], "UserWarning: careful"),
    "odd tolerance": Planted(
        "print(0.5)", [stdout("0.5\n")], "tolerance takes", {"tolerance": {"rel": 0.01}}
    ),
    "two kinds of tolerance": Planted(
        "print(0.5)", [stdout("0.5\n")], "tolerance takes", {"tolerance": {"factor": 3, "atol": 0}}
    ),
    "factor below 1": Planted(
        "print(0.5)", [stdout("0.5\n")], "tolerance takes", {"tolerance": {"factor": 0.5}}
    ),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """Run all planted cells in one notebook; map names to failure messages, "" for a pass."""
    folder = tmp_path_factory.mktemp("planted")
    cells = [
        new_code_cell(
            source=planted.source,
            outputs=planted.outputs,
            metadata=planted.metadata,
            execution_count=planted.execution_count,
        )
        for planted in PLANTED.values()
    ]
    nbformat.write(new_notebook(cells=cells), folder / "planted.ipynb")
    run_pytest("--nbval", str(folder / "planted.ipynb"), f"--junitxml={folder / 'report.xml'}")
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    reports = {case.get("name"): "".join(case.itertext()) for case in cases}
    return {name: reports[f"Cell {number}"] for number, name in enumerate(PLANTED)}


def run_pytest(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--color=no", *arguments, "-c", ROOT / "pyproject.toml"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", PLANTED)
def test_planted_cell(failures, name):
    complaint = PLANTED[name].complaint
    if complaint is None:
        assert failures[name] == ""
    else:
        assert complaint in failures[name]


def test_failure_names_the_cell_and_both_values(failures):
    report = failures["drift outside"]
    number = list(PLANTED).index("drift outside")
    assert f"Cell {number}" in report
    assert "stored:\n    0.6831" in report
    assert "fresh:\n    0.6931" in report


def test_notebooks_run_in_order_and_only_on_demand(tmp_path):
    for name in ("02-b", "10-c", "01-a"):
        nbformat.write(new_notebook(cells=[new_code_cell("1")]), tmp_path / f"{name}.ipynb")
    collected = run_pytest("--nbval", "--collect-only", "-q", str(tmp_path)).stdout
    assert collected.index("01-a") < collected.index("02-b") < collected.index("10-c")
    assert ".ipynb" not in run_pytest("--collect-only", "-q", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("stored", "fresh", "passes"),
    [
        ("1e-3", "0.001005", True),
        ("1e-3", "0.0011", False),
        ("-0.500", "-0.501", True),
        ("-0.5", "0.5", False),
        ("−0.5", "-0.501", True),
        ("87.3%", "87.4%", True),
        ("87%", "88%", False),
        ("1,234.5", "1,235.5", True),
        ("1,234", "1,235", False),
        ("[1. 2.]", "[1.001 2.001]", True),
        ("a   9.99", "a  10.01", True),
        ("a  b 0.5", "a b 0.5", False),
        ("0.5 0.6", "0.5\n0.6", False),
        ("nan", "nan", True),
        ("nan", "0.5", False),
        ("1", "1.0", False),
        ("0.5 0.5", "0.5", False),
        ("version 2.21.0", "version 2.21.1", False),
        ("claim 2.1a", "claim 2.11a", False),
        ("0.5.", "0.501.", True),
    ],
)
def test_decimals_at_one_percent(stored, fresh, passes):
    difference = notebook_validation.difference_in_text(stored, fresh, {"rtol": 0.01})
    assert (difference is None) == passes


def test_absolute_tolerance_includes_its_end():
    compare = notebook_validation.difference_in_text
    assert compare("0.87", "0.88", {"atol": 0.01}) is None
    assert compare("0.87", "0.89", {"atol": 0.01})


@pytest.mark.parametrize(
    ("stored", "fresh", "passes"),
    [
        # Learned here: two machines, the same training, 11b's lower end .021 apart.
        ("0.213 [0.163, 0.264]", "0.215 [0.184, 0.247]", True),
        ("0.213 [0.163, 0.264]", "0.236 [0.163, 0.264]", False),  # the middle is not an end
        ("0.213 [0.163, 0.264]", "0.213 [0.115, 0.264]", False),
        ("0.213 [0.213, 0.213]", "0.213 [0.192, 0.213]", False),
        ("a pair, [0.163, 0.264, 0.5]", "a pair, [0.184, 0.264, 0.5]", False),
    ],
)
def test_ends_of_an_interval_may_drift_by_a_quarter_of_its_width_more(stored, fresh, passes):
    difference = notebook_validation.difference_in_text(stored, fresh, {"atol": 0.02})
    assert (difference is None) == passes


def test_ends_of_a_stored_interval_may_drift_as_those_in_text():
    compare = notebook_validation.difference_in_value
    stored = {"value": 0.2135, "low": 0.1627, "high": 0.2643}
    assert compare(stored, stored | {"low": 0.1836, "high": 0.2467}, {"atol": 0.02}) is None
    assert "low: " in compare(stored, stored | {"low": 0.1151}, {"atol": 0.02})
    assert "value: " in compare(stored, stored | {"value": 0.2345}, {"atol": 0.02})
    assert compare(stored, stored | {"low": 0.1836}, {}), "a cell that declares none stays exact"


@pytest.mark.parametrize(
    ("stored", "fresh", "passes"),
    [
        ("1.5", "0.6", True),
        ("1.5", "0.4", False),
        ("1.5", "4.4", True),
        ("1.5", "4.6", False),
        ("-1.5", "-4.4", True),
        ("-1.5", "-4.6", False),
        ("0.5", "-0.5", False),
        ("0.0", "0.0", True),
        ("0.0", "0.1", False),
        ("3", "4", False),
        ("cat 0.5", "dog 0.5", False),
    ],
)
def test_factor(stored, fresh, passes):
    difference = notebook_validation.difference_in_text(stored, fresh, {"factor": 3})
    assert (difference is None) == passes


def test_slow_notebook_fails_once(tmp_path):
    cells = [new_code_cell("x = 1", execution_count=1) for _ in range(3)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "slow.ipynb")
    done = run_pytest("--nbval", str(tmp_path), "-o", "notebook_seconds=0")
    assert "2 passed" in done.stdout and "1 failed" in done.stdout
    assert "the notebook takes more than 0 seconds" in done.stdout
    assert "3 passed" in run_pytest("--nbval", str(tmp_path)).stdout


@pytest.mark.skipif(os.name == "nt", reason="hides Java by an empty path")
def test_notebook_that_needs_spark_is_skipped_where_it_is_missing_unless_asked_for(tmp_path):
    looks = {"tags": ["spark"]}
    cells = [
        new_code_cell("from helpers import spark", execution_count=1),
        new_code_cell("spark.require()", metadata=looks, execution_count=2),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "spark.ipynb")
    nbformat.write(new_notebook(cells=cells[:1]), tmp_path / "plain.ipynb")
    hidden = {"PATH": str(tmp_path), "JAVA_HOME": "", "REQUIRE_SPARK": ""}
    done = run_pytest("--nbval", str(tmp_path), **hidden).stdout
    assert "1 passed, 2 skipped" in done
    assert "there is no Java (install Java 17" in done
    done = run_pytest("--nbval", str(tmp_path), **hidden | {"REQUIRE_SPARK": "1"}).stdout
    assert "1 failed, 2 passed" in done
    assert "Spark is an optional part of the book" in done
