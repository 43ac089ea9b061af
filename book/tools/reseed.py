"""See whether verdicts stand under other seeds.

``make reseed SEEDS=3`` executes copies of the notebooks three times, every seed shifted by 1000,
2000 and 3000, and prints claim by claim which verdict came out. Nothing in the book changes; a
notebook in which a cell fails is named, and the others go on.

What shifts: integer seeds given to ``keras.utils.set_random_seed``, ``numpy.random.default_rng``
(there also the first of several), ``keras.random.SeedGenerator``, to the parameter ``seed`` of any
function of the helpers, and to every argument in a notebook that is called ``seed`` or
``random_state``, unless it goes to a function of the notebook's own, which hands it on. A seed
that passes two of these is shifted twice, which is as good. What stays: the splits of the data
sets, which are part of the data, and everything that is given no seed.
"""

import argparse
import ast
import functools
import importlib
import inspect
import pkgutil
import sys
import tempfile
import time
from pathlib import Path

from book.tools import contents, run_notebooks
from helpers import evidence

SHIFT = 1000
PRELUDE = """\
import sys
sys.path.insert(0, {root!r})
from book.tools import reseed
reseed.shift_seeds({by}, get_ipython())
del sys, reseed
"""


class SeedArguments(ast.NodeTransformer):
    """Rewrite ``f(random_state=7)`` as ``f(random_state=_shifted(7))``, and ``seed`` likewise."""

    def __init__(self):
        self.own_functions = set()

    def visit_Module(self, node):
        """Note the functions that a cell defines, then rewrite its calls."""
        definitions = (each for each in ast.walk(node) if isinstance(each, ast.FunctionDef))
        self.own_functions |= {each.name for each in definitions}
        return self.generic_visit(node)

    def visit_Call(self, node):
        """Wrap the seeds of one call."""
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id in self.own_functions):
            for keyword in node.keywords:
                if keyword.arg in ("seed", "random_state"):
                    name = ast.Name("_shifted", ast.Load())
                    keyword.value = ast.Call(name, [keyword.value], [])
        return ast.fix_missing_locations(node)


def shift_seeds(by, shell):
    """Shift every seed of the code that runs from now on in this process.

    Parameters
    ----------
    by : int
    shell : IPython.core.interactiveshell.InteractiveShell
        Its cells are rewritten.
    """
    import helpers  # sets the environment, so before Keras

    modules = [
        importlib.import_module(f"helpers.{module.name}")
        for module in pkgutil.iter_modules(helpers.__path__)
        if module.name != "data"
    ]
    import keras
    import numpy as np

    def shifted(seed):
        if isinstance(seed, (list, tuple)) and seed:
            return [shifted(seed[0]), *seed[1:]]
        return int(seed) + by if isinstance(seed, (int, np.integer)) else seed

    def shifting(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            bound.arguments["seed"] = shifted(bound.arguments["seed"])
            return function(*bound.args, **bound.kwargs)

        return call

    for module in modules:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if "seed" in inspect.signature(function).parameters:
                setattr(module, name, shifting(function))
    keras.utils.set_random_seed = shifting(keras.utils.set_random_seed)
    keras.random.SeedGenerator = shifting(keras.random.SeedGenerator)
    np.random.default_rng = shifting(np.random.default_rng)
    shell.user_ns["_shifted"] = shifted
    shell.ast_transformers.append(SeedArguments())


def verdicts_of(notebook):
    """Claim id to verdict, for the verdicts that a notebook's outputs store."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    stored = (
        o.data[evidence.MIME_TYPE] for o in outputs if evidence.MIME_TYPE in o.get("data", {})
    )
    return {verdict["id"]: verdict for verdict in stored}


def rerun(path, run, scratch):
    """Execute a copy of a notebook with other seeds.

    Parameters
    ----------
    path : Path
    run : int
        From 1; every seed is shifted by a thousand times this.
    scratch : Path
        A folder; the executed copy is left there.

    Returns
    -------
    verdicts : dict
        Those that were reported.
    death : str
        Which cell failed, and why; empty if none did.
    """
    notebook = run_notebooks.read_notebook(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    prelude = PRELUDE.format(root=str(contents.ROOT), by=run * SHIFT)
    death = ""
    try:
        run_notebooks.execute(notebook, path.parent, prelude)
    except run_notebooks.NotebookError as error:
        death = str(error)
    copy = scratch / f"{path.parent.name}-{path.stem}-{run}.ipynb"
    run_notebooks.write_notebook(run_notebooks.normalize(notebook), copy)
    return verdicts_of(notebook), death


def compare(stored, fresh):
    """Describe one claim's verdicts: the stored one, and that of each run (None: not reached).

    Returns
    -------
    list of str
        One line if the verdict stands; else one more for each case that came out otherwise.
    """
    words = [verdict["verdict"] if verdict else "none" for verdict in fresh]
    flips = sum(word != stored["verdict"] for word in words)
    outcome = f"flips in {flips} of {len(fresh)} runs" if flips else "stands"
    lines = [f"{stored['id']:6} {stored['verdict']} | {' | '.join(words)} | {outcome}"]
    for run, verdict in enumerate(fresh, start=1):
        if not verdict or verdict["verdict"] == stored["verdict"]:
            continue
        for old, new in zip(stored["estimates"], verdict["estimates"], strict=False):
            if old["verdict"] != new["verdict"]:
                lines.append(
                    f"       run {run}, {new['name'] or 'the one case'}: "
                    f"{old['verdict']}, {evidence.format_estimate(old)}, became "
                    f"{new['verdict']}, {evidence.format_estimate(new)}"
                )
    return lines


def main(arguments=None, root=contents.ROOT):
    """Run the notebooks under other seeds and report.

    Parameters
    ----------
    arguments : list of str, optional
        Defaults to the command line.
    root : Path
        The book's folder.

    Returns
    -------
    int
        0 even where verdicts flip; 1 if a notebook died, or 2 if there is no such chapter.
    """
    parser = argparse.ArgumentParser(description="See whether verdicts stand under other seeds.")
    parser.add_argument("chapter", nargs="?", help="its number, such as 03; all if left out")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs")
    options = parser.parse_args(arguments)
    try:
        paths = contents.notebooks(root, options.chapter)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    scratch = Path(tempfile.mkdtemp(prefix="reseed-"))
    runs = range(1, options.seeds + 1)
    report, deaths = [], []
    for path in paths:
        name = path.relative_to(root).with_suffix("").as_posix()
        fresh = []
        for run in runs:
            started = time.perf_counter()
            verdicts, death = rerun(path, run, scratch)
            fresh.append(verdicts)
            if death:
                deaths.append(f"{name} died in run {run}, {death}")
            seconds = time.perf_counter() - started
            print(f"{name}, run {run}: {seconds:.0f} s{', died' if death else ''}", flush=True)
        for claim_id, stored in verdicts_of(run_notebooks.read_notebook(path)).items():
            report += compare(stored, [verdicts.get(claim_id) for verdicts in fresh])
    print(f"\nThe executed copies are in {scratch}.\n")
    print("\n".join([f"Claim: stored | {' | '.join(f'run {run}' for run in runs)}", *report]))
    print("\n".join(["", *deaths]) if deaths else "\nEvery cell lives.")
    return 1 if deaths else 0


if __name__ == "__main__":
    sys.exit(main())
