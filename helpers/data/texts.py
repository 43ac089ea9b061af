"""Texts with their classes, split once and for all."""

import csv
import re
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from helpers import wheels

SPLIT_SEED = 7


class TextSet(NamedTuple):
    """Texts with their classes: `labels` is an array of int64, shape (number of texts,)."""

    texts: list[str]
    labels: np.ndarray


class TextSplits(NamedTuple):
    """A text classification set, split once and for all; no text occurs in two parts."""

    train: TextSet
    validation: TextSet
    test: TextSet


class TopicSplits(NamedTuple):
    """As `TextSplits`, for many classes: `class_names[label]` is a class's name."""

    train: TextSet
    validation: TextSet
    test: TextSet
    class_names: list[str]


def load_imdb() -> TextSplits:
    """Load IMDB reviews: 20,000 for training, two equal parts for validation and test.

    Label 1 is positive, 0 negative. Repeated reviews are dropped before the split; line-break
    tags have become spaces. Source: Maas et al. (2011).
    """
    return _split(*_read_reviews("imdb"), train_size=20_000)


def load_rotten_tomatoes() -> TextSplits:
    """Load sentences from film reviews, 80 % for training, 10 % each for validation and test.

    Label 1 is positive, 0 negative; all is in lower case. Source: Pang and Lee (2005).
    """
    return _split(*_read_reviews("rotten_tomatoes"), train_size=0.8)


def load_trec() -> TopicSplits:
    """Load questions in 6 classes, 80 % for training, 10 % each for validation and test.

    Source: Li and Roth (2002).
    """
    with wheels.member("trec", "questions").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"].strip() for row in rows]
    labels = [int(row["label-coarse"]) for row in rows]
    class_names = ["description", "entity", "abbreviation", "human", "number", "location"]
    return TopicSplits(*_split(texts, labels, train_size=0.8), class_names)


def load_newsgroups() -> TopicSplits:
    """Load 20 Newsgroups: posts in 20 classes, the official test part, a tenth for validation.

    Source: Lang (1995), in the version of Cardoso-Cachopo (2007).
    """
    return _split_officially("newsgroups", "train", "test")


def load_reuters(name: str) -> TopicSplits:
    """Load Reuters articles: the official test part, a tenth of the rest for validation.

    Parameters
    ----------
    name : {"r8", "r52"}
        With the 8 or the 52 classes. Source: Lewis (1997), in the version of Cardoso-Cachopo
        (2007).
    """
    return _split_officially("reuters", f"{name}_train", f"{name}_test")


def _read_reviews(name: str) -> tuple[list[str], list[int]]:
    with wheels.member(name, "reviews").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == name]
    texts = [" ".join(re.sub(r"<br\s*/?>", " ", row["text"]).split()) for row in rows]
    return texts, [int(row["label"]) for row in rows]


def _read_table(name: str, key: str) -> tuple[list[str], list[str]]:
    """Read texts and class names from a table of Orange, whose header has three lines."""
    lines = wheels.member(name, key).read_text(encoding="utf-8").split("\n")[3:]
    rows = [line.split("\t") for line in lines if line.strip()]
    return [text.strip() for _, text in rows], [class_name for class_name, _ in rows]


def _key(text: str) -> str:
    """What makes two texts the same: everything but case, white space and markup."""
    return " ".join(re.sub(r"<[^<>]*>", " ", text).lower().split())


def first_rows(texts: list[str]) -> np.ndarray:
    """Row numbers of the texts without their repetitions."""
    rows = {}
    for row, text in enumerate(texts):
        rows.setdefault(_key(text), row)
    return np.array(list(rows.values()))


def _split(texts: list[str], labels: list[int], train_size: int | float) -> TextSplits:
    """Shuffle and split by class: the training part, and the rest in two halves."""
    labels = np.array(labels, dtype=np.int64)
    rows = first_rows(texts)
    train, rest = train_test_split(
        rows, train_size=train_size, stratify=labels[rows], random_state=SPLIT_SEED
    )
    validation, test = train_test_split(
        rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED
    )
    return TextSplits(*(_take(texts, labels, part) for part in (train, validation, test)))


def _split_officially(name: str, train_key: str, test_key: str) -> TopicSplits:
    """Take a tenth of the training part for validation, and training texts out of the test."""
    texts, classes = _read_table(name, train_key)
    test_texts, test_classes = _read_table(name, test_key)
    class_names = sorted(set(classes))
    labels, test_labels = (
        np.array([class_names.index(each) for each in part], dtype=np.int64)
        for part in (classes, test_classes)
    )
    rows = first_rows(texts)
    # The only text of its class cannot be split: it stays in training.
    alone = np.bincount(labels[rows])[labels[rows]] == 1
    train, validation = train_test_split(
        rows[~alone], test_size=0.1, stratify=labels[rows[~alone]], random_state=SPLIT_SEED
    )
    seen = {_key(text) for text in texts}
    test = [row for row in first_rows(test_texts) if _key(test_texts[row]) not in seen]
    return TopicSplits(
        _take(texts, labels, np.concatenate([train, rows[alone]])),
        _take(texts, labels, validation),
        _take(test_texts, test_labels, np.array(test)),
        class_names,
    )


def _take(texts: list[str], labels: np.ndarray, rows: np.ndarray) -> TextSet:
    return TextSet([texts[row] for row in rows], labels[rows])
