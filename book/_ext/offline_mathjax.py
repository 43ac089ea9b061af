"""Serve MathJax from the site itself, from the copy that sphinx-mathjax-offline carries.

That package's own extension copies all 24 MB of it; a page here loads one script and a few fonts.
"""

from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

NEEDED = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts")


def copy_mathjax(app, exception):
    """Copy the needed files into the finished site."""
    if exception or app.builder.format != "html":
        return
    [package] = find_spec("sphinx-mathjax-offline").submodule_search_locations
    source = Path(package, "static", "mathjax")
    for name in NEEDED:
        target = Path(app.outdir, "_static", "mathjax", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_asset(source / name, target if (source / name).is_dir() else target.parent)


def setup(app):
    """Register the extension with Sphinx."""
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
