"""The glossary: the order that a careless merge would break."""

from itertools import pairwise

from helpers.evidence import ROOT


def test_entries_stand_in_order():
    """Terms above one definition stay with it only if nothing is shuffled."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    lines = text.split(":sorted:\n", 1)[1].splitlines()
    first_terms = [
        line
        for before, line in pairwise(lines)
        if not before and line and not line.startswith((" ", "`"))
    ]
    assert len(first_terms) > 100
    assert first_terms == sorted(first_terms, key=str.casefold)
