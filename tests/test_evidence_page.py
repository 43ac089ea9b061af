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
CHAPTER = "chapters/01-what-are-word-embeddings"
PROOF = "book/evidence/01-what-are-word-embeddings"

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
*/**
```
"""


def verdict(claim_id, kind="holds", words=None, **details):
    estimate = {"name": "", "value": 0.85, "low": 0.8, "high": 0.9, "verdict": kind}
    verdict = evidence.Verdict(
        id=claim_id,
        kind=kind,
        verdict=words or kind,
        measure="share of triples",
        criterion="at least 0.75",
        over="400 triples",
        conditions="",
        to_decide="",
        estimates=[estimate],
    )
    return verdict._replace(**details)


def plant(project, name, *verdicts):
    """Write a notebook that stores the given verdicts."""
    cells = [nbformat.v4.new_markdown_cell("# Planted")]
    for each in verdicts:
        output = nbformat.v4.new_output("display_data", data=each._repr_mimebundle_())
        cells.append(nbformat.v4.new_code_cell("claim.report(estimate)", outputs=[output]))
    metadata = {"language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    (project / f"{name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """A project with the Evidence page, to which the tests add chapters."""
    for folder in ("book/evidence", "helpers", "chapters"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("book/contents.toml", "helpers/claims.toml", "helpers/evidence.py", "_toc.yml"):
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


def links(row):
    return [(link.text, link["href"]) for link in row.select("a")]


def test_each_verdict_is_shown_with_its_interval_and_its_card(project):
    plant(
        project,
        CHAPTER,
        verdict("1a"),
        verdict("1b", "holds in part", "holds in 2 of 3", conditions="Only in lower case."),
        verdict("1c", "does not hold"),
        verdict("2.1a", "not decided here", to_decide="More triples."),
    )
    done = build(project)
    assert done.returncode == 0, done.stderr
    shown = rows(project)
    assert [*shown] == [claim.id for claim in evidence.load_claims()]
    assert badge(shown["1a"]) == "holds"
    assert badge(shown["1b"]) == "holds in 2 of 3"
    assert "badge-holds-in-part" in shown["1b"].select_one(".verdict-badge")["class"]
    assert badge(shown["1c"]) == "does not hold"
    assert badge(shown["2.1a"]) == "not decided here"
    assert badge(shown["2b"]) == "not yet tested"
    assert "0.850 [0.800, 0.900]" in shown["1a"].text
    assert "Only in lower case." in shown["1b"].text
    assert "More triples." in shown["2.1a"].text
    assert links(shown["2.1a"]) == [("See the test", f"{CHAPTER}.html#claim-2-1a")]
    chapter = (project / "_build" / "html" / f"{CHAPTER}.html").read_text("utf-8")
    assert 'id="claim-2-1a"' in chapter
    assert links(shown["2b"]) == []


def test_kinds_of_verdicts_are_counted(project):
    plant(
        project,
        CHAPTER,
        verdict("1a", "holds in part", "holds in 2 of 3"),
        verdict("1b", "holds in part", "holds in 1 of 4"),
        verdict("1c", "does not hold"),
    )
    assert build(project).returncode == 0
    page = (project / "_build" / "html" / "index.html").read_text("utf-8")
    counts = BeautifulSoup(page, "html.parser").select(".counts li")
    assert [count.get_text(strip=True) for count in counts] == [
        "holds0",
        "holds in part2",
        "does not hold1",
        "not decided here0",
        f"not yet tested{len(evidence.load_claims()) - 3}",
    ]


def test_verdict_of_an_evidence_notebook_leads_there_and_to_its_chapter(project):
    plant(project, CHAPTER)
    plant(project, PROOF, verdict("1a"), verdict("2a"))
    plant(project, "chapters/15-1-sentiment-analysis")
    plant(project, "chapters/15-real-world-use-cases-of-embeddings-in-keras", verdict("15.1a"))
    done = build(project)
    assert done.returncode == 0, done.stderr
    shown = rows(project)
    proof = ("How we measured", f"{PROOF}.html#claim-1a")
    assert links(shown["1a"]) == [proof, ("Chapter 1", f"{CHAPTER}.html")]
    # Chapter 2 is not written.
    assert links(shown["2a"]) == [("How we measured", f"{PROOF}.html#claim-2a")]
    assert len(links(shown["15.1a"])) == 1


def test_page_is_made_again_when_a_chapter_changes_and_only_then(project):
    plant(project, CHAPTER, verdict("1a"))
    assert build(project).returncode == 0
    assert "0 added, 0 changed, 0 removed" in build(project).stdout
    plant(project, CHAPTER, verdict("1a", "does not hold"))
    assert build(project).returncode == 0
    assert badge(rows(project)["1a"]) == "does not hold"


def test_claim_reported_twice_stops_the_build(project):
    plant(project, CHAPTER, verdict("1a"), verdict("1a"))
    done = build(project)
    assert done.returncode != 0
    assert "Claim 1a is reported twice" in done.stderr
