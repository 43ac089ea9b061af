"""The chapters in JupyterLab, opened as `make lab` opens them, in a browser and offline."""

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import threading
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("0[15]-*.ipynb"))
NOTIFICATIONS = "@jupyterlab/apputils-extension:notification"
CARD = '<div class="verdict" id="claim-5f">{}</div>'
LINK = '<a href="../book/evidence/planted.ipynb#claim-5f">How we measured</a>'

expect.set_options(timeout=30_000)  # JupyterLab takes its time to start, and a busy machine more


def plant(path, html):
    """Write a notebook with one cell that shows this HTML."""
    output = nbformat.v4.new_output("display_data", data={"text/html": CARD.format(html)})
    cells = [nbformat.v4.new_markdown_cell("# Planted")]
    cells.append(nbformat.v4.new_code_cell("card", outputs=[output]))
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the chapters, so that nothing can be written into them."""
    project = tmp_path_factory.mktemp("project")
    for folder in ("chapters", "book"):
        shutil.copytree(ROOT / folder, project / folder)
    plant(project / "chapters" / "planted.ipynb", LINK)
    plant(project / "book" / "evidence" / "planted.ipynb", "the evidence")
    return project


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """The address of a JupyterLab that `make lab` would start, with a reader's fresh settings."""
    recipe = re.search(
        r"^lab:.*\n\t\$\(BIN\)/jupyter lab (.*)", (ROOT / "Makefile").read_text(), re.M
    )
    options = ["--no-browser", "--allow-root", "--ServerApp.port=0", "--IdentityProvider.token="]
    options += ["--LabApp.notebook_starts_kernel=False"]
    home = tmp_path_factory.mktemp("jupyter")
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    # JupyterLab draws only what is on the screen; the tests read the whole notebook.
    settings = home / "CONFIG/lab/user-settings/@jupyterlab/notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')

    command = [shutil.which("jupyter-lab", path=sysconfig.get_path("scripts"))]
    with subprocess.Popen(
        [*command, *shlex.split(recipe[1]), *options],
        cwd=project,
        env=os.environ | folders,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        log = []
        for line in server.stderr:
            log.append(line)
            if running := re.search(r"(http://127\.0\.0\.1:\d+)(/\S*)", line):
                break
        else:
            pytest.fail("".join(log))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield running[1], running[2]
        server.kill()  # it holds nothing to save, and its own farewell sometimes hangs


@pytest.fixture(scope="module")
def visit(browser, lab):
    """Open a page of JupyterLab; in the end it must have asked no other host."""
    address, _ = lab
    strangers = []

    def listen_to_requests(request):
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            strangers.append(request.url)

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.on("request", listen_to_requests)

    def visit(path):
        page = context.new_page()
        page.goto(address + path)
        expect(page.locator(".jp-DirListing-item").first).to_be_visible()
        return page

    yield visit
    context.close()
    assert not strangers


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, visit, project):
    """A chapter as JupyterLab shows it, and its cells."""
    page = visit(f"/lab/tree/chapters/{request.param}.ipynb")
    notebook = nbformat.read(project / "chapters" / f"{request.param}.ipynb", as_version=4)
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    expect(page.locator(".jp-MarkdownCell .myst:not(:empty)")).to_have_count(len(prose))
    return page, notebook.cells


def test_chapters_are_shown_and_nobody_is_asked_about_news(visit, lab):
    address, start = lab
    page = visit(start)
    expect(page.locator(".jp-DirListing-item").first).to_contain_text(CHAPTERS[0][:10])
    expect(page.locator(".jp-Dialog, .Toastify__toast")).to_have_count(0)
    settings = page.request.get(f"{address}/lab/api/settings/{NOTIFICATIONS}").json()
    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"


def test_markup_is_drawn(chapter):
    page, cells = chapter
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = page.locator(".jp-Notebook .myst")
    admonition = re.search(r"^:::\{admonition\} (.+)$", source, re.M)[1]
    expect(text.locator("aside.myst-admonition", has_text=admonition).first).to_be_visible()
    term = re.search(r"\{term\}`(.+?)(?: <.*>)?`", source)[1]
    expect(text.get_by_role("link", name=term, exact=True).first).to_be_visible()
    citation = re.search(r"\{cite:[pt]\}`(\w+)`", source)[1]
    expect(text.locator(".cite-group", has_text=citation).first).to_be_visible()
    exercise = re.search(r"\{exercise\} (.+)", source)[1]
    expect(text.locator("aside.myst-exercise", has_text=exercise)).to_be_visible()
    shown = "\n".join(text.all_inner_texts())
    assert not re.search(r":::|```|\{(cite|term|numref|ref|exercise|solution)", shown)


def test_answers_and_solutions_are_closed(chapter):
    page, cells = chapter
    folds = {"source_hidden": ".jp-InputArea-editor", "outputs_hidden": ".jp-OutputArea-output"}
    folded = [
        (place, part)
        for place, cell in enumerate(cells)
        for key, part in folds.items()
        if cell.metadata.get("jupyter", {}).get(key)
    ]
    if not folded:
        pytest.skip("no cell is folded")
    for place, part in folded:
        cell = page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{place}']")
        expect(cell).to_be_visible()
        expect(cell.locator(part)).to_be_hidden()


def test_link_leads_to_the_evidence(visit):
    page = visit("/lab/tree/chapters/planted.ipynb")
    page.get_by_role("link", name="How we measured").click()
    expect(page.get_by_text("the evidence")).to_be_visible()
