"""The built site, as a browser shows it: offline, at two widths, in light and in dark.

The site is built once from the working tree and served on loopback. Beside it stands a small
book with the same style, whose only page is planted with what a chapter may hold one day.
"""

import contextlib
import functools
import http.server
import posixpath
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from nbformat import v4
from sphinx_external_toc.parsing import parse_toc_yaml

from book.tools import contents
from helpers import evidence
from tests import chapter_rules

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*parse_toc_yaml(ROOT / "_toc.yml")]
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
NOTEBOOKS = [path for page in PAGES if (path := ROOT / f"{page}.ipynb").is_file()]
WIDTHS = {"desktop": 1280, "phone": 390}


def build(project, output):
    """Build a book strictly; the folder of its site."""
    jupyter_book = shutil.which("jupyter-book", path=sysconfig.get_path("scripts"))
    done = subprocess.run(
        [jupyter_book, "build", project, "-W", "-n", "--keep-going", "--path-output", output],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return output / "_build" / "html"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built from the working tree."""
    return build(ROOT, tmp_path_factory.mktemp("site"))


def show(source, html="", text="", tags=()):
    """A code cell with its output."""
    data = {"text/html": html, "text/plain": "html"} if html else {"text/plain": text}
    output = v4.new_output("execute_result", data=data, execution_count=1)
    return v4.new_code_cell(source, metadata={"tags": [*tags]}, outputs=[output], execution_count=1)


WIDE_TABLE = f"<table><tr>{'<td>wide column</td>' * 20}</tr></table>"
LINKS = """
<a href="../book/evidence/planted.ipynb#claim-5f">evidence</a>
<a href="https://example.org/planted.ipynb#claim-5f">elsewhere</a>
"""
PLANTED = [
    v4.new_markdown_cell("# Planted"),
    show("x" * 76, text="y" * 76),
    show("x" * 300, text="words and " * 30),
    show("wide", html=WIDE_TABLE),
    show("links", html=LINKS),
    show("answer", text="This is the answer.", tags=["hide-output"]),
    v4.new_markdown_cell(
        "```{exercise} Why?\n:label: ex\nSay why.\n```\n\n"
        "```{solution-start} ex\n:class: dropdown\n:label: sol\n```"
    ),
    show("z" * 76, text="This is the solution."),
    v4.new_markdown_cell("```{solution-end}\n```"),
]


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """The folder of the small book's site."""
    project = tmp_path_factory.mktemp("planted")
    files = ("_config.yml", "book/contents.toml", "book/references.bib")
    for part in (*files, "book/_ext", "book/_static"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (project / part).parent.mkdir(exist_ok=True)
        copy(ROOT / part, project / part)
    pages = {"chapters/planted": PLANTED, "book/evidence/planted": PLANTED[:1]}
    for page, cells in pages.items():
        path = project / f"{page}.ipynb"
        path.parent.mkdir(exist_ok=True)
        language = {"language_info": {"name": "python"}}
        nbformat.write(v4.new_notebook(cells=cells, metadata=language), path)
    first, second = pages
    toc = f"format: jb-book\nroot: {first}\nchapters: [file: {second}]\n"
    (project / "_toc.yml").write_text(toc)
    return build(project, tmp_path_factory.mktemp("planted-site"))


def soup(site, page):
    return BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on loopback; the address."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def address(site):
    with serve(site) as address:
        yield address


@pytest.fixture
def open_page(browser):
    """Open a page; afterwards it must have asked no other host and logged no complaint."""
    complaints = []
    contexts = []

    def listen_to_console(message):
        if message.type in ("error", "warning"):
            where = message.location["url"]
            complaints.append(f"console {message.type}: {message.text} ({where})")

    def listen_to_requests(address, request):
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            complaints.append(f"request to {request.url}")

    def open_page(address, page_name, width=WIDTHS["desktop"], theme="light"):
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=theme))
        page = contexts[-1].new_page()
        page.on("console", listen_to_console)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("request", functools.partial(listen_to_requests, address))
        page.goto(f"{address}/{page_name}.html")
        page.evaluate("async () => { await window.MathJax?.startup?.promise }")
        page.evaluate("async () => { await document.fonts.ready }")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def visit(open_page, address):
    return functools.partial(open_page, address)


@pytest.fixture
def visit_planted(open_page, planted):
    with serve(planted) as address:
        yield functools.partial(open_page, address, "chapters/planted")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_page_loads_by_itself_and_fits_the_screen(visit, name, width):
    page = visit(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not cut(page)


def cut(page):
    """What the article shows only in part, but for tables on the screen that a key can scroll.

    Formulas do not count: MathJax hides a second form of each, for screen readers, in its box.
    """
    return page.evaluate("""() => {
        const cut = element =>
            element.clientWidth > 1  // what only screen readers see has one pixel
            && element.scrollWidth > element.clientWidth + 1
            && getComputedStyle(element).overflowX !== "visible"
            && !element.closest(".math");
        const scrolls = element =>
            matchMedia("screen").matches && element.matches(".output") && element.tabIndex === 0;
        return [...document.querySelectorAll("article *")]
            .filter(element => element.checkVisibility() && cut(element) && !scrolls(element))
            .map(element => element.outerHTML.slice(0, 200));
    }""")


def test_line_of_code_has_room_for_76_characters_and_wraps_after(visit_planted):
    page = visit_planted()
    page.get_by_text("Solution to").click()
    blocks = page.locator("article pre")
    rooms = blocks.evaluate_all("""blocks => blocks.map(block => {
        const style = getComputedStyle(block);
        const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
        return (block.clientWidth - padding) / parseFloat(style.fontSize);
    })""")
    # The widest of the fonts that a reader may have needs 0.62 of its size for a letter.
    assert len(rooms) == 10 and min(rooms) > 76 * 0.62
    heights = blocks.evaluate_all("blocks => blocks.map(block => block.clientHeight)")
    one, longer = heights[0], heights[2:4]
    assert heights[1] == one and min(longer) > 1.5 * one


def test_only_a_table_scrolls_on_a_phone(visit_planted):
    page = visit_planted(WIDTHS["phone"])
    assert not cut(page)
    table = page.locator(".output:has(table)")
    assert table.evaluate("box => box.scrollWidth > box.clientWidth && box.tabIndex === 0")


def test_folded_answer_says_so(visit_planted):
    page = visit_planted()
    fold = page.locator("summary")
    answer = page.get_by_text("This is the answer.")
    assert fold.inner_text() == "Show the answer" and not answer.is_visible()
    assert fold.get_attribute("aria-label") is None
    fold.click()
    assert fold.inner_text() == "Hide the answer" and answer.is_visible()


def test_link_to_a_notebook_leads_to_its_page(planted):
    links = [link["href"] for link in soup(planted, "chapters/planted").select(".text_html a")]
    assert links == [
        "../book/evidence/planted.html#claim-5f",
        "https://example.org/planted.ipynb#claim-5f",
    ]


[CHAPTER_5] = [chapter for chapter in CHAPTERS if chapter.startswith("chapters/05-")]


@pytest.mark.parametrize("opener, page_names", [("visit", [CHAPTER_5]), ("visit_planted", [])])
def test_paper_is_light_and_shows_everything(request, opener, page_names):
    visit = request.getfixturevalue(opener)
    page = visit(*page_names, width=718, theme="dark")  # A4 less two margins
    page.evaluate("""addEventListener("beforeprint", () => {
        window.ground = getComputedStyle(document.body).backgroundColor;
        window.opened = document.querySelectorAll(".solution:not(.toggle-hidden)").length;
        window.unread = document.querySelectorAll("details.verdict:not([open])").length;
    })""")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.evaluate("[ground, opened, unread]") == ["rgb(255, 255, 255)", 0, 0]
    assert page.locator("html[data-theme=dark]").count() == 1  # the screen is as it was

    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    assert not cut(page)
    assert page.locator("details[open]").count() == 0
    closed = page.locator("article .solution > section, article details .output")
    assert not any(part.is_visible() for part in closed.all())
    screen = page.locator(".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article")
    assert not any(part.is_visible() for part in screen.all())
    cells = page.locator("article .cell:visible, article pre:visible")
    empty = (
        "parts => parts.filter(part => !part.innerText.trim() && !part.querySelector('img, svg'))"
    )
    assert not cells.evaluate_all(f"{empty}.map(part => part.outerHTML)")


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


# What the theme decides; axe compares each piece of text with all that lies behind it.
COLOR_RULES = ["color-contrast", "link-in-text-block"]
# Most pieces of a page are the words of its code: of each kind in each kind of box keep the first.
THIN_OUT = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll(".highlight pre span[class]")) {
    const box = word.closest(".admonition, .cell_input, .cell_output, details");
    const kind = word.className + "|" + box?.className;
    seen.has(kind) ? word.remove() : seen.add(kind);
  }
}"""


def serious_faults(page, **options):
    # Without preload: axe would look for imported style sheets in the page's own folder.
    options = {"resultTypes": ["violations"], "preload": False, **options}
    return [
        (violation["id"], [node["html"][:120] for node in violation["nodes"]][:5])
        for violation in Axe().run(page, options=options).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_nothing_keeps_a_reader_out(visit, name):
    page = visit(name)
    assert not serious_faults(page, rules={rule: {"enabled": False} for rule in COLOR_RULES})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_colors_have_contrast(visit, name, theme):
    page = visit(name, theme=theme)
    assert page.locator(f"html[data-theme={theme}]").count() == 1
    # A color that is still fading into the theme has a contrast of its own: let none fade.
    page.add_style_tag(content="*, *::before, *::after { transition: none !important }")
    page.evaluate(THIN_OUT)
    assert not serious_faults(page, runOnly={"type": "rule", "values": COLOR_RULES})


def test_keyboard_can_skip_to_the_text(visit):
    page = visit("book/evidence/index")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


def test_evidence_page_agrees_with_the_notebooks(site):
    verdicts = evidence.collect_verdicts(NOTEBOOKS)
    rows = soup(site, "book/evidence/index").select("table.evidence tbody tr")
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
        page = posixpath.relpath(f"{verdict['notebook']}.html", "book/evidence")
        assert row.select_one("a.reference")["href"] == f"{page}#{verdict['anchor']}"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_shows_the_verdict_on_each_of_its_claims(site, chapter):
    pages = {page.name: page for page in contents.read_pages()}
    claims = {*chapter_rules.own_claims(pages[Path(chapter).name])}
    cards = soup(site, chapter).select(".verdict")
    shown = {re.match("Claim (.+?):", card.strong.get_text())[1]: card for card in cards}
    assert {*shown} == claims and len(cards) == len(claims)
    for claim_id, verdict in evidence.collect_verdicts(NOTEBOOKS).items():
        if claim_id not in claims:
            continue
        card = shown[claim_id]
        assert card.strong.get_text() == f"Claim {claim_id}: {verdict['verdict']}."
        assert f"verdict-{verdict['kind'].replace(' ', '-')}" in card["class"]
        if verdict["notebook"] == chapter:
            assert card["id"] == verdict["anchor"]
        else:
            assert card.a["href"] == f"../{verdict['notebook']}.html#{verdict['anchor']}"


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
    under = {f"chapters/{page.name}" for page in contents.read_pages() if "." in page.number}
    assert linked == [f"../{chapter}.html" for chapter in CHAPTERS if chapter not in under]


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
