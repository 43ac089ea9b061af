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
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from gensim.models import FastText
from helpers import data, training
from helpers.vectors import WordVectors, embedding_matrix
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfTransformer,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

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
STRENGTHS = (0.001, 0.01, 0.1)  # C of logistic regression
SVM_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
RATES = (0.01, 0.03, 0.1)  # of Adam, falling to zero
SCHEDULES = {  # texts of a batch, epochs
    100: (10, 12),
    1_000: (50, 5),
    4_000: (80, 4),
    10_000: (200, 3),
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
    list holds the training part, the validation part and the test part.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        is_reviews = name == "reviews"
        splits = data.load_imdb() if is_reviews else data.load_trec()
        parts = splits.train, splits.validation, splits.test
        self.texts = [part.texts for part in parts]
        self.labels = [part.labels for part in parts]
        vectorize = keras.layers.TextVectorization(
            max_tokens=VOCAB_SIZE, output_sequence_length=LENGTHS[name]
        )
        vectorize.adapt(splits.train.texts, batch_size=1024)
        self.vocabulary = vectorize.get_vocabulary()
        ids = [vectorize(texts).numpy() for texts in self.texts]
        self.ids = ids[0].astype("int32")
        self.shares = [
            shares_of_words(each, len(self.vocabulary)) for each in ids
        ]

    @cached_property
    def counts(self) -> list[sparse.csr_matrix]:
        """Counts of words and of pairs that occur in two training texts."""
        count = CountVectorizer(
            ngram_range=(1, 2),
            min_df=2,
            token_pattern=r"\w+",
            dtype=np.float32,
        )
        count.fit(self.texts[0])
        return [count.transform(texts) for texts in self.texts]

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


TRAIN, VALIDATION, TEST = 0, 1, 2  # the parts of a task
Answer = Callable[[int, np.ndarray | slice], np.ndarray]  # part, rows


class Frozen:
    """Logistic regression on scaled averages of vectors that stay."""

    settings = STRENGTHS

    def __init__(self, task: Task, matrix: np.ndarray) -> None:
        self.averages = [shares @ matrix for shares in task.shares]
        self.labels = task.labels[0]

    def fit(self, rows: np.ndarray, strength: float, run: int) -> Answer:
        """Fit to the optimum; what it returns tells classes of texts."""
        head = LogisticRegression(C=strength, max_iter=1_000, tol=1e-3)
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


class Adam:
    """TensorFlow's kernel of Adam, with the settings of Keras."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = [tf.Variable(each) for each in weights]
        self.memories = [
            [tf.Variable(tf.zeros_like(each)) for _ in range(2)]
            for each in self.weights
        ]
        self.number = 0

    def read(self) -> list[np.ndarray]:
        """Show the weights as they lie in memory, without a copy."""
        return [np.asarray(each.read_value()) for each in self.weights]

    def step(self, gradients: list[np.ndarray], rate: float) -> None:
        """Take one step."""
        self.number += 1
        for weight, (mean, square), gradient in zip(
            self.weights, self.memories, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=0.9**self.number,
                beta2_power=0.999**self.number,
                lr=rate,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-7,
                grad=gradient.astype(np.float32),
            )


def gradients(
    weights: list[np.ndarray], shares: sparse.csr_array, one_hot: np.ndarray
) -> list[np.ndarray]:
    """Gradients of the mean cross-entropy of a batch, by the weights."""
    table, kernel, bias = weights
    averages = shares @ table
    wrong = softmax(averages @ kernel + bias, axis=1) - one_hot
    wrong /= len(wrong)
    of_table = shares.T @ (wrong @ kernel.T).astype(np.float32)
    return [of_table, averages.T @ wrong, wrong.sum(axis=0)]


class Trained:
    """The model of `build_average`, which Adam trains from a start or none.

    A row of shares times the table is the average of a text's embeddings,
    so a sparse product stands in for the layers. Words that no text of the
    draw uses get no gradient: they stay where they were.
    """

    settings = RATES

    def __init__(
        self, task: Task, size: int, start: np.ndarray | None = None
    ) -> None:
        self.task, self.start = task, start
        self.batch_size, self.epochs = SCHEDULES[size]
        self.dim = SCRATCH_DIM if start is None else start.shape[1]

    def first_weights(self, run: int) -> list[np.ndarray]:
        """Start as Keras' layers do, or from the vectors given."""
        rng = np.random.default_rng(run)
        shape = len(self.task.vocabulary), self.dim
        table = self.start
        if table is None:
            table = rng.uniform(-0.05, 0.05, shape)
        num_classes = int(self.task.labels[TRAIN].max()) + 1
        limit = np.sqrt(6 / (self.dim + num_classes))
        kernel = rng.uniform(-limit, limit, (self.dim, num_classes))
        weights = table, kernel, np.zeros(num_classes)
        return [each.astype(np.float32) for each in weights]

    def fit(self, rows: np.ndarray, rate: float, run: int) -> Answer:
        """Train; what it returns tells classes of texts."""
        table, kernel, bias = self.first_weights(run)
        shares = self.task.shares[TRAIN][rows]
        used = np.unique(shares.indices)
        shares = shares[:, used]
        one_hot = np.eye(len(bias))[self.task.labels[TRAIN][rows]]
        adam = Adam([table[used], kernel, bias])
        rng = np.random.default_rng(run)
        places = np.arange(len(rows))
        batches = np.concatenate(
            [
                training.cut_batches(places, self.batch_size, rng)
                for _ in range(self.epochs)
            ]
        )
        for step, batch in enumerate(batches):
            rate_now = rate * (1 - step / len(batches))
            wanted = gradients(adam.read(), shares[batch], one_hot[batch])
            adam.step(wanted, rate_now)

        trained, kernel, bias = adam.read()
        by_word = table @ kernel  # (vocabulary, classes)
        by_word[used] = trained @ kernel

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
            scores[place] += np.mean(
                answer(TRAIN, judged) == labels[judged]
            )
    best = scores.argmax()
    answer = method.fit(drawn, method.settings[best], run)
    right = answer(TEST, slice(None)) == task.labels[TEST]
    return right, scores[best] / len(folds), method.settings[best]


def split_words(text: str) -> list[str]:
    """Words as TextVectorization makes them."""
    no_punctuation = str.maketrans("", "", string.punctuation)
    return text.lower().translate(no_punctuation).split()


def train_fasttext() -> WordVectors:
    """Train fastText on WikiText-2."""
    sentences = [split_words(text) for text in data.load_wikitext2().train]
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
) -> Iterator[dict[str, np.ndarray]]:
    """Let all contestants of a task compete; yield what each one did."""
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
    for size in SIZES[task.name]:
        runs = range(first_run, first_run + DRAWS[size])
        for name in contestants(size):
            method = frozen.get(name, counting)
            if name == "from scratch":
                method = Trained(task, size)
            elif name.endswith(", trained on"):
                start = matrices[name.removesuffix(", trained on")]
                method = Trained(task, size, start)
            results = []
            for run in runs:
                if name in RANDOM:
                    vectors = random_vectors(task, RANDOM[name], run)
                    method = Frozen(task, vectors)
                results.append(compete(method, task, size, run))
            answers = Answers(*map(np.array, zip(*results, strict=True)))
            key, mean = f"{task.name}|{size}|{name}", answers.right.mean()
            print(f"{key:45} {mean:.3f}", *answers.setting, flush=True)
            yield {
                f"{key}|{field}": values
                for field, values in answers._asdict().items()
            }


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
    with threadpool_limits(1, "blas"):  # small matrices: threads would wait
        for name in sorted(SIZES):  # the short texts first
            task = Task(name)
            for answers in run_task(task, families, options.first_run):
                stored |= answers
                np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
