"""Do the halves of a split word meet again? The long run of evidence 8.

``make long-run RUN=split_words`` splits 600 words of WikiText-2 in two by
tossing a coin at each occurrence, trains skip-gram vectors, five times over
(two minutes or so), and writes ``split_words.npz`` beside this file: how
near each half is to the other half, and to the nearest other word.
"""

from pathlib import Path

import numpy as np
from helpers import data
from helpers.skipgram import Corpus, read_corpus, train_skipgram

STORED = Path(__file__).with_suffix(".npz")
RUNS, PER_BAND = 5, 200
BANDS = {  # occurrences, from the least to the most
    "40 to 80 occurrences": (40, 80),
    "150 to 300 occurrences": (150, 300),
    "600 occurrences or more": (600, np.inf),
}


def read_text() -> Corpus:
    """Read WikiText-2, its words not yet split."""
    return read_corpus(data.load_wikitext2().train)


def choose_words(corpus: Corpus) -> dict[str, np.ndarray]:
    """Draw the rows of the words that are split, for each band."""
    # As `default_rng` would draw, which ``make reseed`` shifts: the stored
    # cosines are those of these words.
    rng = np.random.Generator(np.random.PCG64(0))
    chosen = {}
    for name, (low, high) in BANDS.items():
        in_band = (corpus.counts >= low) & (corpus.counts <= high)
        drawn = rng.permutation(np.flatnonzero(in_band))
        chosen[name] = drawn[:PER_BAND]
    return chosen


def split_words(
    corpus: Corpus, rows: np.ndarray, rng: np.random.Generator
) -> Corpus:
    """Write each occurrence of a chosen word as it is, or as its twin.

    The twin of the word in row ``rows[i]`` has row ``size + i``, where
    ``size`` is the number of words before the splitting.
    """
    twins = np.arange(len(corpus.words))
    twins[rows] = len(corpus.words) + np.arange(len(rows))
    heads = rng.random(len(corpus.word_ids)) < 0.5
    word_ids = np.where(heads, twins[corpus.word_ids], corpus.word_ids)
    words = [*corpus.words, *(corpus.words[row] + "'" for row in rows)]
    return Corpus(
        words,
        np.bincount(word_ids, minlength=len(words)),
        word_ids.astype(np.int32),
        corpus.paragraph_ids,
    )


def cosines_of_halves(
    matrix: np.ndarray, halves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compare halves with each other, and with the nearest other word.

    `halves` are rows of the matrix, shape (words, 2); so are the results.
    """
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    both = np.concatenate([halves, halves[:, ::-1]])
    cosines = unit[both[:, 0]] @ unit.T
    to_half = np.take_along_axis(cosines, both[:, 1:], axis=1)[:, 0]
    np.put_along_axis(cosines, both, -1, axis=1)
    nearest_other = cosines.max(axis=1)
    return to_half.reshape(2, -1).T, nearest_other.reshape(2, -1).T


def train_run(corpus: Corpus, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Split with coins of this run's own, train, and compare."""
    rows = np.concatenate([*choose_words(corpus).values()])
    halves = np.stack([rows, len(corpus.words) + np.arange(len(rows))], 1)
    split = split_words(corpus, rows, np.random.default_rng(run))
    return cosines_of_halves(train_skipgram(split, seed=run).matrix, halves)


def main() -> None:
    """Make all runs and store them: arrays (runs, words, halves)."""
    corpus = read_text()
    to_half, to_other = zip(
        *(train_run(corpus, run) for run in range(RUNS)), strict=True
    )
    np.savez_compressed(
        STORED,
        to_half=np.array(to_half, np.float32),
        to_other=np.array(to_other, np.float32),
    )


if __name__ == "__main__":
    main()
