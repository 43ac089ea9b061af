"""Frozen, trained, or frozen and then thawed: a run of evidence 6.

``make long-run RUN=freezing`` trains an average of embeddings six times
in each regime, on two kinds of text and with four numbers of labels, then
an LSTM and a Transformer block (some fifteen minutes), and writes
``freezing.npz`` beside this file.
Every run draws its own labeled and validation texts, and every regime
chooses its learning rate and its number of steps anew in it.
Evidence 6 judges that, and repeats a part.
To see whether its verdicts stand with other draws::

    cd book/evidence/runs
    python freezing.py --first-run 1000 --output other.npz
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from helpers import data, training
from helpers.data.texts import first_rows
from helpers.vectors import embedding_matrix
from keras import layers
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression

STORED = Path(__file__).with_suffix(".npz")
RUNS, NUM_VALIDATION = 6, 1_000
VOCAB_SIZE, LENGTH, PRETRAINED_DIM, RANDOM_DIM = 5_000, 200, 300, 64
NUM_POOL = {"reviews": 12_000, "abstracts": 11_000}  # the others test
HELD_OUT_TEXTS = 100  # a word is judged if it is in so many test texts


class Setting(NamedTuple):
    """How a model trains with some number of labels.

    Twenty times, or a hundred if the table is frozen, it takes some steps
    and is then asked about the validation texts.
    """

    batch_size: int
    steps: int


SETTINGS = {  # by number of labels
    100: Setting(20, 6),
    1_000: Setting(50, 12),
    3_000: Setting(100, 12),
    10_000: Setting(200, 15),
}
CHECKS = {True: 20, False: 100}  # by whether the table is trainable
RATES = {  # to choose from
    "random start": (0.003, 0.02),
    "frozen": (0.01, 0.1),
    "warm start": (0.003, 0.02),
    "thaw later": (0.0003, 0.003),
    "frozen, zeros": (0.01, 0.1),
    "warm start, dropout": (0.003, 0.02),
    "warm start, L2": (0.003, 0.02),
}
STRENGTHS = (1, 10, 100)  # C of the bigrams' logistic regression


class Texts(NamedTuple):
    """All texts of one kind, and the tables that a model can start from.

    Attributes
    ----------
    ids : ndarray of int, shape (texts, words)
        The first words of each text; 0 is padding.
    shares : csr_matrix, shape (texts, vocabulary)
        The share of each word among the words of a text.
    labels : ndarray of int, shape (texts,)
    num_pool : int
        A run draws from the first texts; all others are test texts.
    vocabulary : list of str
    table : ndarray, shape (vocabulary, 300)
        GloVe, completed.
    in_glove : ndarray of bool, shape (vocabulary,)
        Which words our large GloVe has.
    """

    ids: np.ndarray
    shares: sparse.csr_matrix
    labels: np.ndarray
    num_pool: int
    vocabulary: list[str]
    table: np.ndarray
    in_glove: np.ndarray


def load_texts(kind: str) -> tuple[list[str], np.ndarray]:
    """Texts without repetitions, in an order that tells nothing."""
    if kind == "reviews":
        parts = data.load_imdb()
        texts = [text for part in parts for text in part.texts]
        return texts, np.concatenate([part.labels for part in parts])
    abstracts = data.load_pubmed()
    rows = first_rows([abstract.text for abstract in abstracts])
    # The split belongs to the data: `make reseed` does not shift it.
    rows = np.random.Generator(np.random.PCG64(7)).permutation(rows)
    labels = ["Humans" in abstracts[row].headings for row in rows]
    return [abstracts[row].text for row in rows], np.array(labels, int)


def complete_glove(vocabulary: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of our large GloVe; from the small one where it has none.

    The small one has nearly all words, but 50 dimensions: a regression
    over the words that are in both leads from 50 to 300.
    """
    table, in_large = embedding_matrix(vocabulary, data.load_glove_840b())
    small, in_small = embedding_matrix(vocabulary, data.load_glove())
    both = in_large & in_small
    lead = LinearRegression().fit(small[both], table[both])
    only_small = in_small & ~in_large
    table[only_small] = lead.predict(small[only_small])
    return table, in_large


def read_texts(kind: str) -> Texts:
    """Number the words and look up their vectors."""
    texts, labels = load_texts(kind)
    num_pool = NUM_POOL[kind]
    vectorize = layers.TextVectorization(
        max_tokens=VOCAB_SIZE, output_sequence_length=LENGTH
    )
    vectorize.adapt(texts[:num_pool], batch_size=1024)
    vocabulary = [str(word) for word in vectorize.get_vocabulary()]
    ids = vectorize(texts).numpy()

    rows, places = np.nonzero(ids)
    lengths = np.count_nonzero(ids, axis=1)
    entries = (1 / lengths[rows], (rows, ids[rows, places]))
    shares = sparse.csr_matrix(
        entries, shape=(len(ids), VOCAB_SIZE), dtype=np.float32
    )
    table, in_glove = complete_glove(vocabulary)
    return Texts(ids, shares, labels, num_pool, vocabulary, table, in_glove)


def count_bigrams(kind: str) -> sparse.csr_matrix:
    """Weigh words and pairs of words by tf-idf, text by text."""
    texts, _ = load_texts(kind)
    count = TfidfVectorizer(
        ngram_range=(1, 2), max_features=50_000, sublinear_tf=True
    )
    count.fit(texts[: NUM_POOL[kind]])
    return count.transform(texts)


class Draw(NamedTuple):
    """Rows of the texts of one run: to learn from, choose by, test on."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def draw(texts: Texts, num_labels: int, run: int) -> Draw:
    """Draw labeled and validation texts from the pool."""
    # As above: the draw belongs to the stored run.
    rng = np.random.Generator(np.random.PCG64(run))
    rows = rng.permutation(texts.num_pool)
    train = rows[NUM_VALIDATION : NUM_VALIDATION + num_labels]
    test = np.arange(texts.num_pool, len(texts.labels))
    return Draw(train, rows[:NUM_VALIDATION], test)


class Weights(NamedTuple):
    """What an average of embeddings with one output consists of."""

    table: np.ndarray
    output: np.ndarray
    bias: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """One number a word; a text's is the mean of its words'."""
        return (self.table @ self.output)[:, 0]


class Fit(NamedTuple):
    """A trained model at its best check, and how it got there.

    Attributes
    ----------
    weights : Weights
    rate : float
    steps : int
    curve : ndarray, shape (checks,)
        Validation accuracy at each check, at this rate.
    """

    weights: Weights
    rate: float
    steps: int
    curve: np.ndarray


def answers_right(
    texts: Texts, weights: Weights, rows: np.ndarray
) -> np.ndarray:
    """Tell which of these texts the model answers right."""
    scores = texts.shares[rows] @ weights.scores + weights.bias
    return (scores > 0) == texts.labels[rows]


class Average:
    """Embedding, average, one output; many steps in one compiled call.

    A text's score is the average of its rows times the output, or the
    average of its words' scores; the second is quicker by far.
    A frozen table is not looked up: its input are the averages.
    """

    def __init__(
        self, dim: int, trainable: bool, dropout: float = 0, l2: float = 0
    ) -> None:
        shapes = (VOCAB_SIZE, dim), (dim, 1), (1,)
        self.variables = [
            keras.Variable(np.zeros(shape, np.float32)) for shape in shapes
        ]
        self.trainable, self.dropout, self.l2 = trainable, dropout, l2
        self.trained = self.variables[0 if trainable else 1 :]
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(self.trained)

    def restart(self, weights: Weights, rate: float) -> None:
        """Set the weights, and empty the optimizer's memory."""
        for variable, start in zip(self.variables, weights, strict=True):
            variable.assign(start)
        for variable in self.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        self.optimizer.learning_rate = rate

    def weights(self) -> Weights:
        """Return a copy of the weights as they are."""
        return Weights(*(variable.numpy() for variable in self.variables))

    def logits(self, inputs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Score the texts of one batch."""
        table, output, bias = (each.value for each in self.variables)
        if not self.trainable:
            return (inputs @ output)[:, 0] + bias
        is_word = tf.cast(inputs > 0, tf.float32)
        is_word /= tf.reduce_sum(is_word, axis=1, keepdims=True)
        if not self.dropout:
            scores = tf.gather((table @ output)[:, 0], inputs)
            return tf.reduce_sum(scores * is_word, axis=1) + bias
        averages = tf.einsum(
            "bl,bld->bd", is_word, tf.gather(table, inputs)
        )
        chance = tf.random.stateless_uniform(tf.shape(averages), seed)
        kept = tf.cast(chance >= self.dropout, tf.float32)
        averages *= kept / (1 - self.dropout)
        return (averages @ output)[:, 0] + bias

    @tf.function(jit_compile=True)
    def take_steps(
        self, inputs: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> None:
        """Take one step of Adam for each batch: (steps, batch, ...)."""
        for step in tf.range(tf.shape(labels)[0]):
            with tf.GradientTape() as tape:
                tape.watch([each.value for each in self.trained])
                logits = self.logits(inputs[step], tf.stack([seed, step]))
                loss = keras.losses.binary_crossentropy(
                    labels[step], logits, from_logits=True
                )
                if self.l2:
                    loss += self.l2 * tf.reduce_sum(
                        self.trained[0].value ** 2
                    )
            trained = [each.value for each in self.trained]
            self.optimizer.apply(tape.gradient(loss, trained), self.trained)


def train(
    texts: Texts,
    drawn: Draw,
    model: Average,
    start: Weights,
    rates: tuple[float, ...],
    run: int,
) -> tuple[Fit, np.ndarray]:
    """Train with each rate; keep the check that is best on validation.

    Returns
    -------
    Fit
    ndarray, shape (rates, checks)
        Validation accuracies.
    """
    setting = SETTINGS[len(drawn.train)]
    size = setting.steps * setting.batch_size
    checks = CHECKS[model.trainable]
    averages = texts.shares[drawn.train] @ start.table
    curves = np.zeros((len(rates), checks))
    best = None
    for place, rate in enumerate(rates):
        model.restart(start, rate)
        rng = np.random.Generator(np.random.PCG64(run))
        epochs = -(-checks * size // len(drawn.train))
        order = [rng.permutation(len(drawn.train)) for _ in range(epochs)]
        order = np.concatenate(order)[: checks * size]
        for check, rows in enumerate(order.reshape(checks, -1)):
            rows = rows.reshape(setting.steps, setting.batch_size)
            texts_in = drawn.train[rows]
            inputs = (
                texts.ids[texts_in] if model.trainable else averages[rows]
            )
            labels = texts.labels[texts_in].astype(np.float32)
            model.take_steps(inputs, labels, tf.constant(check))
            weights = (
                model.weights()
                if model.trainable
                else Weights(
                    start.table, *(each.numpy() for each in model.trained)
                )
            )
            accuracy = answers_right(
                texts, weights, drawn.validation
            ).mean()
            curves[place, check] = accuracy
            if best is None or accuracy > curves[best[0], best[1]]:
                best = place, check, weights
    place, check, weights = best
    steps = (check + 1) * setting.steps
    return Fit(weights, rates[place], steps, curves[place]), curves


def make_models() -> dict[str, Average]:
    """One compiled model for each regime; some share one."""
    warm = Average(PRETRAINED_DIM, True)
    frozen = Average(PRETRAINED_DIM, False)
    return {
        "random start": Average(RANDOM_DIM, True),
        "frozen": frozen,
        "warm start": warm,
        "thaw later": warm,
        "frozen, zeros": frozen,
        "warm start, dropout": Average(PRETRAINED_DIM, True, dropout=0.5),
        "warm start, L2": Average(PRETRAINED_DIM, True, l2=1e-5),
    }


def starting_weights(texts: Texts, regime: str, run: int) -> Weights:
    """Start as Keras' layers do, with GloVe's rows where there are some."""
    rng = np.random.Generator(np.random.PCG64(run))
    dim = RANDOM_DIM if regime == "random start" else PRETRAINED_DIM
    limit = np.sqrt(6 / (dim + 1))
    output = rng.uniform(-limit, limit, (dim, 1)).astype(np.float32)
    table = texts.table
    if regime == "random start":
        table = rng.uniform(-0.05, 0.05, (VOCAB_SIZE, dim))
    elif regime == "frozen, zeros":
        table = table * texts.in_glove[:, None]
    return Weights(
        table.astype(np.float32), output, np.zeros(1, np.float32)
    )


def train_run(
    texts: Texts,
    models: dict[str, Average],
    num_labels: int,
    run: int,
    regimes: tuple[str, ...],
) -> dict[str, tuple[Fit, np.ndarray]]:
    """Train the regimes on one draw; *thaw later* needs *frozen* before."""
    drawn = draw(texts, num_labels, run)
    found = {}
    for regime in regimes:
        start = starting_weights(texts, regime, run)
        if regime == "thaw later":
            start = found["frozen"][0].weights
        found[regime] = train(
            texts, drawn, models[regime], start, RATES[regime], run
        )
    return found


def fit_bigrams(
    bigrams: sparse.csr_matrix, texts: Texts, num_labels: int, run: int
) -> np.ndarray:
    """Which test texts a logistic regression on tf-idf gets right."""
    train_rows, validation, test = draw(texts, num_labels, run)
    fits = []
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, solver="liblinear", tol=0.01)
        model.fit(bigrams[train_rows], texts.labels[train_rows])
        fits.append(model)
    best = max(
        fits,
        key=lambda model: model.score(
            bigrams[validation], texts.labels[validation]
        ),
    )
    return best.predict(bigrams[test]) == texts.labels[test]


REGIMES = ("random start", "frozen", "warm start", "thaw later")
CURES = ("warm start, dropout", "warm start, L2")


def judged_words(texts: Texts) -> np.ndarray:
    """Rows of the words that have a vector and are in 100 test texts."""
    present = (texts.shares[texts.num_pool :] > 0).sum(axis=0)
    is_judged = np.asarray(present).ravel() >= HELD_OUT_TEXTS
    is_judged[:2] = False  # padding and unknown words
    return np.flatnonzero(is_judged & texts.in_glove)


def men_pairs(texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the words of MEN's pairs, and people's ratings."""
    rows = {
        word: row
        for row, word in enumerate(texts.vocabulary)
        if texts.in_glove[row]
    }
    men = data.load_similarity("men")
    kept = [
        (rows[one], rows[two], rating)
        for one, two, rating in zip(
            men.first, men.second, men.scores, strict=True
        )
        if one in rows and two in rows
    ]
    first, second, ratings = zip(*kept, strict=True)
    return np.transpose([first, second]), np.array(ratings)


def cosines(table: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosine of the rows of each pair."""
    one, two = table[pairs[:, 0]], table[pairs[:, 1]]
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return (one * two).sum(axis=1) / lengths


# A table behind which words are read in order


HEADS = ("LSTM", "Transformer block")
HEAD_LABELS, HEAD_LENGTH, HEAD_EPOCHS, HEAD_RUNS = 1_000, 60, 5, 3
HEAD_RATE = {
    "random start": 0.003,
    "frozen": 0.003,
    "warm start": 0.003,
    "thaw later": 0.0003,
}


def build(head: str, dim: int, trainable: bool) -> keras.Model:
    """Put an LSTM or a Transformer block behind a table."""
    inputs = keras.Input((HEAD_LENGTH,), dtype="int32")
    x = layers.Embedding(
        VOCAB_SIZE, dim, mask_zero=True, trainable=trainable
    )(inputs)
    if head == "LSTM":
        x = layers.LSTM(32)(x)
    else:
        x = layers.Dense(32)(x)
        attended = layers.MultiHeadAttention(num_heads=2, key_dim=16)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        dense = layers.Dense(32)(layers.Dense(64, activation="relu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, dense]))
        x = layers.GlobalAveragePooling1D()(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(), "binary_crossentropy")
    return model


def train_head(texts: Texts, head: str, runs: range) -> dict[str, Any]:
    """Train the regimes with this head; test answers of each run."""
    ids = texts.ids[:, :HEAD_LENGTH]
    models = {
        (dim, trainable): build(head, dim, trainable)
        for dim, trainable in ((64, True), (300, False), (300, True))
    }
    epochs = {
        key: training.compile_epoch(each) for key, each in models.items()
    }

    def fit(key, regime, run, weights=None):
        drawn = draw(texts, HEAD_LABELS, run)
        test = drawn.test[:2_000]
        best, model = (-1.0, None, None), models[key]
        training.restart(model, seed=run, learning_rate=HEAD_RATE[regime])
        if weights is not None:
            for layer, learned in zip(model.layers, weights, strict=True):
                layer.set_weights(learned)
        elif regime != "random start":
            model.layers[1].set_weights([texts.table])
        rng = np.random.Generator(np.random.PCG64(run))
        for _ in range(HEAD_EPOCHS):
            rows = training.cut_batches(drawn.train, 50, rng)
            epochs[key](ids[rows], texts.labels[rows])
            answers = model.predict_on_batch(ids[drawn.validation])
            right = (answers[:, 0] > 0.5) == texts.labels[drawn.validation]
            if right.mean() > best[0]:
                answers = model.predict_on_batch(ids[test])
                tested = (answers[:, 0] > 0.5) == texts.labels[test]
                learned = [each.get_weights() for each in model.layers]
                best = right.mean(), tested, learned
        return best

    found = {regime: [] for regime in REGIMES}
    for run in runs:
        frozen = fit((300, False), "frozen", run)
        fits = {
            "random start": fit((64, True), "random start", run),
            "frozen": frozen,
            "warm start": fit((300, True), "warm start", run),
            "thaw later": fit((300, True), "thaw later", run, frozen[2]),
        }
        for regime, (_, right, _) in fits.items():
            found[regime].append(right)
    return found


# All of it


def main() -> None:
    """Train everything and store it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    runs = range(options.first_run, options.first_run + RUNS)
    models, arrays = make_models(), {}

    def store(key: str, values: list) -> None:
        values = np.array(values)
        if values.dtype == bool:
            arrays[f"{key}, size"] = values.shape[1]
            values = np.packbits(values, axis=1)
        arrays[key] = values

    for kind in NUM_POOL:
        texts = read_texts(kind)
        bigrams = count_bigrams(kind)
        words, pairs = judged_words(texts), men_pairs(texts)[0]
        for num_labels in SETTINGS:
            regimes = REGIMES
            if kind == "abstracts":
                regimes += ("frozen, zeros",)
            elif num_labels <= 1_000:
                regimes += CURES
            fits = [
                train_run(texts, models, num_labels, run, regimes)
                for run in runs
            ]
            draws = [draw(texts, num_labels, run) for run in runs]
            case = f"{kind}, {num_labels}"
            store(
                f"{case}, bigrams, right",
                [
                    fit_bigrams(bigrams, texts, num_labels, run)
                    for run in runs
                ],
            )
            for regime in regimes:
                key = f"{case}, {regime}"
                found = [each[regime][0] for each in fits]
                both = [*zip(found, draws, strict=True)]
                store(f"{key}, curves", [each[regime][1] for each in fits])
                store(
                    f"{key}, chosen",
                    [(fit.rate, fit.steps) for fit in found],
                )
                right = [
                    answers_right(texts, fit.weights, drawn.test)
                    for fit, drawn in both
                ]
                store(f"{key}, right", right)
                store(
                    f"{key}, on training",
                    [
                        answers_right(
                            texts, fit.weights, drawn.train
                        ).mean()
                        for fit, drawn in both
                    ],
                )
                print(f"{key}: {np.mean(right):.3f}", flush=True)
                if (
                    regime in ("frozen", "warm start")
                    and num_labels != 3_000
                ):
                    scores = [fit.weights.scores[words] for fit in found]
                    store(f"{key}, scores", np.array(scores, np.float16))
                if regime in ("warm start", "thaw later"):
                    near = [
                        cosines(fit.weights.table, pairs) for fit in found
                    ]
                    store(f"{key}, cosines", np.array(near, np.float32))
        if kind == "reviews":
            for head in HEADS:
                found = train_head(texts, head, runs[:HEAD_RUNS])
                for regime, right in found.items():
                    store(f"{head}, {regime}, right", right)
                    print(
                        f"{head}, {regime}: {np.mean(right):.3f}",
                        flush=True,
                    )
    np.savez_compressed(options.output, **arrays)


if __name__ == "__main__":
    main()
