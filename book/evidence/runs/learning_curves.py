"""Sparse and dense input with few labels and many: a run of evidence 2.

``make long-run RUN=learning_curves`` trains five models ten times, each
with its own draw of the labels and its own settings (some twenty minutes),
and writes ``learning_curves.npz`` beside this file. Evidence 2 judges that,
and repeats a part. To see whether its verdicts stand with other draws::

    cd book/evidence/runs
    python learning_curves.py --first-run 1000 --output other.npz
"""

import argparse
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from helpers import data
from helpers.training import Trained
from helpers.vectors import embedding_matrix
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import normalize
from tqdm import tqdm

STORED = Path(__file__).with_suffix(".npz")
WORD = re.compile(r"[a-z0-9]+")
RUNS, NUM_VALIDATION = 10, 2_000
NUM_WORDS, NUM_PAIRS = 10_000, 40_000  # columns

STRENGTHS = (1, 10, 100, 1_000)  # C of the logistic regressions
RATES = (0.001, 0.003, 0.01, 0.03)  # learning rates of the networks
HIDDEN_UNITS = 16
REGRESSIONS = ("GloVe average", "bag of bigrams")
NETWORKS = {  # the activation of the hidden layer
    "embedding average": "identity",
    "one-hot network": "relu",
    "bigram network": "relu",
}


class Setting(NamedTuple):
    """How the networks train with some number of labels."""

    batch_size: int
    epochs: int


SETTINGS = {  # by number of labels
    100: Setting(10, 20),
    1_000: Setting(50, 20),
    3_000: Setting(100, 15),
    20_000: Setting(250, 10),
}


class Reviews(NamedTuple):
    """All reviews of IMDB as one long row of word numbers.

    Attributes
    ----------
    names : ndarray of str, shape (words,)
        The words, by falling frequency outside of the test part.
    ids : ndarray of int, shape (tokens,)
        The number of each token's word; 0 is the most frequent.
    owners : ndarray of int, shape (tokens,)
        The review of each token.
    labels : ndarray of int, shape (reviews,)
    num_train : int
        The first reviews are the training part.
    num_pool : int
        The first reviews, training and validation part, are those that a
        run draws from; the others test.
    """

    names: np.ndarray
    ids: np.ndarray
    owners: np.ndarray
    labels: np.ndarray
    num_train: int
    num_pool: int


def read_reviews() -> Reviews:
    """Cut the reviews into words and number these."""
    parts = data.load_imdb()
    tokens = [
        WORD.findall(text.lower()) for part in parts for text in part.texts
    ]
    owners = np.repeat(np.arange(len(tokens)), [*map(len, tokens)])
    line = np.array([*itertools.chain.from_iterable(tokens)], dtype=object)
    codes, names = pd.factorize(line)
    num_train = len(parts.train.texts)
    num_pool = num_train + len(parts.validation.texts)
    in_pool = codes[owners < num_pool]
    order = most_frequent(in_pool, len(names))
    return Reviews(
        names[order],
        np.argsort(order)[codes],
        owners,
        np.concatenate([part.labels for part in parts]),
        num_train,
        num_pool,
    )


def most_frequent(codes: np.ndarray, number: int) -> np.ndarray:
    """Sort the codes 0, 1, ... `number` - 1 by falling frequency."""
    counts = np.bincount(codes, minlength=number)
    return np.argsort(-counts, kind="stable")


def count(
    owners: np.ndarray, ids: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_matrix:
    """Count the ids below the number of columns, review by review."""
    kept = ids < shape[1]
    ones = np.ones(kept.sum(), dtype=np.float32)
    places = (owners[kept], ids[kept])
    return sparse.csr_matrix((ones, places), shape=shape)


def count_words(reviews: Reviews, num_words: int) -> sparse.csr_matrix:
    """Count the most frequent words, shape (reviews, words)."""
    shape = (len(reviews.labels), num_words)
    return count(reviews.owners, reviews.ids, shape)


def count_pairs(reviews: Reviews, num_pairs: int) -> sparse.csr_matrix:
    """Count the most frequent pairs of neighbors, (reviews, pairs)."""
    is_pair = reviews.owners[:-1] == reviews.owners[1:]
    pairs = reviews.ids[:-1] * len(reviews.names) + reviews.ids[1:]
    codes, names = pd.factorize(pairs[is_pair])
    owners = reviews.owners[:-1][is_pair]
    order = most_frequent(codes[owners < reviews.num_pool], len(names))
    shape = (len(reviews.labels), num_pairs)
    return count(owners, np.argsort(order)[codes], shape)


def read_features(reviews: Reviews) -> dict[str, sparse.csr_matrix]:
    """Make each model's input for all reviews; no label is used."""
    words = count_words(reviews, NUM_WORDS)
    shares = normalize(words, norm="l1")
    both = sparse.hstack([words, count_pairs(reviews, NUM_PAIRS)], "csr")
    weigh = TfidfTransformer(sublinear_tf=True)
    weigh.fit(both[: reviews.num_pool])
    tfidf = weigh.transform(both)
    glove = data.load_glove_840b()
    table, _ = embedding_matrix(reviews.names[:NUM_WORDS].tolist(), glove)
    return {
        "GloVe average": normalize(shares @ table.astype(np.float64)),
        "bag of bigrams": tfidf,
        "embedding average": shares,
        "one-hot network": (words > 0).astype(np.float32),
        "bigram network": tfidf,
    }


def draw(
    labels: np.ndarray, num_labels: int, run: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw reviews to train on and to choose by, of both classes alike.

    The labels of a smaller draw are among those of a larger one.
    """
    # The draw belongs to the stored run: `make reseed` shifts the seeds of
    # `default_rng`, and would train again on other reviews.
    rng = np.random.Generator(np.random.PCG64(run))
    train, validation = [], []
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        chosen = NUM_VALIDATION // 2
        validation.append(rows[:chosen])
        train.append(rows[chosen : chosen + num_labels // 2])
    return rng.permutation(np.concatenate(train)), np.concatenate(
        validation
    )


def fit_regression(
    x: sparse.csr_matrix, y: np.ndarray, draws: list[np.ndarray]
) -> Trained:
    """Fit with each strength; keep the one best on validation reviews."""
    train, validation, test = draws
    best = Trained(-1.0, np.array([]), 0, 0)
    solver = "liblinear" if sparse.issparse(x) else "newton-cholesky"
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, solver=solver, tol=0.01)
        model.fit(x[train], y[train])
        score = model.score(x[validation], y[validation])
        if score > best.validation:
            right = model.predict(x[test]) == y[test]
            best = Trained(score, right, strength, 0)
    return best


def train_network(
    activation: str,
    x: sparse.csr_matrix,
    y: np.ndarray,
    draws: list[np.ndarray],
    run: int,
) -> Trained:
    """Train with each rate; keep the rate and epoch best on validation."""
    train, validation, test = draws
    setting = SETTINGS[len(train)]
    x_train, y_train = x[train], y[train]
    x_validation = x[validation]
    best = Trained(-1.0, np.array([]), 0, 0)
    for rate in RATES:
        model = MLPClassifier(
            (HIDDEN_UNITS,),
            activation=activation,
            alpha=0,
            batch_size=setting.batch_size,
            learning_rate_init=rate,
            random_state=run,
        )
        for epoch in range(1, setting.epochs + 1):
            model.partial_fit(x_train, y_train, classes=(0, 1))
            score = model.score(x_validation, y[validation])
            if score > best.validation:
                right = model.predict(x[test]) == y[test]
                best = Trained(score, right, rate, epoch)
    return best


def train_run(
    reviews: Reviews,
    features: dict[str, sparse.csr_matrix],
    run: int,
    sizes: Sequence[int] = tuple(SETTINGS),
    models: Sequence[str] = (*REGRESSIONS, *NETWORKS),
) -> dict[tuple[str, int], Trained]:
    """Train models with some numbers of labels, in one run."""
    pool_labels = reviews.labels[: reviews.num_pool]
    test = np.arange(reviews.num_pool, len(reviews.labels))
    found = {}
    for name in models:
        x = features[name]
        for size in sizes:
            if name == "bigram network" and size != max(SETTINGS):
                continue  # it is slow, and judged with all labels only
            draws = [*draw(pool_labels, size, run), test]
            if name in NETWORKS:
                trained = train_network(
                    NETWORKS[name], x, reviews.labels, draws, run
                )
            else:
                trained = fit_regression(x, reviews.labels, draws)
            found[name, size] = trained
    return found


class Runs(NamedTuple):
    """One model a run.

    Attributes
    ----------
    right : ndarray of bool, shape (runs, test reviews)
    validation, settings, epochs : ndarray, shape (runs,)
        A setting is a learning rate, or the strength of a regression.
    """

    right: np.ndarray
    validation: np.ndarray
    settings: np.ndarray
    epochs: np.ndarray


def load_runs(path: Path = STORED) -> dict[tuple[str, int], Runs]:
    """Load what `main` stored, by model and number of labels."""
    found = {}
    with np.load(path) as stored:
        for key in stored["keys"].tolist():
            name, size = key.split("|")
            right = np.unpackbits(
                stored[f"{key}|right"],
                axis=1,
                count=int(stored["test reviews"]),
            )
            chosen = stored[f"{key}|chosen"]
            found[name, int(size)] = Runs(right.astype(bool), *chosen)
    return found


def save_runs(
    runs: Sequence[dict[tuple[str, int], Trained]], path: Path
) -> None:
    """Save what `train_run` gives, run by run, for `load_runs`."""
    arrays = {
        "keys": np.array([f"{name}|{size}" for name, size in runs[0]])
    }
    for name, size in runs[0]:
        trained = [run[name, size] for run in runs]
        right = np.array([each.right for each in trained])
        arrays["test reviews"] = right.shape[1]
        arrays[f"{name}|{size}|right"] = np.packbits(right, axis=1)
        arrays[f"{name}|{size}|chosen"] = np.transpose(
            [(each.validation, each.rate, each.epoch) for each in trained]
        )
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train all runs and save them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    reviews = read_reviews()
    features = read_features(reviews)
    runs = [
        train_run(reviews, features, options.first_run + run)
        for run in tqdm(range(RUNS))
    ]
    save_runs(runs, options.output)


if __name__ == "__main__":
    main()
