"""Occurrences of a few ambiguous words, with their senses, labeled by hand for chapter 12."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from helpers.data.corpora import Paragraphs
from helpers.data.texts import TextSplits, TopicSplits

SENSES = Path(__file__).with_name("senses.csv")


class Occurrence(NamedTuple):
    """A word where it occurs, with the words before and after it, and its sense."""

    word: str
    sense: str
    source: str
    before: str
    form: str
    after: str


def read_senses(
    word: str,
    wikitext2: Paragraphs,
    imdb: TextSplits,
    newsgroups: TopicSplits,
    context: int = 15,
) -> list[Occurrence]:
    """Return the labeled occurrences of *bank*, *spring* or *plant*.

    The labels hold where each stands, and no text: pass the sets that they point into. One
    person read and labeled them. The occurrences were drawn at random, at most one from each
    article, review or post; neither names nor other meanings are among them.

    Parameters
    ----------
    word : str
    wikitext2, imdb, newsgroups
        What the loaders of these names return.
    context : int
        How many words to keep on either side.

    Returns
    -------
    list of Occurrence
        Of the two senses of the word, by source. `form` is the word as it is written there, with
        punctuation that sticks to it.

    Raises
    ------
    ValueError
        If no occurrence of the word is labeled.
    """
    texts = {
        "wikitext2": _join_articles(wikitext2.train),
        "imdb": imdb.train.texts,
        "newsgroups": newsgroups.train.texts,
    }
    with SENSES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["word"] == word]
    if not rows:
        raise ValueError(f"No occurrence of {word!r} is labeled; bank, spring and plant are.")
    found = []
    for row in rows:
        if row["sense"] == "other":
            continue
        words, place = texts[row["source"]][int(row["text"])].split(), int(row["place"])
        before = " ".join(words[max(0, place - context) : place])
        after = " ".join(words[place + 1 : place + 1 + context])
        found.append(Occurrence(word, row["sense"], row["source"], before, words[place], after))
    return found


def _join_articles(paragraphs: Sequence[str]) -> list[str]:
    """Join WikiText's paragraphs; a heading between single signs begins an article."""
    articles = []
    for paragraph in paragraphs:
        if re.fullmatch(r"= [^=].*[^=] =", paragraph):
            articles.append([])
        articles[-1].append(paragraph)
    return [" ".join(article) for article in articles]
