"""Embeddings and counting on two sets of opinions: a run of evidence 15.1.

``make long-run RUN=sentiment`` trains both methods five times, each run
with its own draw of the training texts and its own settings (some five
minutes), and writes ``sentiment.npz`` beside this file. Evidence 15.1
judges that, and repeats a part. To see whether its verdict stands with
other draws::

    cd book/evidence/runs
    python sentiment.py --first-run 1000 --output other.npz
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from helpers import data, training
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfTransformer,
)
from sklearn.linear_model import LogisticRegression

STORED = Path(__file__).with_suffix(".npz")
RUNS, DIM, NUM_PAIRS = 5, 8, 2**17
KINDS = ("words and pairs", "words", "counting")
FEWEST, STRENGTHS = (2, 5), (1, 3, 10, 30)  # settings of counting


class Setting(NamedTuple):
    """How one set of texts is read and trained on."""

    vocab_size: int
    length: int  # words of a text that the averages read
    drawn: int  # training texts of a run
    batch_size: int
    epochs: int
    rates: tuple[float, float]


SETTINGS = {
    "IMDB": Setting(20_000, 400, 16_000, 250, 5, (0.02, 0.05)),
    "Rotten Tomatoes sentences": Setting(
        10_000, 60, 6_000, 120, 8, (0.01, 0.03)
    ),
}
LOADERS = dict(
    zip(SETTINGS, (data.load_imdb, data.load_rotten_tomatoes), strict=True)
)


class Answers(NamedTuple):
    """What a method says after one run.

    Attributes
    ----------
    chosen : ndarray, shape (2,)
        The learning rate and the epoch; or, for counting, the number of
        texts that a term must occur in, and the strength `C`.
    validation, test : ndarray, shape (texts,)
        The probability of "positive" for each text.
    """

    chosen: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def add_pairs(words: np.ndarray, vocab_size: int) -> np.ndarray:
    """Rows of word ids, then the ids of their pairs of neighbors."""
    first, second = words[:, :-1], words[:, 1:]
    pairs = vocab_size + (first * 10_007 + second) % NUM_PAIRS
    pairs = np.where(second > 0, pairs, 0)
    return np.concatenate([words, pairs], axis=1).astype("int32")


class Texts:
    """One set of texts as ids and as counts, and the draws of its runs.

    The vocabularies are those of all training texts, without labels.
    """

    def __init__(self, name: str) -> None:
        self.setting = setting = SETTINGS[name]
        parts = LOADERS[name]()
        self.labels = [part.labels for part in parts]
        vectorize = keras.layers.TextVectorization(
            max_tokens=setting.vocab_size,
            output_sequence_length=setting.length,
        )
        vectorize.adapt(parts.train.texts, batch_size=1024)
        self.words = [vectorize(part.texts).numpy() for part in parts]
        self.pairs = [
            add_pairs(rows, setting.vocab_size) for rows in self.words
        ]
        count = CountVectorizer(
            ngram_range=(1, 2),
            min_df=2,
            token_pattern=r"\w+",
            dtype=np.float32,
        )
        counts = count.fit_transform(parts.train.texts)
        self.counts = [
            counts,
            *(count.transform(part.texts) for part in parts[1:]),
        ]

    def draw(self, run: int) -> np.ndarray:
        """Draw a run's training texts, each class in its share."""
        return training.draw_labels(self.labels[0], self.setting.drawn, run)


def build_average(rows: int, length: int) -> keras.Model:
    """Build the page's model, which gets the ids of pairs ready-made."""
    model = keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            keras.layers.Embedding(rows, DIM, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", jit_compile=True)
    return model


def train_average(
    model: keras.Model, texts: Texts, ids: list[np.ndarray], run: int
) -> Answers:
    """Train with each rate; keep the epoch best on validation texts."""
    draw = texts.draw(run)
    x, y = ids[0][draw], texts.labels[0][draw]
    best_score, best = -1.0, None
    for rate in texts.setting.rates:
        training.restart(model, run, rate)
        for epoch in range(1, texts.setting.epochs + 1):
            model.fit(x, y, batch_size=texts.setting.batch_size, verbose=0)
            answers = model(ids[1]).numpy()[:, 0]
            score = np.mean((answers > 0.5) == texts.labels[1])
            if score > best_score:
                tested = model(ids[2]).numpy()[:, 0]
                best = Answers(np.array([rate, epoch]), answers, tested)
                best_score = score
    return best


def train_counting(
    texts: Texts,
    run: int,
    fewest_tried: Sequence[int] = FEWEST,
    strengths: Sequence[float] = STRENGTHS,
) -> Answers:
    """Fit with each setting; keep the one best on validation texts."""
    draw = texts.draw(run)
    counts, labels = texts.counts[0][draw], texts.labels[0][draw]
    texts_with = counts.getnnz(axis=0)
    best_score, best = -1.0, None
    for fewest in fewest_tried:
        terms = np.flatnonzero(texts_with >= fewest)
        weigh = TfidfTransformer(sublinear_tf=True).fit(counts[:, terms])
        train, validation, test = (
            weigh.transform(part[:, terms])
            for part in (counts, *texts.counts[1:])
        )
        for strength in strengths:
            model = LogisticRegression(
                C=strength, solver="liblinear", tol=0.01
            ).fit(train, labels)
            answers = model.predict_proba(validation)[:, 1]
            score = np.mean((answers > 0.5) == texts.labels[1])
            if score > best_score:
                tested = model.predict_proba(test)[:, 1]
                best = Answers(
                    np.array([fewest, strength]), answers, tested
                )
                best_score = score
    return best


def run_all(name: str, runs: range) -> dict[tuple[str, int], Answers]:
    """Train every kind in every run, on one set of texts."""
    texts = Texts(name)
    found = {}
    for kind in KINDS:
        if kind == "counting":
            for place, run in enumerate(runs):
                found[kind, place] = train_counting(texts, run)
            continue
        ids = texts.words if kind == "words" else texts.pairs
        num_rows = texts.setting.vocab_size
        num_rows += NUM_PAIRS if kind != "words" else 0
        model = build_average(num_rows, ids[0].shape[1])
        for place, run in enumerate(runs):
            found[kind, place] = train_average(model, texts, ids, run)
    return found


def load_runs(path: Path = STORED) -> dict[tuple[str, str], Answers]:
    """Load what `main` stored, by set and kind, a row for each run."""
    with np.load(path) as stored:
        return {
            (name, kind): Answers(
                *(
                    np.array(
                        [
                            stored[f"{name} {kind} {run} {field}"]
                            for run in range(RUNS)
                        ]
                    )
                    for field in Answers._fields
                )
            )
            for name in SETTINGS
            for kind in KINDS
        }


def main() -> None:
    """Train all runs and store them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    runs = range(options.first_run, options.first_run + RUNS)
    stored = {}
    for name in SETTINGS:
        for (kind, place), answers in run_all(name, runs).items():
            for field, value in answers._asdict().items():
                key = f"{name} {kind} {place} {field}"
                stored[key] = value.astype("float32")
            print(
                f"{name}, {kind}, run {place}: {answers.chosen}", flush=True
            )
    np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
