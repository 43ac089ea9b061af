"""The site numbers the pages under a chapter as the contents list does."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]

FILES = {
    "conf.py": f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_parser", "sphinx_external_toc", "page_numbers"]
exclude_patterns = ["_build"]
""",
    "book/contents.toml": """
[[parts]]
title = "All"

[[parts.chapters]]
title = "One"

[[parts.chapters]]
title = "Two"
sections = ["Clean data", "Size"]
pages = ["More", "Most"]
""",
    "_toc.yml": """
format: jb-book
root: index
parts:
- numbered: 2
  chapters:
  - file: chapters/01-one
  - file: chapters/02-two
    sections:
    - file: chapters/02-3-more
    - file: chapters/02-4-most
""",
    "index.md": "# Index\n",
    "chapters/01-one.md": "# One\n\n## First\n\n## Recap\n",
    "chapters/02-two.md": """
# Two

## Clean data

### Typos

## Size

## Recap

## References
""",
    "chapters/02-3-more.md": "# More\n\n## First\n",
    "chapters/02-4-most.md": "# Most\n\n## First\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a small book; return a function from a page's name to its parsed HTML."""
    folder = tmp_path_factory.mktemp("numbers")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    html = folder / "_build" / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", folder, html], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return lambda name: BeautifulSoup((html / f"{name}.html").read_text("utf-8"), "html.parser")


def headings(page):
    found = page.select_one("[role=main], main, .body").select("h1, h2, h3")
    return [heading.get_text().rstrip("#¶") for heading in found]


def test_pages_go_on_after_the_sections_and_other_headings_have_no_number(site):
    assert headings(site("chapters/02-two")) == [
        "2. Two",
        "2.1. Clean data",
        "Typos",
        "2.2. Size",
        "Recap",
        "References",
    ]
    assert headings(site("chapters/02-3-more")) == ["2.3. More", "First"]
    assert headings(site("chapters/02-4-most")) == ["2.4. Most", "First"]


def test_chapter_without_pages_keeps_its_numbers(site):
    assert headings(site("chapters/01-one")) == ["1. One", "1.1. First", "1.2. Recap"]


def test_lists_of_contents_show_the_same_numbers(site):
    shown = {link.get_text() for link in site("chapters/02-two").select(".sphinxsidebar a")}
    assert {"2.3. More", "2.4. Most"} <= shown
