"""The book's skip-gram trainer against gensim's: speed and quality.

``make bench`` trains both in one process (about twenty minutes; nothing
else should run meanwhile) and writes ``bench_skipgram.npz`` beside this
file. Evidence 8 shows it.

The settings of each side are chosen on other data than it is judged on: on
WikiText-2 alone, by the rated pairs of MTurk and Microsoft's analogies.
gensim reads from a file (``corpus_file``), which its documentation calls
the fastest way, with the number of workers that is fastest here.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from helpers import data, scores
from helpers.skipgram import Corpus, read_corpus, train_skipgram
from helpers.vectors import WordVectors
from tqdm import tqdm

STORED = Path(__file__).with_suffix(".npz")
SEEDS = (1, 2, 3)
EPOCHS, DIM, WINDOW, NUM_NEGATIVES, SAMPLE = 5, 100, 5, 5, 1e-3
RATES = (0.025, 0.05, 0.075, 0.1)  # at a pair; the first is gensim's own
WORKERS = (1, 2, 3, 4)
TUNING = ("mturk", "msr")
# The first three were looked at while our trainer was written; the last two
# were not.
SIMILARITY = ("wordsim353", "simlex999", "men", "rare_words", "rg65")
CONTENDERS = ("ours", "gensim", "gensim, its own rate")

Trainer = Callable[[Corpus, int, float], tuple[float, WordVectors]]


def train_ours(
    corpus: Corpus, seed: int, rate: float
) -> tuple[float, WordVectors]:
    """Train with our trainer; seconds, compiling included, and vectors."""
    start = time.perf_counter()
    trained = train_skipgram(
        corpus,
        DIM,
        EPOCHS,
        window=WINDOW,
        num_negatives=NUM_NEGATIVES,
        sample=SAMPLE,
        learning_rate=rate,
        seed=seed,
    )
    return time.perf_counter() - start, trained


def write_lines(corpus: Corpus, path: str) -> None:
    """Write a paragraph a line, as gensim reads them."""
    words = np.array(corpus.words, dtype=object)[corpus.word_ids]
    ends = np.flatnonzero(np.diff(corpus.paragraph_ids)) + 1
    with Path(path).open("w", encoding="utf-8") as lines:
        for paragraph in np.split(words, ends):
            lines.write(" ".join(paragraph) + "\n")


def train_gensim(
    corpus: Corpus,
    seed: int,
    rate: float,
    workers: int,
    epochs: int = EPOCHS,
) -> tuple[float, WordVectors]:
    """Train gensim's C code from a file.

    Its seconds leave out what ours leave out, counting the words.
    """
    model = Word2Vec(
        vector_size=DIM,
        window=WINDOW,
        negative=NUM_NEGATIVES,
        sample=SAMPLE,
        sg=1,
        alpha=rate,
        min_count=1,
        workers=workers,
        seed=seed,
    )
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        write_lines(corpus, file.name)
        model.build_vocab(corpus_file=file.name)
        start = time.perf_counter()
        model.train(
            corpus_file=file.name,
            total_examples=model.corpus_count,
            total_words=model.corpus_total_words,
            epochs=epochs,
        )
        seconds = time.perf_counter() - start
    # In the order of the corpus, in which both answer analogies.
    rows = [model.wv.key_to_index[word] for word in corpus.words]
    return seconds, WordVectors(corpus.words, model.wv.vectors[rows])


def known_questions(corpus: Corpus, name: str) -> list[data.Analogy]:
    """Return the analogies all of whose words the corpus has."""
    words = {*corpus.words}
    return [
        question
        for question in data.load_analogies(name)
        if all(word.lower() in words for word in question[1:])
    ]


def answer(
    vectors: WordVectors, questions: Iterable[data.Analogy]
) -> np.ndarray:
    """Tell for each analogy whether the answer is right."""
    answers = scores.answer_analogies(vectors, questions)
    return np.array(
        [
            word == question.d.lower()
            for word, question in zip(answers, questions, strict=True)
        ]
    )


def choose_rate(corpus: Corpus, train: Trainer, name: str) -> float:
    """Return the rate that is best at MTurk and Microsoft's analogies."""
    pairs = data.load_similarity(TUNING[0])
    questions = known_questions(corpus, TUNING[1])
    sums = dict.fromkeys(RATES, 0.0)
    tasks = [*product(RATES, SEEDS)]
    for rate, seed in tqdm(tasks, desc=f"rates of {name}", unit="run"):
        vectors = train(corpus, seed, rate)[1]
        sums[rate] += scores.rank_correlation(vectors, pairs)[0]
        sums[rate] += answer(vectors, questions).mean()
    print({rate: round(sums[rate] / len(SEEDS), 4) for rate in RATES})
    return max(RATES, key=sums.get)


def choose_workers(corpus: Corpus) -> int:
    """Return how many workers make gensim fastest, in the better run."""
    seconds = {
        workers: min(
            train_gensim(corpus, seed, RATES[0], workers, epochs=1)[0]
            for seed in SEEDS[:2]
        )
        for workers in WORKERS
    }
    print("seconds by workers", seconds)
    return min(seconds, key=seconds.get)


def main() -> None:
    """Tune, train all contenders with all seeds in turns, and store."""
    wikitext = [*data.load_wikitext2().train]
    reviews = [text for part in data.load_imdb() for text in part.texts]
    small = read_corpus(wikitext)
    workers = choose_workers(small)

    def by_gensim(
        corpus: Corpus, seed: int, rate: float
    ) -> tuple[float, WordVectors]:
        return train_gensim(corpus, seed, rate, workers)

    trainers = {"ours": train_ours, "gensim": by_gensim}
    rates = {
        name: choose_rate(small, train, name)
        for name, train in trainers.items()
    }
    runs = {
        "ours": (train_ours, rates["ours"]),
        "gensim": (by_gensim, rates["gensim"]),
        "gensim, its own rate": (by_gensim, RATES[0]),
    }
    corpus = read_corpus(wikitext + reviews, min_count=10)
    questions = known_questions(corpus, "google")
    seconds = np.zeros((len(CONTENDERS), len(SEEDS)))
    stored = {name: [] for name in (*SIMILARITY, "analogies")}
    turns = [*product(range(len(SEEDS)), CONTENDERS)]
    for turn, name in tqdm(turns, desc="comparing", unit="run"):
        train, rate = runs[name]
        place = CONTENDERS.index(name)
        seconds[place, turn], vectors = train(corpus, SEEDS[turn], rate)
        for pairs in SIMILARITY:
            cosines = scores.similarity_scores(
                vectors, data.load_similarity(pairs)
            )
            stored[pairs].append(cosines.astype(np.float32))
        stored["analogies"].append(answer(vectors, questions))
    # The turns run through the contenders, seed by seed.
    shape = len(SEEDS), len(CONTENDERS), -1
    np.savez_compressed(
        STORED,
        contenders=CONTENDERS,
        seconds=seconds,
        rates=[rates["ours"], rates["gensim"], RATES[0]],
        workers=workers,
        words=len(corpus.word_ids),
        vocabulary=len(corpus.words),
        categories=[question.category for question in questions],
        **{
            name: np.reshape(runs, shape).swapaxes(0, 1)
            for name, runs in stored.items()
        },
    )
    print(f"words/s: {len(corpus.word_ids) * EPOCHS / seconds}")


if __name__ == "__main__":
    main()
