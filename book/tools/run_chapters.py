"""Execute chapters in place and store them in one normal form.

``python book/tools/run_chapters.py 03`` runs one chapter, without an argument all of them.
A chapter that fails, warns or shows a memory address is left on disk as it was.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
CELL_TIMEOUT = 300  # seconds, as in the tests

# What a notebook of the book may say about itself; everything else is an editor's or a
# machine's trace and would differ from run to run.
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = {"mystnb", "tags", "tolerance"}

VALID_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class ChapterError(Exception):
    """A chapter did not run cleanly; the message names the chapter, the cell and the cause."""


def read_notebook(path):
    """Read a notebook as format 4.5, with an id for every cell.

    Ids that are present, valid and unique are kept; the others are derived from the cell's
    place and text, so that reading twice gives the same ids.

    Parameters
    ----------
    path : Path
        An ``.ipynb`` file of format 4.

    Returns
    -------
    nbformat.NotebookNode
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    used = set()
    for position, cell in enumerate(content["cells"]):
        cell_id = cell.get("id", "")
        salt = 0
        while not VALID_ID.fullmatch(cell_id) or cell_id in used:
            text = f"{position} {salt} {''.join(cell['source'])}"
            cell_id = hashlib.sha256(text.encode()).hexdigest()[:8]
            salt += 1
        used.add(cell_id)
        cell["id"] = cell_id
    content["nbformat_minor"] = 5
    return nbformat.reads(json.dumps(content), as_version=4)


def execute(notebook, chapter, folder=CHAPTERS):
    """Run all code cells of a notebook in a fresh kernel, in place.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced.
    chapter : str
        The name used in error messages.
    folder : Path
        The kernel's working directory.

    Raises
    ------
    ChapterError
        If a cell fails, exceeds the time limit, writes to stderr (a warning, for example), or
        shows a memory address; or if a cell tagged ``raises-exception`` does not raise.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    # ipykernel copies what native libraries write to the process's stderr into the notebook,
    # unless this variable is set, as pytest does. TensorFlow's start-up lines then stay out,
    # while warnings and other text from Python's sys.stderr still arrive.
    environment = {**os.environ, "PYTEST_CURRENT_TEST": "book"}
    number = 0
    with client.setup_kernel(env=environment, stderr=subprocess.DEVNULL):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            number += 1
            place = f"{chapter}, code cell {number} (id {cell.id})"
            try:
                client.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise ChapterError(f"{place}:\n{TERMINAL_COLOR.sub('', str(error))}") from None
            for complaint in unclean_outputs(cell):
                raise ChapterError(f"{place}: {complaint}\n\n{cell.source}")


def unclean_outputs(cell):
    """List what a freshly run code cell shows and should not.

    Parameters
    ----------
    cell : nbformat.NotebookNode

    Returns
    -------
    list of str
    """
    complaints = []
    for output in cell.outputs:
        if output.get("name") == "stderr":
            complaints.append(f"it writes to stderr:\n{output.text}")
        shown = [output.get("text", ""), output.get("evalue", "")]
        shown += [text for kind, text in output.get("data", {}).items() if kind[:5] == "text/"]
        for text in shown:
            address = MEMORY_ADDRESS.search(text)
            if address:
                start = max(0, address.start() - 60)
                complaints.append(f"it shows a memory address: {text[start : address.end()]}")
    raised = any(output.output_type == "error" for output in cell.outputs)
    if "raises-exception" in cell.metadata.get("tags", []) and not raised:
        complaints.append("it is tagged raises-exception and raises nothing")
    return complaints


def normalize(notebook):
    """Bring an executed notebook into the one form in which the book stores notebooks.

    Drops editors' and kernels' metadata, joins consecutive pieces of one stream, and reduces a
    traceback to its last line, which is what a reader needs and names no path of this machine.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Changed in place.

    Returns
    -------
    nbformat.NotebookNode
        The same notebook.
    """
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    for cell in notebook.cells:
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        if cell.cell_type != "code":
            continue
        outputs = []
        for output in cell.outputs:
            previous = outputs[-1] if outputs else {}
            if output.output_type == "stream" and previous.get("name") == output.name:
                previous["text"] += output.text
                continue
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            outputs.append(output)
        cell.outputs = outputs
    return notebook


def write_notebook(notebook, path):
    """Validate a notebook and replace the file in one step.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    path : Path
    """
    nbformat.validate(notebook)
    temporary = path.with_suffix(".ipynb.new")
    temporary.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    os.replace(temporary, path)


def choose_chapters(number, folder=CHAPTERS):
    """Find the notebooks to run.

    Parameters
    ----------
    number : str or None
        A chapter's number, with or without a leading zero; None for all chapters.
    folder : Path

    Returns
    -------
    list of Path
        In the order of the book.

    Raises
    ------
    LookupError
        If there is no such chapter; the message lists the chapters there are.
    """
    paths = sorted(folder.glob("[0-9][0-9]*-*.ipynb"))
    if number is None:
        chosen = paths
    else:
        wanted = number.zfill(2)
        chosen = [path for path in paths if path.name.split("-")[0] == wanted]
    if not chosen:
        names = "".join(f"\n  {path.stem}" for path in paths) or " none yet"
        missing = "any chapter" if number is None else f"chapter {number!r}"
        raise LookupError(f"Cannot find {missing}. The chapters are:{names}")
    return chosen


def run_chapter(path):
    """Execute one chapter, normalize it and store it.

    Parameters
    ----------
    path : Path
        The chapter's notebook; unchanged if anything fails.

    Raises
    ------
    ChapterError
        See `execute`.
    """
    notebook = read_notebook(path)
    execute(notebook, path.stem, path.parent)
    write_notebook(normalize(notebook), path)


def main(arguments=None, folder=CHAPTERS):
    """Run the chapters that the command line asks for.

    Parameters
    ----------
    arguments : list of str, optional
        Defaults to the command line.
    folder : Path

    Returns
    -------
    int
        0, or 1 if a chapter failed, or 2 if there is no such chapter.
    """
    parser = argparse.ArgumentParser(description="Execute chapters in place and normalize them.")
    parser.add_argument("chapter", nargs="?", help="its number, such as 03; all if left out")
    try:
        paths = choose_chapters(parser.parse_args(arguments).chapter, folder)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        started = time.perf_counter()
        try:
            run_chapter(path)
        except ChapterError as error:
            print(f"{error}\n{path.name} was left as it was.", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - started
        print(f"{path.stem}: {seconds:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
