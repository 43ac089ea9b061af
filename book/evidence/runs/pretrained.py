"""Pretrained vectors or none, few labels or many: the run of evidence 7.

``make long-run RUN=pretrained`` trains averages of word vectors and counts
of words on two tasks with three numbers of labels (about a quarter of an
hour), and writes ``pretrained.npz`` beside this file. Evidence 7 judges
that, and repeats a part. To see whether its verdicts stand with other
draws::

    cd book/evidence/runs
    python pretrained.py --first-run 1000 --output other.npz
"""

import argparse
import string
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from gensim.models import FastText
from helpers import data, training
from helpers.vectors import WordVectors, embedding_matrix
from scipy import sparse
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfTransformer,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import LinearSVC

STORED = Path(__file__).with_suffix(".npz")
VOCAB_SIZE, SCRATCH_DIM = 10_000, 50
LENGTHS = {"reviews": 400, "questions": 40}  # words of a text
SIZES = {"reviews": (100, 1_000, 10_000), "questions": (100, 1_000, 4_000)}
DRAWS = {100: 12, 1_000: 8, 4_000: 4, 10_000: 4}
MIDDLE = 1_000  # the number of labels at which families are told apart
FAMILIES = ("GloVe 50d", "GloVe 300d", "word2vec 300d", "fastText 100d")
RANDOM = {"random 50d": 50, "random 100d": 100, "random 300d": 300}
TRAINED_ON = ("GloVe 300d", "word2vec 300d")
FOLDS = 3  # of the labels, to choose a setting; one fold with the most
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of logistic regression
SVM_STRENGTHS = (0.03, 0.1, 0.3, 1.0)
RATES = (0.005, 0.02, 0.08)  # of Adam, falling to zero
SCHEDULES = {  # texts of a batch, epochs
    100: (10, 20),
    1_000: (50, 8),
    4_000: (80, 5),
    10_000: (200, 5),
}
FASTTEXT = {
    "vector_size": 100,
    "sg": 1,
    "window": 5,
    "min_count": 5,
    "sample": 1e-4,
    "min_n": 3,
    "max_n": 6,
    "bucket": 200_000,
    "alpha": 0.05,
    "epochs": 5,
    "workers": 1,  # so that it can be repeated
    "seed": 1,
}


class Task:
    """The texts of a task as ids, as shares of words and as counts.

    The vocabularies are those of all training texts, without labels; each
    pair of arrays holds the training part and the test part.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        is_reviews = name == "reviews"
        splits = data.load_imdb() if is_reviews else data.load_trec()
        parts = splits.train, splits.test
        vectorize = keras.layers.TextVectorization(
            max_tokens=VOCAB_SIZE, output_sequence_length=LENGTHS[name]
        )
        vectorize.adapt(splits.train.texts, batch_size=1024)
        self.vocabulary = vectorize.get_vocabulary()
        ids = [vectorize(part.texts).numpy() for part in parts]
        self.ids = ids[0].astype("int32")
        self.shares = [
            shares_of_words(each, len(self.vocabulary)) for each in ids
        ]
        self.labels = [part.labels for part in parts]
        count = CountVectorizer(
            ngram_range=(1, 2),
            min_df=2,
            token_pattern=r"\w+",
            dtype=np.float32,
        )
        counts = count.fit_transform(splits.train.texts)
        self.counts = [counts, count.transform(splits.test.texts)]

    def draw(self, size: int, run: int) -> np.ndarray:
        """Draw a run's training texts, each class in its share."""
        return training.draw_labels(self.labels[0], size, run)


def shares_of_words(ids: np.ndarray, vocab_size: int) -> sparse.csr_array:
    """Share of each word in each row of ids; 0 is padding, not a word."""
    rows, places = np.nonzero(ids)
    ones = np.ones(len(rows), dtype=np.float32)
    shape = len(ids), vocab_size
    counts = sparse.coo_array((ones, (rows, ids[rows, places])), shape)
    return normalize(counts.tocsr(), norm="l1")


Answer = Callable[[int, np.ndarray | slice], np.ndarray]  # part, rows


class Frozen:
    """Logistic regression on scaled averages of vectors that stay."""

    settings = STRENGTHS

    def __init__(self, task: Task, matrix: np.ndarray) -> None:
        self.averages = [shares @ matrix for shares in task.shares]
        self.labels = task.labels[0]

    def fit(self, rows: np.ndarray, strength: float, run: int) -> Answer:
        """Fit to the optimum; what it returns tells classes of texts."""
        head = LogisticRegression(C=strength, max_iter=2_000)
        model = make_pipeline(StandardScaler(), head)
        model.fit(self.averages[0][rows], self.labels[rows])
        return lambda part, rows: model.predict(self.averages[part][rows])


class Counting:
    """Tf-idf of words and pairs of words, and a linear classifier."""

    settings = SVM_STRENGTHS

    def __init__(self, task: Task) -> None:
        self.counts, self.labels = task.counts, task.labels[0]

    def fit(self, rows: np.ndarray, strength: float, run: int) -> Answer:
        """Fit to the optimum; what it returns tells classes of texts."""
        model = make_pipeline(
            TfidfTransformer(sublinear_tf=True),
            LinearSVC(C=strength, random_state=run),
        )
        model.fit(self.counts[0][rows], self.labels[rows])
        return lambda part, rows: model.predict(self.counts[part][rows])


def build_average(
    vocab_size: int, embedding_dim: int, num_classes: int
) -> keras.Model:
    """Build the average of trainable embeddings with a softmax layer."""
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(
                vocab_size, embedding_dim, mask_zero=True
            ),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def compile_steps(model: keras.Model) -> Callable[..., None]:
    """Make a function that takes many steps of Adam in one compiled loop.

    The last layer is linear, so it may weigh the words before they are
    averaged: answers and gradients are the same, the look-ups cheaper.
    """

    @tf.function(jit_compile=True)
    def train(ids: tf.Tensor, labels: tf.Tensor, rates: tf.Tensor) -> None:
        variables = [each.value for each in model.trainable_variables]
        table, weights, bias = variables
        for step in tf.range(len(rates)):
            is_word = tf.cast(ids[step] > 0, tf.float32)  # 0 is padding
            lengths = tf.reduce_sum(is_word, 1, keepdims=True)
            with tf.GradientTape() as tape:
                # (batch, words, classes)
                scores = tf.gather(table @ weights, ids[step])
                sums = tf.reduce_sum(is_word[:, :, None] * scores, 1)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels[step], sums / lengths + bias
                )
                loss = tf.reduce_mean(loss)
            model.optimizer.learning_rate.assign(rates[step])
            model.optimizer.apply(
                tape.gradient(loss, variables), model.trainable_variables
            )

    return train


class Trained:
    """An average of embeddings that Adam trains, from a start or none.

    A row that no text of the draw uses gets no gradient, so it stays where
    it was; the compiled model holds the rows that are used, and no more.
    """

    settings = RATES

    def __init__(
        self,
        task: Task,
        size: int,
        runs: range,
        start: np.ndarray | None = None,
    ) -> None:
        self.task, self.start = task, start
        self.batch_size, self.epochs = SCHEDULES[size]
        drawn = (task.ids[task.draw(size, run)] for run in runs)
        self.capacity = max(len(np.union1d([0], ids)) for ids in drawn)
        self.dim = SCRATCH_DIM if start is None else start.shape[1]
        self.model = build_average(
            self.capacity, self.dim, int(task.labels[0].max()) + 1
        )
        self.train = compile_steps(self.model)

    def fit(self, rows: np.ndarray, rate: float, run: int) -> Answer:
        """Train; what it returns tells classes of texts."""
        rng = np.random.default_rng(run)
        table = self.start
        if table is None:  # as the layer's own start
            shape = len(self.task.vocabulary), self.dim
            table = rng.uniform(-0.05, 0.05, shape).astype(np.float32)
        used = np.union1d([0], self.task.ids[rows])
        kept = np.setdiff1d(np.arange(len(table)), used)
        words = np.concatenate([used, kept])[: self.capacity]
        training.restart(self.model, run)
        embedding = self.model.layers[0]
        embedding.embeddings.assign(table[words])

        order = np.concatenate(
            [
                training.cut_batches(rows, self.batch_size, rng)
                for _ in range(self.epochs)
            ]
        )
        ids = np.searchsorted(used, self.task.ids[order]).astype("int32")
        rates = rate * np.linspace(1, 0, len(order), endpoint=False)
        labels = self.task.labels[0][order].astype("int32")
        self.train(ids, labels, rates.astype(np.float32))

        trained, weights, bias = self.model.get_weights()
        by_word = table @ weights  # (vocabulary, classes)
        by_word[words] = trained @ weights

        def answer(part: int, rows: np.ndarray | slice) -> np.ndarray:
            scores = self.task.shares[part][rows] @ by_word + bias
            return scores.argmax(axis=1)

        return answer


class Answers(NamedTuple):
    """What a contestant did in each run.

    Attributes
    ----------
    right : ndarray of bool, shape (runs, test texts)
    validation : ndarray, shape (runs,)
        Accuracy of the chosen setting on the labels that were held out.
    setting : ndarray, shape (runs,)
        The chosen setting.
    """

    right: np.ndarray
    validation: np.ndarray
    setting: np.ndarray


def compete(
    method: Frozen | Counting | Trained, task: Task, size: int, run: int
) -> tuple[np.ndarray, float, float]:
    """Choose a setting by folds of a draw's labels; answer the test."""
    drawn, labels = task.draw(size, run), task.labels[0]
    folds = [*KFold(FOLDS, shuffle=True, random_state=run).split(drawn)]
    folds = folds[: FOLDS if size <= MIDDLE else 1]
    scores = np.zeros(len(method.settings))
    for training_part, held_out in folds:
        judged = drawn[held_out]
        for place, setting in enumerate(method.settings):
            answer = method.fit(drawn[training_part], setting, run)
            scores[place] += np.mean(answer(0, judged) == labels[judged])
    best = scores.argmax()
    answer = method.fit(drawn, method.settings[best], run)
    right = answer(1, slice(None)) == task.labels[1]
    return right, scores[best] / len(folds), method.settings[best]


def train_fasttext() -> WordVectors:
    """Train fastText on WikiText-2, cleaned as TextVectorization does."""
    no_punctuation = str.maketrans("", "", string.punctuation)
    sentences = [
        text.lower().translate(no_punctuation).split()
        for text in data.load_wikitext2().train
    ]
    keyed = FastText(sentences, **FASTTEXT).wv
    return WordVectors(keyed.index_to_key, keyed.vectors)


def read_families() -> dict[str, WordVectors]:
    """The sets of vectors, by the names of `FAMILIES`."""
    sets = (
        data.load_glove(),
        data.load_glove_840b(),
        data.load_word2vec(),
        train_fasttext(),
    )
    return dict(zip(FAMILIES, sets, strict=True))


def random_vectors(task: Task, dim: int, run: int) -> np.ndarray:
    """Draw as many numbers for each word, anew in each run."""
    rng = np.random.default_rng([run, dim])
    return rng.standard_normal((len(task.vocabulary), dim), "float32")


def contestants(size: int) -> list[str]:
    """Name who competes with this number of labels."""
    names = [*FAMILIES, "random 300d", "bag of bigrams", "from scratch"]
    names += [f"{family}, trained on" for family in TRAINED_ON]
    if size == MIDDLE:
        names += [f"{family}, shared words" for family in FAMILIES]
        names += ["random 50d", "random 100d"]
    return names


def run_task(
    task: Task, families: dict[str, WordVectors], first_run: int
) -> dict[str, np.ndarray]:
    """Let all contestants of a task compete; return what is stored."""
    found = {
        family: embedding_matrix(task.vocabulary, vectors)
        for family, vectors in families.items()
    }
    matrices = {family: matrix for family, (matrix, _) in found.items()}
    in_all = np.all([has for _, has in found.values()], axis=0)[:, None]
    frozen = {
        family: Frozen(task, matrix) for family, matrix in matrices.items()
    }
    frozen |= {
        f"{family}, shared words": Frozen(task, matrix * in_all)
        for family, matrix in matrices.items()
    }
    counting = Counting(task)
    stored = {}
    for size in SIZES[task.name]:
        runs = range(first_run, first_run + DRAWS[size])
        for name in contestants(size):
            method = frozen.get(name, counting)
            if name == "from scratch":
                method = Trained(task, size, runs)
            elif name.endswith(", trained on"):
                start = matrices[name.removesuffix(", trained on")]
                method = Trained(task, size, runs, start)
            results = []
            for run in runs:
                if name in RANDOM:
                    vectors = random_vectors(task, RANDOM[name], run)
                    method = Frozen(task, vectors)
                results.append(compete(method, task, size, run))
            right, validation, setting = zip(*results, strict=True)
            key = f"{task.name}|{size}|{name}"
            stored[f"{key}|right"] = np.array(right)
            stored[f"{key}|validation"] = np.array(validation)
            stored[f"{key}|setting"] = np.array(setting)
            print(f"{key:45} {np.mean(right):.3f}", *setting, flush=True)
    return stored


def load_runs(path: Path = STORED) -> dict[tuple[str, int, str], Answers]:
    """Read the stored run: (task, labels, contestant) to `Answers`."""
    with np.load(path) as stored:
        return {
            (task, size, name): Answers(
                *(
                    stored[f"{task}|{size}|{name}|{field}"]
                    for field in Answers._fields
                )
            )
            for task, sizes in SIZES.items()
            for size in sizes
            for name in contestants(size)
        }


def main() -> None:
    """Run everything and store it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    families = read_families()
    stored = {}
    for name in SIZES:
        stored |= run_task(Task(name), families, options.first_run)
    np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
