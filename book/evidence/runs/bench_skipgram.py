"""The book's skip-gram trainer against gensim's: speed and quality.

``make bench`` trains both on WikiText-2 in one process (about five minutes;
nothing else should run meanwhile) and writes ``bench_skipgram.npz`` beside
this file. Evidence 8 shows it.

The rate of each side is chosen by other scores, and with another seed, than
it is judged on: by the rated pairs of MTurk and Microsoft's analogies.
gensim reads from a file (``corpus_file``), which its documentation calls
the fastest way, with the number of workers that is fastest here. The two
sides take turns, so that a slow minute of the machine meets both.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from helpers import data, scores
from helpers.skipgram import Corpus, read_corpus, train_skipgram
from helpers.vectors import WordVectors
from tqdm import tqdm

STORED = Path(__file__).with_suffix(".npz")
SEEDS = (1, 2, 3, 4)  # one for each round
TUNING_SEED = 0
EPOCHS, DIM, WINDOW, NUM_NEGATIVES, SAMPLE = 5, 100, 5, 5, 1e-3
RATES = (0.025, 0.05, 0.075, 0.1)  # at a pair; the first is gensim's own
WORKERS = (2, 3, 4)
TUNING = ("mturk", "msr")
# The first three were looked at while our trainer was written; the last two
# were not.
SIMILARITY = ("wordsim353", "simlex999", "men", "rare_words", "rg65")
CONTENDERS = ("ours", "gensim")

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


def score_tuning(
    vectors: WordVectors,
    pairs: data.SimilaritySet,
    questions: Iterable[data.Analogy],
) -> float:
    """Sum the two scores by which a rate is chosen."""
    correlation = scores.rank_correlation(vectors, pairs)[0]
    return correlation + answer(vectors, questions).mean()


def choose_workers(corpus: Corpus) -> int:
    """Return how many workers make gensim fastest, in one epoch each."""
    seconds = {
        workers: train_gensim(corpus, TUNING_SEED, RATES[0], workers, 1)[0]
        for workers in WORKERS
    }
    return min(seconds, key=seconds.get)


def run_rounds(
    corpus: Corpus, trainers: dict[str, Trainer], rates: dict[str, float]
) -> dict[str, np.ndarray]:
    """Train in turns; seconds and answers, shape (contenders, rounds, ...).

    A similarity set gets the cosines of its pairs, the analogies whether
    each answer is right.
    """
    questions = known_questions(corpus, "google")
    stored = {name: [] for name in ("seconds", *SIMILARITY, "analogies")}
    turns = [*product(SEEDS, CONTENDERS)]
    for seed, name in tqdm(turns, desc="comparing", unit="run"):
        seconds, vectors = trainers[name](corpus, seed, rates[name])
        stored["seconds"].append(seconds)
        for pairs in SIMILARITY:
            cosines = scores.similarity_scores(
                vectors, data.load_similarity(pairs)
            )
            stored[pairs].append(cosines.astype(np.float32))
        stored["analogies"].append(answer(vectors, questions))
    # The turns run through the contenders, round by round.
    shape = len(SEEDS), len(CONTENDERS)
    return {
        name: np.stack(
            np.reshape(found, (*shape, *np.shape(found)[1:])), axis=1
        )
        for name, found in stored.items()
    }


def main(paragraphs: int | None = None) -> None:
    """Tune, train both sides with all seeds in turns, and store.

    With a number of `paragraphs` only these are read, to try the program.
    """
    corpus = read_corpus([*data.load_wikitext2().train][:paragraphs])
    workers = choose_workers(corpus)

    def by_gensim(
        corpus: Corpus, seed: int, rate: float
    ) -> tuple[float, WordVectors]:
        return train_gensim(corpus, seed, rate, workers)

    trainers = {"ours": train_ours, "gensim": by_gensim}
    pairs = data.load_similarity(TUNING[0])
    questions = known_questions(corpus, TUNING[1])
    tuned = {name: np.zeros(len(RATES)) for name in CONTENDERS}
    tasks = [*product(range(len(RATES)), CONTENDERS)]
    for place, name in tqdm(tasks, desc="tuning", unit="run"):
        with suppress(FloatingPointError):  # a rate that diverges scores 0
            vectors = trainers[name](corpus, TUNING_SEED, RATES[place])[1]
            tuned[name][place] = score_tuning(vectors, pairs, questions)
    rates = {name: RATES[tuned[name].argmax()] for name in CONTENDERS}
    np.savez_compressed(
        STORED,
        contenders=CONTENDERS,
        rates=[rates[name] for name in CONTENDERS],
        tuned=[tuned[name] for name in CONTENDERS],
        workers=workers,
        words=len(corpus.word_ids),
        vocabulary=len(corpus.words),
        categories=[q.category for q in known_questions(corpus, "google")],
        **run_rounds(corpus, trainers, rates),
    )


if __name__ == "__main__":
    main()
