"""The built site, as a browser shows it: offline, at two widths, in light and in dark.

The site is built once from the working tree and served on loopback. Without a Chromium the
browser's tests are skipped; with REQUIRE_BROWSER in the environment they fail instead.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from sphinx_external_toc.parsing import parse_toc_yaml

from helpers import evidence

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*parse_toc_yaml(ROOT / "_toc.yml")]
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built strictly from the working tree."""
    output = tmp_path_factory.mktemp("site")
    jupyter_book = shutil.which("jupyter-book", path=sysconfig.get_path("scripts"))
    build = subprocess.run(
        [jupyter_book, "build", str(ROOT), "-W", "-n", "--keep-going", "--path-output", output],
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stderr
    return output / "_build" / "html"


def soup(site, page):
    return BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address(site):
    """The site's address on loopback."""
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that can reach nothing but loopback."""
    with sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome", "chrome")
        candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, names)]
        candidates.append(playwright.chromium.executable_path)
        executable = next((path for path in candidates if path and Path(path).exists()), None)
        if executable is None:
            reason = "No Chromium: install one, or name its executable in CHROMIUM."
            pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(reason)
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open a page; afterwards it must have asked no other host and logged no complaint."""
    complaints = []
    contexts = []

    def listen_to_console(message):
        if message.type in ("error", "warning"):
            where = message.location["url"]
            complaints.append(f"console {message.type}: {message.text} ({where})")

    def listen_to_requests(request):
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            complaints.append(f"request to {request.url}")

    def visit(page_name, width=WIDTHS["desktop"], theme="light"):
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=theme))
        page = contexts[-1].new_page()
        page.on("console", listen_to_console)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("request", listen_to_requests)
        page.goto(f"{address}/{page_name}.html")
        page.evaluate("async () => { await window.MathJax?.startup?.promise }")
        page.evaluate("async () => { await document.fonts.ready }")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_page_loads_by_itself_and_fits_the_screen(visit, name, width):
    page = visit(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_front_door_leads_to_the_welcome_page(site):
    front_door = soup(site, "index").select_one("meta[http-equiv=Refresh]")["content"]
    assert front_door.endswith(f"{PAGES[0]}.html")


@pytest.mark.parametrize("name", ["book/index", *CHAPTERS])
def test_formulas_are_rendered(visit, name):
    page = visit(name)
    formulas = page.locator(".math").count()
    assert page.locator(".math:has(mjx-container)").count() == formulas
    assert page.locator("mjx-merror").count() == 0
    assert formulas or name != "book/index"  # there, the test must find something to test


def test_search_finds_a_word(visit):
    page = visit("book/index")
    page.keyboard.press("Control+k")
    page.locator("dialog input[type=search]").fill("polysemy")
    page.keyboard.press("Enter")
    results = page.locator("#search-results ul.search li")
    results.first.wait_for()
    assert results.filter(has_text="Glossary").count() >= 1
    results.filter(has_text="Glossary").first.locator("a").first.click()
    page.wait_for_url("**/book/glossary.html*")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_nothing_keeps_a_reader_out(visit, name, theme):
    page = visit(name, theme=theme)
    assert page.locator(f"html[data-theme={theme}]").count() == 1
    # A color that is still fading into the theme has a contrast of its own: let none fade.
    page.add_style_tag(content="*, *::before, *::after { transition: none !important }")
    # Without preload: axe would look for imported style sheets in the page's own folder.
    options = {"resultTypes": ["violations"], "preload": False}
    violations = Axe().run(page, options=options).response["violations"]
    serious = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"]][:5])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]
    assert not serious


def test_keyboard_can_skip_to_the_text(visit):
    page = visit("book/evidence")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


def test_evidence_page_agrees_with_the_notebooks(site):
    notebooks = [ROOT / f"{chapter}.ipynb" for chapter in CHAPTERS]
    verdicts = evidence.collect_verdicts(notebooks)
    rows = soup(site, "book/evidence").select("table.evidence tbody tr")
    shown = {row.strong.get_text(strip=True): row for row in rows}
    assert [*shown] == [claim.id for claim in evidence.load_claims()]
    for claim_id, row in shown.items():
        badge = row.select_one(".verdict-badge").get_text()
        if claim_id not in verdicts:
            assert badge == "not yet tested"
            continue
        verdict = verdicts[claim_id]
        assert badge == verdict["verdict"]
        for estimate in verdict["estimates"]:
            assert evidence.format_estimate(estimate) in row.get_text()
        href = row.select_one("a.reference")["href"]
        assert href == f"../chapters/{verdict['chapter']}.html#{verdict['anchor']}"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_shows_the_verdict_on_each_of_its_claims(site, chapter):
    cards = {card["id"]: card for card in soup(site, chapter).select("div.verdict")}
    verdicts = evidence.collect_verdicts([ROOT / f"{chapter}.ipynb"])
    number = int(Path(chapter).name[:2])
    assert {*verdicts} == {claim.id for claim in evidence.load_claims() if claim.chapter == number}
    assert {*cards} == {verdict["anchor"] for verdict in verdicts.values()}
    for verdict in verdicts.values():
        slug = verdict["verdict"].replace(" ", "-")
        assert cards[verdict["anchor"]]["class"] == ["verdict", f"verdict-{slug}"]


def test_data_page_has_a_sheet_for_every_data_set(site):
    registry = tomllib.loads((ROOT / "helpers" / "datasets.toml").read_text(encoding="utf-8"))
    sections = soup(site, "book/data").select("section section")
    titles = [section.h2.get_text().rstrip("#") for section in sections]
    assert titles == [sheet["title"] for sheet in registry["data"].values()]
    for section, sheet in zip(sections, registry["data"].values(), strict=True):
        assert sheet["not_for"].split(".")[0].split("'")[0] in section.get_text()


def test_welcome_page_links_the_written_chapters_and_names_the_others(site):
    items = soup(site, "book/index").select(".chapter-list li")
    assert len(items) == 18
    linked = [item.a["href"] for item in items if item.a]
    assert linked == [f"../{chapter}.html" for chapter in CHAPTERS]


@pytest.mark.parametrize("name", PAGES)
def test_images_say_what_they_show(site, name):
    for image in soup(site, name).select("main img"):
        alt = image.get("alt", "")
        assert alt and not re.search(r"_images|\.png|\.svg", alt), image["src"]


def test_links_inside_the_site_lead_somewhere(site):
    pages = {
        path: soup(site, path.relative_to(site).with_suffix("")) for path in site.rglob("*.html")
    }
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    for path, page in pages.items():
        for link in page.select("article a[href], nav a[href]"):
            target, _, fragment = link["href"].partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            target = (path.parent / target.partition("?")[0]).resolve() if target else path
            assert target.is_file(), f"{path.name}: {link['href']}"
            if fragment and target in anchors:
                assert fragment in anchors[target], f"{path.name}: {link['href']}"


def test_check_site_notices_a_missing_page(site, tmp_path):
    def check(folder):
        command = [sys.executable, ROOT / "book" / "tools" / "check_site.py", folder]
        return subprocess.run(command, capture_output=True, text=True)

    complete = check(site)
    assert complete.returncode == 0
    assert (site / "index.html").as_uri() in complete.stdout
    for page in PAGES[1:]:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / f"{page}.html").touch()
    incomplete = check(tmp_path)
    assert incomplete.returncode == 1
    assert incomplete.stderr.strip().endswith(f"has no page for: {PAGES[0]}")
