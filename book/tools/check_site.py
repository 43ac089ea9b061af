"""Check that the built site has a page for every entry of the contents list.

``python book/tools/check_site.py`` looks into ``_build/html``, or into the folder it is given.
A build that reads no contents list makes no pages and reports no error; this notices.
"""

import sys
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]


def missing_pages(site):
    """Entries of the contents list that have no page in the folder `site`."""
    contents = parse_toc_yaml(ROOT / "_toc.yml")
    return [name for name in contents if not Path(site, f"{name}.html").is_file()]


def main():
    """Report missing pages, or say where to open the site."""
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html"
    if missing := missing_pages(site):
        sys.exit(f"{site} has no page for: {', '.join(missing)}")
    print(f"The book is built: open {(site / 'index.html').resolve().as_uri()}")


if __name__ == "__main__":
    main()
