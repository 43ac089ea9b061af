"""Sets of word vectors and what each is worth: the long run of evidence 17.

``make long-run RUN=vector_sets`` trains 24 sets of skip-gram vectors whose
text, dimensions, window and epochs are drawn at random (about fifteen
minutes), scores all of them on the words that all of them know, and writes
``vector_sets.npz`` beside this file: cosines of rated pairs, answered
analogies, and answers on four tasks. The vectors are not kept.
To see whether the verdicts stand with other draws::

    cd book/evidence/runs
    python vector_sets.py --first-run 1000 --output other.npz
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from helpers import data, scores
from helpers.skipgram import read_corpus, train_skipgram
from helpers.training import draw_labels
from helpers.vectors import WordVectors
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STORED = Path(__file__).with_suffix(".npz")
SETS = 24
TEXTS = ("encyclopedia", "reviews", "both")
WORDS = (600_000, 1_600_000)  # of the text, before rare words are left out
DIMS, WINDOWS, EPOCHS = (16, 200), (1, 10), (1, 12)
SIMILARITY = ("men", "wordsim353", "simlex999")
TASKS = {
    "IMDB": data.load_imdb,
    "Rotten Tomatoes sentences": data.load_rotten_tomatoes,
    "TREC": data.load_trec,
    "R8": lambda: data.load_reuters("r8"),
}
MOST_LABELS = 5_000  # a task with more training texts shows a draw of them
STRENGTHS = (0.01, 0.1, 1, 10)  # C of the regression; validation chooses


class Setting(NamedTuple):
    """How a set is trained; `words` is the length of its text."""

    text: str
    words: int
    dim: int
    window: int
    epochs: int


def draw_setting(rng: np.random.Generator) -> Setting:
    """Draw a setting: windows evenly, the other numbers on a log scale."""

    def draw(ends: tuple[int, int]) -> int:
        return round(float(np.exp(rng.uniform(*np.log(ends)))))

    text = TEXTS[rng.integers(len(TEXTS))]
    window = int(rng.integers(WINDOWS[0], WINDOWS[1] + 1))
    return Setting(text, draw(WORDS), draw(DIMS), window, draw(EPOCHS))


def take_words(
    paragraphs: list[str], number: int, rng: np.random.Generator
) -> list[str]:
    """Draw paragraphs until they have so many words, cut at spaces."""
    taken = []
    for row in rng.permutation(len(paragraphs)):
        if number <= 0:
            break
        taken.append(paragraphs[row])
        number -= len(paragraphs[row].split())
    return taken


def train_set(
    setting: Setting, corpora: dict[str, list[str]], seed: int
) -> WordVectors:
    """Draw the text of a setting, and train vectors on it."""
    rng = np.random.default_rng(seed)
    names = [*corpora] if setting.text == "both" else [setting.text]
    paragraphs = []
    for name in names:
        number = setting.words // len(names)
        paragraphs += take_words(corpora[name], number, rng)
    corpus = read_corpus(
        [paragraphs[row] for row in rng.permutation(len(paragraphs))]
    )
    return train_skipgram(
        corpus,
        setting.dim,
        setting.epochs,
        window=setting.window,
        seed=seed,
    )


def keep_words(vectors: WordVectors, words: list[str]) -> WordVectors:
    """Cut a set of vectors down to these words."""
    rows = [vectors.index[word] for word in words]
    return WordVectors(words, vectors.matrix[rows])


class Task:
    """A task's texts as counts of the shared words, ready for any set."""

    def __init__(self, name: str, words: list[str]) -> None:
        train, validation, test = TASKS[name]()[:3]
        rows = np.arange(len(train.texts))
        if len(rows) > MOST_LABELS:
            rows = draw_labels(train.labels, MOST_LABELS, seed=0)
        self.labels = [
            train.labels[rows],
            validation.labels,
            test.labels,
        ]
        texts = [
            [train.texts[row] for row in rows],
            validation.texts,
            test.texts,
        ]
        count = CountVectorizer(
            vocabulary=words,
            token_pattern=r"[^\W\d_]+",
            preprocessor=lambda text: text.lower().replace("'", ""),
        )
        self.counts = [count.transform(part) for part in texts]

    def averages(self, vectors: WordVectors) -> list[np.ndarray]:
        """Average vector of each text, in the three parts."""
        numbers = [np.asarray(part.sum(axis=1)) for part in self.counts]
        return [
            part @ vectors.matrix / np.maximum(number.reshape(-1, 1), 1)
            for part, number in zip(self.counts, numbers, strict=True)
        ]

    def judge(self, vectors: WordVectors) -> tuple[np.ndarray, list[float]]:
        """Answers to the test texts; each strength's validation score."""
        train, validation, test = self.averages(vectors)
        scaler = StandardScaler().fit(train)
        fitted = [
            LogisticRegression(C=strength, max_iter=2_000).fit(
                scaler.transform(train), self.labels[0]
            )
            for strength in STRENGTHS
        ]
        found = [
            float(model.score(scaler.transform(validation), self.labels[1]))
            for model in fitted
        ]
        best = fitted[int(np.argmax(found))]
        return best.predict(scaler.transform(test)).astype(np.uint8), found


def read_pairs(words: Iterable[str]) -> np.ndarray:
    """Read the rated pairs whose words are all known: set, words, score."""
    known, rows = set(words), []
    for name in SIMILARITY:
        pairs = data.load_similarity(name)
        for first, second, score in zip(
            pairs.first, pairs.second, pairs.scores, strict=True
        ):
            row = (name, first.lower(), second.lower(), float(score))
            if known.issuperset(row[1:3]):
                rows.append(row)
    kinds = [
        ("set", "U12"),
        ("first", "U24"),
        ("second", "U24"),
        ("score", "f8"),
    ]
    return np.array(rows, dtype=kinds)


def read_questions(words: Iterable[str]) -> np.ndarray:
    """Read Google's analogies whose words are all known, in lower case."""
    known = set(words)
    rows = [
        (each.category, *(word.lower() for word in each[1:]))
        for each in data.load_analogies("google")
        if known.issuperset(word.lower() for word in each[1:])
    ]
    kinds = [("category", "U28"), *((name, "U24") for name in "abcd")]
    return np.array(rows, dtype=kinds)


def main() -> None:
    """Train all sets, score them on their shared words, and store that."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    corpora = {
        "encyclopedia": data.load_wikitext2().train,
        "reviews": data.load_imdb().train.texts,
    }
    rng = np.random.default_rng(options.first_run)
    settings = [draw_setting(rng) for _ in range(options.sets)]
    trained = []
    for number, setting in enumerate(settings):
        seed = options.first_run + number
        trained.append(train_set(setting, corpora, seed))
        print(number, *setting, len(trained[-1]), flush=True)
    shared = set.intersection(*(set(each.words) for each in trained))
    words = sorted(shared)
    trained = [keep_words(each, words) for each in trained]
    pairs, questions = read_pairs(words), read_questions(words)
    rated = data.SimilaritySet(
        "",
        pairs["first"].tolist(),
        pairs["second"].tolist(),
        pairs["score"],
    )
    asked = [data.Analogy(*question.tolist()) for question in questions]
    stored = {
        "settings": np.array(
            settings,
            dtype=[
                ("text", "U12"),
                *((name, "i4") for name in Setting._fields[1:]),
            ],
        ),
        "words": len(words),
        "pairs": pairs,
        "cosines": np.array(
            [scores.similarity_scores(each, rated) for each in trained],
            dtype=np.float32,
        ),
        "questions": questions,
        "answered": np.array(
            [
                np.array(scores.answer_analogies(each, asked))
                == questions["d"]
                for each in trained
            ]
        ),
    }
    for name in TASKS:
        task = Task(name, words)
        found = [task.judge(each) for each in trained]
        stored[f"{name}, labels"] = task.labels[2].astype(np.uint8)
        stored[f"{name}, answers"] = np.array([each[0] for each in found])
        stored[f"{name}, validation"] = np.array(
            [each[1] for each in found]
        )
        print(name, "is done", flush=True)
    np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
