"""The Evidence page over planted notebooks: what it shows, and when it is made again."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from helpers import evidence

ROOT = Path(__file__).resolve().parents[1]
CHAPTER = "01-what-are-word-embeddings"

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "book_pages"]
exclude_patterns = ["_build"]
nb_execution_mode = "off"
suppress_warnings = ["mystnb.unknown_mime_type"]
"""

INDEX = """
# Evidence

```{evidence}
```

```{toctree}
:glob:
chapters/*
```
"""


def report(claim_id, low, high, **details):
    claim = evidence.Claim(claim_id, measure="share of triples", at_least=0.75)
    estimate = evidence.Estimate((low + high) / 2, low, high)
    return claim.report(estimate, runs="400 triples", **details)


def plant(project, chapter, *verdicts):
    """Write a notebook that stores the given verdicts."""
    cells = [nbformat.v4.new_markdown_cell("# Planted")]
    for verdict in verdicts:
        output = nbformat.v4.new_output("display_data", data=verdict._repr_mimebundle_())
        cells.append(nbformat.v4.new_code_cell("claim.report(estimate)", outputs=[output]))
    metadata = {"language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    path = project / "chapters" / f"{chapter}.ipynb"
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """A project with the Evidence page, to which the tests add chapters."""
    for folder in ("book", "helpers", "chapters"):
        (tmp_path / folder).mkdir()
    for name in ("book/chapters.toml", "helpers/claims.toml", "helpers/evidence.py", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.md").write_text(INDEX)
    return tmp_path


def build(project):
    command = [sys.executable, "-m", "sphinx", "-W", project, project / "_build" / "html"]
    return subprocess.run(command, capture_output=True, text=True)


def rows(project):
    page = BeautifulSoup(
        (project / "_build" / "html" / "index.html").read_text("utf-8"), "html.parser"
    )
    return {row.strong.text.strip(): row for row in page.select("tbody tr")}


def badge(row):
    return row.select_one(".verdict-badge").text


def test_each_verdict_is_shown_with_its_interval_and_its_card(project):
    plant(
        project,
        CHAPTER,
        report("1a", 0.8, 0.9),
        report("1b", 0.8, 0.9, conditions="Only in lower case."),
        report("1c", 0.5, 0.6),
        report("2.1a", 0.7, 0.8, would_decide="More triples."),
    )
    done = build(project)
    assert done.returncode == 0, done.stderr
    shown = rows(project)
    assert [*shown] == [claim.id for claim in evidence.load_claims()]
    assert badge(shown["1a"]) == "holds"
    assert badge(shown["1b"]) == "holds with conditions"
    assert badge(shown["1c"]) == "does not hold"
    assert badge(shown["2.1a"]) == "not decided here"
    assert badge(shown["2b"]) == "not yet tested"
    assert "0.850 [0.800, 0.900]" in shown["1a"].text
    assert "Only in lower case." in shown["1b"].text
    assert "More triples." in shown["2.1a"].text
    assert shown["2.1a"].a["href"] == f"chapters/{CHAPTER}.html#claim-2-1a"
    chapter = (project / "_build" / "html" / "chapters" / f"{CHAPTER}.html").read_text("utf-8")
    assert 'id="claim-2-1a"' in chapter
    assert shown["2b"].a is None


def test_page_is_made_again_when_a_chapter_changes_and_only_then(project):
    plant(project, CHAPTER, report("1a", 0.8, 0.9))
    assert build(project).returncode == 0
    assert "0 added, 0 changed, 0 removed" in build(project).stdout
    plant(project, CHAPTER, report("1a", 0.5, 0.6))
    assert build(project).returncode == 0
    assert badge(rows(project)["1a"]) == "does not hold"


def test_claim_reported_twice_stops_the_build(project):
    plant(project, CHAPTER, report("1a", 0.8, 0.9), report("1a", 0.8, 0.9))
    done = build(project)
    assert done.returncode != 0
    assert "Claim 1a is reported twice" in done.stderr
