"""Print how long each notebook is, in words, code, seconds and bytes. Nothing here is a limit.

Minutes are those of reading the prose, at 200 words each. Seconds are those of the last
``make test``, as ``_build/tests.xml`` has them; a dash where it did not run the notebook.
"""

import ast
import json
import re
from pathlib import Path
from statistics import median_high
from xml.etree import ElementTree

import pandas as pd

from book.tools import contents

WIDTH = 76  # characters of code that fit the page
FENCED = re.compile(r"^(`{3,})(\{.*?\})?.*?\n(.*?)^\1", re.DOTALL | re.MULTILINE)


def measured_seconds(results):
    """Seconds for each notebook's path, summed over its cells, from pytest's JUnit report."""
    seconds = {}
    if results.is_file():
        for case in ElementTree.parse(results).iter("testcase"):
            if case.get("name", "").startswith("Cell "):
                name = case.get("classname", "").removesuffix(".ipynb").replace(".", "/")
                seconds[name] = seconds.get(name, 0) + float(case.get("time", 0))
    return seconds


def count_definitions(code):
    """How many functions, classes and lambdas a cell defines; none if it is not plain Python."""
    try:
        nodes = ast.walk(ast.parse(code))
    except SyntaxError:
        return 0
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    return sum(isinstance(node, kinds) for node in nodes)


def read_prose(text):
    """Markdown without its blocks of code; boxes are opened, for what they hold is prose."""
    opened = FENCED.sub(lambda block: block[3] if block[2] else "", text)
    return text if opened == text else read_prose(opened)


def measure(path):
    """The numbers of one notebook, as a dict with the table's column names."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    prose = read_prose(text)
    words = len(re.findall(r"\w[\w'’-]*", prose))
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lengths = [len(source.splitlines()) for source in code] or [0]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    figures = sum(any(kind[:6] == "image/" for kind in o.get("data", {})) for o in outputs)
    return {
        "words": words,
        "minutes": round(words / 200),
        "cells": len(code),
        "lines": sum(lengths),
        "median": median_high(lengths),
        "longest": max(lengths),
        "definitions": sum(map(count_definitions, code)),
        f"over {WIDTH}": sum(len(line) > WIDTH for source in code for line in source.splitlines()),
        "figures": figures,
        "kB": round(path.stat().st_size / 1000),
    }


def make_report(root=contents.ROOT):
    """One row for each notebook there is."""
    seconds = measured_seconds(Path(root, "_build", "tests.xml"))
    rows = {}
    for path in contents.notebooks(root):
        name = path.relative_to(root).with_suffix("").as_posix()
        took = f"{seconds[name]:.0f}" if name in seconds else "–"
        rows[f"{path.parent.name}/{path.stem[:32]}"] = measure(path) | {"seconds": took}
    return pd.DataFrame.from_dict(rows, orient="index")


if __name__ == "__main__":
    print(make_report().to_string())
