"""Word vectors with and without subwords: the long run of evidence 12.

``make long-run RUN=subwords`` trains fastText and plain skip-gram on
WikiText-2, three times each with two rates (about ten minutes), and writes
``subwords.npz`` beside this file: the cosine of each rated pair after each
epoch, and how often its words occur. Evidence 12 judges that.
To see whether its verdicts stand from other starts::

    cd book/evidence/runs
    python subwords.py --first-run 1000 --output other.npz
"""

import argparse
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gensim.models import FastText, Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from helpers import data

STORED = Path(__file__).with_suffix(".npz")
SETS = ("rare_words", "men", "simlex999", "wordsim353")
RUNS, EPOCHS = 3, 6
RATES = (0.025, 0.075)  # gensim's own, and a faster one
MIN_COUNT = 5  # rarer words get no vector of their own: they are unseen
SHARED = {  # by both kinds; one thread each, so that a run can be repeated
    "vector_size": 100,
    "sg": 1,
    "negative": 5,
    "window": 5,
    "sample": 1e-4,
    "min_count": MIN_COUNT,
    "epochs": EPOCHS,
    "workers": 1,
}
N_GRAMS = {"min_n": 3, "max_n": 6, "bucket": 200_000}
KINDS = {"plain": (Word2Vec, {}), "fastText": (FastText, N_GRAMS)}


def read_sentences() -> list[list[str]]:
    """Cut WikiText-2's paragraphs into words, as `skipgram.read_corpus`."""
    paragraphs = data.load_wikitext2().train
    found = (
        re.findall(r"[^\W\d_]+", text.lower().replace("'", ""))
        for text in paragraphs
    )
    return [words for words in found if words]


def read_pairs() -> np.ndarray:
    """Read the rated pairs: set, both words, people's score."""
    rows = []
    for name in SETS:
        pairs = data.load_similarity(name)
        for first, second, score in zip(
            pairs.first, pairs.second, pairs.scores, strict=True
        ):
            rows.append((name, first.lower(), second.lower(), float(score)))
    kinds = [
        ("set", "U12"),
        ("first", "U40"),
        ("second", "U40"),
        ("score", "f8"),
    ]
    return np.array(rows, dtype=kinds)


class Measure(CallbackAny2Vec):
    """After each epoch, the cosine of every pair; 0 without a vector."""

    def __init__(self, pairs: np.ndarray) -> None:
        self.pairs, self.cosines = pairs, []

    def on_epoch_end(self, model: Word2Vec) -> None:
        """Measure."""
        if isinstance(model, FastText):
            model.wv.adjust_vectors()
        vectors = {}
        for word in {*self.pairs["first"], *self.pairs["second"]}:
            if word in model.wv.key_to_index or isinstance(model, FastText):
                vector = model.wv.get_vector(word)
                vectors[word] = vector / np.linalg.norm(vector)
        zero = np.zeros(SHARED["vector_size"], dtype=np.float32)
        self.cosines.append(
            [
                vectors.get(first, zero) @ vectors.get(second, zero)
                for first, second in self.pairs[["first", "second"]]
            ]
        )


def main() -> None:
    """Train all runs, two at a time, and store the cosines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    sentences, pairs = read_sentences(), read_pairs()

    def train(job: tuple[str, int, float]) -> list:
        kind, run, rate = job
        build, extra = KINDS[kind]
        measure = Measure(pairs)
        seed = options.first_run + run + 1
        settings = {"seed": seed, "alpha": rate, "callbacks": [measure]}
        build(sentences, **settings, **SHARED, **extra)
        print(kind, "run", run, "rate", rate, "is done", flush=True)
        return measure.cosines

    jobs = [
        (kind, run, rate)
        for run in range(RUNS)
        for rate in RATES
        for kind in reversed(KINDS)
    ]
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(jobs, pool.map(train, jobs), strict=True))
    counts = Counter(word for words in sentences for word in words)
    np.savez_compressed(
        options.output,
        pairs=pairs,
        counts=[
            [counts[word] for word in pairs[side].tolist()]
            for side in ("first", "second")
        ],
        **{
            kind: np.array(
                [
                    [found[kind, run, rate] for rate in RATES]
                    for run in range(RUNS)
                ],
                dtype=np.float32,
            )
            for kind in KINDS
        },
    )


if __name__ == "__main__":
    main()
