"""Strict validation of notebooks: what nbval checks, and what it lets through.

``python -m pytest --nbval chapters`` runs every cell and compares its outputs with the stored
ones. nbval compares text only; here a cell may declare how far its decimals may drift, in its
metadata as ``"tolerance": {"rtol": 0.02, "atol": 0.01}``. A fresh decimal may then differ from
the stored one by ``atol + rtol * abs(stored)``. Measured times take ``{"factor": 3}`` instead: a
fresh decimal has the stored one's sign and lies between a third and three times of it. The ends of
an interval, written ``[0.16, 0.26]`` or stored as ``low`` and ``high``, may drift by a quarter of
its width more: an interval over five runs is itself uncertain by a third of its width. A decimal
is a number with a point or an exponent. Integers and all other text stay exact, as does
everything in cells that declare nothing. Figures are not compared, but must be there on both
sides.

A notebook with a cell tagged ``spark`` is skipped where Spark is missing, and says so; with
REQUIRE_SPARK in the environment it runs and fails.

Cells that were never executed fail, and so do any text on stderr, and the cell with which a
notebook exceeds its time limit. What native libraries write past Python into the process's
stderr, such as TensorFlow's start-up lines, never arrives here: ipykernel leaves that alone under
pytest.
"""

import json
import math
import os
import re
import time

import pytest
from nbval.plugin import IPyNbCell, coalesce_streams

from book.tools.run_notebooks import needs_spark
from helpers import spark

# Neither part of a word or of a version ("v2.1", "2.21.0"), nor followed by a unit or a letter.
NUMBER = re.compile(
    r"(?<![\w.])([-+−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?!\.?\w)"
)
# A slow machine may take longer than nbval's five seconds to pass on an output.
OUTPUT_TIMEOUT = 60
INTERVAL_SHARE = 0.25


def is_decimal(number):
    return any(mark in number for mark in ".eE")


def is_close(stored, fresh, tolerance):
    if stored == fresh or (math.isnan(stored) and math.isnan(fresh)):
        return True
    if "factor" in tolerance:
        low, high = sorted((stored / tolerance["factor"], stored * tolerance["factor"]))
        return low <= fresh <= high
    allowed = tolerance.get("atol", 0) + tolerance.get("rtol", 0) * abs(stored)
    # 0.88 - 0.87 is a little more than 0.01 in binary.
    return abs(fresh - stored) <= allowed * (1 + 1e-9) + 1e-12 * bool(allowed)


def for_ends(tolerance, low, high):
    """The tolerance for both ends of an interval: wider by a share of the interval's width."""
    if not tolerance or "factor" in tolerance:
        return tolerance
    return {**tolerance, "atol": tolerance.get("atol", 0) + INTERVAL_SHARE * abs(high - low)}


def read_decimal(number):
    return float(number.replace(",", "").replace("−", "-"))


def split_at_numbers(text):
    """Alternate text and numbers; blanks beside a number go, as they depend on its width."""
    parts = NUMBER.split(text)
    for position in range(0, len(parts), 2):
        if position > 0:
            parts[position] = parts[position].lstrip(" \t")
        if position < len(parts) - 1:
            parts[position] = parts[position].rstrip(" \t")
    return parts


def difference_in_text(stored, fresh, tolerance):
    """Say how two texts differ beyond the tolerance; None if they do not."""
    if stored == fresh:
        return None
    if not tolerance:
        return "the text differs, and the cell declares no tolerance"
    stored_parts, fresh_parts = split_at_numbers(stored), split_at_numbers(fresh)
    if len(stored_parts) != len(fresh_parts) or stored_parts[::2] != fresh_parts[::2]:
        return "the text differs in more than its numbers"
    tolerances = [tolerance] * len(stored_parts)
    for low in range(1, len(stored_parts) - 2, 2):
        before, between, after = (stored_parts[low + step] for step in (-1, 1, 3))
        if before.endswith("[") and between.strip() == "," and after.startswith("]"):
            ends = (read_decimal(stored_parts[low + step]) for step in (0, 2))
            tolerances[low] = tolerances[low + 2] = for_ends(tolerance, *ends)
    for old, new, allowed in zip(
        stored_parts[1::2], fresh_parts[1::2], tolerances[1::2], strict=True
    ):
        if not (is_decimal(old) and is_decimal(new)):
            if old != new:
                return f"{old} is stored, {new} came out, and whole numbers are exact"
        elif not is_close(read_decimal(old), read_decimal(new), allowed):
            return f"{old} is stored, {new} came out, beyond the tolerance {dict(allowed)}"
    return None


def difference_in_value(stored, fresh, tolerance):
    """Say how two values of an output (text or JSON) differ; None if they do not."""
    if type(stored) is not type(fresh):
        return f"{stored!r} is stored, {fresh!r} came out"
    if isinstance(stored, str):
        return difference_in_text(stored, fresh, tolerance)
    if isinstance(stored, float):
        if not is_close(stored, fresh, tolerance):
            return f"{stored} is stored, {fresh} came out, beyond the tolerance {dict(tolerance)}"
        return None
    if isinstance(stored, dict) and stored.keys() == fresh.keys():
        tolerances = dict.fromkeys(stored, tolerance)
        if all(isinstance(stored.get(end), float) for end in ("low", "high")):
            ends = for_ends(tolerance, stored["low"], stored["high"])
            tolerances |= {"low": ends, "high": ends}
        pairs = [(f"{key}: ", stored[key], fresh[key], tolerances[key]) for key in stored]
    elif isinstance(stored, list) and len(stored) == len(fresh):
        pairs = [("", old, new, tolerance) for old, new in zip(stored, fresh, strict=True)]
    else:
        return None if stored == fresh else f"{stored!r} is stored, {fresh!r} came out"
    for label, old, new, allowed in pairs:
        difference = difference_in_value(old, new, allowed)
        if difference:
            return label + difference
    return None


def comparable(outputs):
    """Turn outputs into a mapping from a name for the reader to a value.

    The streams come first, as they are merged by name; all other outputs keep their order.
    """
    values = {}
    others = 0
    for output in coalesce_streams(outputs):
        if output.output_type == "stream":
            values[output.name] = output.text
            continue
        others += 1
        if output.output_type == "error":
            values[f"output {others}, exception"] = f"{output.ename}: {output.evalue}"
        for kind, value in output.get("data", {}).items():
            # A stored dict is a NotebookNode, a fresh one is not: make both plain.
            values[f"output {others}, {kind}"] = json.loads(json.dumps(value))
    return values


def show(value):
    text = str(value)
    return "\n".join(f"    {line}" for line in text[:3000].splitlines())


def describe_differences(stored_outputs, fresh_outputs, tolerance):
    """List, readably, what differs between a cell's stored and fresh outputs."""
    stored, fresh = comparable(stored_outputs), comparable(fresh_outputs)
    complaints = []
    for side, values in (("stored", stored), ("fresh", fresh)):
        if "stderr" in values:
            complaints.append(f"stderr in the {side} output:\n{show(values['stderr'])}")
    for name in [*stored, *(name for name in fresh if name not in stored)]:
        if name == "stderr":
            continue
        is_image = ", image/" in name
        if name not in fresh:
            value = "" if is_image else f":\n{show(stored[name])}"
            complaints.append(f"{name} is stored and did not come out{value}")
        elif name not in stored:
            value = "" if is_image else f":\n{show(fresh[name])}"
            complaints.append(f"{name} came out and is not stored{value}")
        elif not is_image:
            difference = difference_in_value(stored[name], fresh[name], tolerance)
            if difference:
                complaints.append(
                    f"{name}: {difference}\n"
                    f"  stored:\n{show(stored[name])}\n  fresh:\n{show(fresh[name])}"
                )
    return complaints


def read_tolerance(metadata):
    """Return a cell's declared tolerance, empty if there is none; raise ValueError if odd."""
    tolerance = metadata.get("tolerance", {})
    if (
        not isinstance(tolerance, dict)
        or not (tolerance.keys() <= {"rtol", "atol"} or tolerance.keys() == {"factor"})
        or not all(type(v) in (int, float) and 0 <= v < math.inf for v in tolerance.values())
        or tolerance.get("factor", 1) < 1
    ):
        raise ValueError(
            "tolerance takes rtol and atol, numbers from 0, or factor, a number from 1: "
            f"not {tolerance!r}"
        )
    return tolerance


def compare_outputs(item, fresh_outputs, stored_outputs, skip_compare=None):
    """Stand in for nbval's textual comparison of one cell."""
    try:
        tolerance = read_tolerance(item.cell.metadata)
        item.comparison_traceback = describe_differences(stored_outputs, fresh_outputs, tolerance)
    except ValueError as error:
        item.comparison_traceback = [str(error)]
    return not item.comparison_traceback


IPyNbCell.compare_outputs = compare_outputs


def pytest_addoption(parser):
    # Alone a notebook takes a third of this at most; `make test` runs two of them at a time.
    parser.addini("notebook_seconds", "How long all cells of a notebook may take", default="600")


def pytest_collection_modifyitems(items):
    """Skip the notebooks that need Spark where it is missing, unless it is required."""
    reason = None if os.environ.get("REQUIRE_SPARK") else spark.missing()
    for item in items if reason else []:
        if isinstance(item, IPyNbCell) and needs_spark(item.parent.nb):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail notebook cells that nbval would pass: never executed, not raising, or too slow.

    That comes after the run, so that the cells below find what this one defines.
    """
    if not isinstance(item, IPyNbCell):
        return (yield)
    item.output_timeout = OUTPUT_TIMEOUT
    started = time.perf_counter()
    result = yield
    before = getattr(item.parent, "seconds", 0)
    item.parent.seconds = before + time.perf_counter() - started
    limit = float(item.config.getini("notebook_seconds"))
    if before <= limit < item.parent.seconds:
        item.raise_cell_error(f"With this cell the notebook takes more than {limit:g} seconds")
    cell = item.cell
    if cell.source.strip() and cell.execution_count is None:
        item.raise_cell_error("The stored cell was never executed")
    if item.options["check_exception"] and not any(
        output.output_type == "error" for output in cell.outputs
    ):
        item.raise_cell_error("The cell is tagged raises-exception and stores no exception")
    return result
