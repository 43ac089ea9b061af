"""Execute notebooks in place and store them in one normal form.

``python -m book.tools.run_notebooks 05`` runs chapter 5: its evidence notebook first, since the
chapter shows what that stores. Without a number, all of them.
A notebook that fails, warns or shows a memory address is left on disk as it was, and so is one
that needs Spark where there is none.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.preprocessors import (
    ClearMetadataPreprocessor,
    CoalesceStreamsPreprocessor,
    ExecutePreprocessor,
)
from traitlets import Unicode
from traitlets.config import Config

from book.tools import contents
from helpers import spark

# What a notebook of the book may say about itself; everything else is an editor's or a
# machine's trace and would differ from run to run.
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = {"mystnb", "tags", "tolerance", ("jupyter", "source_hidden", "outputs_hidden")}

CONFIG = Config()
CONFIG.ExecutePreprocessor.timeout = 300  # seconds for a cell, as in the tests
CONFIG.ExecutePreprocessor.kernel_name = "python3"
CONFIG.ExecutePreprocessor.record_timing = False
CONFIG.ExecutePreprocessor.store_widget_state = False
CONFIG.ClearMetadataPreprocessor.preserve_cell_metadata_mask = CELL_METADATA
CONFIG.ClearMetadataPreprocessor.clear_notebook_metadata = False

VALID_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(Exception):
    """A notebook did not run cleanly; the message names it, the cell and the cause."""


class Executor(ExecutePreprocessor):
    """nbconvert's, with a kernel as the tests start it and errors that name the cell."""

    prelude = Unicode(help="Code that runs before the first cell.").tag(config=True)

    def setup_kernel(self, **options):
        """Start a kernel that keeps native libraries' start-up lines to itself."""
        # ipykernel copies what native libraries write to the process's stderr into the notebook,
        # unless this variable is set, as pytest does. TensorFlow's start-up lines then stay out,
        # while warnings and other text from Python's sys.stderr still arrive.
        environment = {**os.environ, "PYTEST_CURRENT_TEST": "book"}
        return super().setup_kernel(env=environment, stderr=subprocess.DEVNULL, **options)

    def preprocess_cell(self, cell, resources, index):
        """Run one cell; a `NotebookError` says which cell failed."""
        if index == 0 and self.prelude:
            reply = self.wait_for_reply(self.kc.execute(self.prelude, silent=True))
            if reply["content"]["status"] != "ok":
                raise NotebookError(f"The prelude failed: {reply['content']['evalue']}")
        try:
            return super().preprocess_cell(cell, resources, index)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            cause = TERMINAL_COLOR.sub("", str(error))
            raise NotebookError(f"{place(self.nb, cell)}:\n{cause}") from None


def place(notebook, cell):
    """Name a code cell for a reader: "code cell 7 (id 0a1b2c3d)"."""
    code = [each.id for each in notebook.cells if each.cell_type == "code"]
    return f"code cell {code.index(cell.id) + 1} (id {cell.id})"


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


def execute(notebook, folder, prelude=""):
    """Run all code cells of a notebook in a fresh kernel, in place.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced.
    folder : Path
        The kernel's working directory.
    prelude : str
        Code that runs before the first cell and leaves no trace in the notebook.

    Raises
    ------
    NotebookError
        If a cell fails or exceeds the time limit.
    """
    executor = Executor(config=CONFIG, prelude=prelude)
    executor.preprocess(notebook, {"metadata": {"path": str(folder)}})


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
    for preprocessor in (ClearMetadataPreprocessor, CoalesceStreamsPreprocessor):
        preprocessor(config=CONFIG).preprocess(notebook, {})
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.metadata = {}
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
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


def needs_spark(notebook):
    """Whether a notebook has a cell tagged as the one that looks for Spark."""
    return any("spark" in cell.metadata.get("tags", []) for cell in notebook.cells)


def run_notebook(path):
    """Execute one notebook, normalize it and store it.

    Parameters
    ----------
    path : Path
        Unchanged if anything fails.

    Raises
    ------
    NotebookError
        If a cell fails, exceeds the time limit, writes to stderr (a warning, for example), or
        shows a memory address; or if a cell tagged ``raises-exception`` does not raise.
    """
    notebook = read_notebook(path)
    execute(notebook, path.parent)
    for cell in notebook.cells:
        for complaint in unclean_outputs(cell) if cell.cell_type == "code" else []:
            raise NotebookError(f"{place(notebook, cell)}: {complaint}\n\n{cell.source}")
    write_notebook(normalize(notebook), path)


def main(arguments=None, root=contents.ROOT):
    """Run the notebooks that the command line asks for.

    Parameters
    ----------
    arguments : list of str, optional
        Defaults to the command line.
    root : Path
        The book's folder.

    Returns
    -------
    int
        0, or 1 if a notebook failed, or 2 if there is no such chapter.
    """
    parser = argparse.ArgumentParser(description="Execute notebooks in place and normalize them.")
    parser.add_argument("chapter", nargs="?", help="its number, such as 03; all if left out")
    try:
        paths = contents.notebooks(root, parser.parse_args(arguments).chapter)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        name = path.relative_to(root).with_suffix("").as_posix()
        reason = spark.missing() if needs_spark(read_notebook(path)) else None
        if reason:
            print(f"{name} was not run. {reason}", flush=True)
            continue
        started = time.perf_counter()
        try:
            run_notebook(path)
        except NotebookError as error:
            print(f"{name}, {error}\n{path.name} was left as it was.", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - started
        print(f"{name}: {seconds:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
