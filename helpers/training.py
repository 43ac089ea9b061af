"""What several experiments share: draws of labels, fresh weights, compiled epochs, many models.

Evidence notebooks train with it. Chapters show plain Keras; what is clever for speed stands here,
and computes what plain Keras would.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.model_selection import train_test_split


def draw_labels(labels: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Draw texts that may show their label, each class in its share.

    Parameters
    ----------
    labels : ndarray of int, shape (texts,)
    number : int
        How many to draw; at least one for each class.
    seed : int

    Returns
    -------
    ndarray of int, shape (number,)
        Row numbers, in random order.

    Raises
    ------
    ValueError
        If the number is smaller than that of the classes, or not smaller than that of the texts.
    """
    rows = np.arange(len(labels))
    return train_test_split(rows, train_size=number, stratify=labels, random_state=seed)[0]


def restart(model: keras.Model, seed: int, learning_rate: float | None = None) -> None:
    """Give a compiled model the weights of a newly built one, and an empty optimizer.

    Compiling a small network takes about as long as training it; so it is compiled once.

    Parameters
    ----------
    model : keras.Model
        Compiled and built; changed in place.
    seed : int
        Also sets the global seeds of Python, NumPy and Keras.
    learning_rate : float, optional
        A new one for the optimizer.
    """
    keras.utils.set_random_seed(seed)
    for layer, fresh in zip(model.layers, keras.models.clone_model(model).layers, strict=True):
        for variable, start in zip(layer.variables, fresh.variables, strict=True):
            variable.assign(start)  # weights, and the random state of Dropout
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer._learning_rate:
            variable.assign(keras.ops.zeros_like(variable))
    if learning_rate is not None:
        model.optimizer.learning_rate = learning_rate


def compile_epoch(model: keras.Model) -> Callable[[np.ndarray, np.ndarray], None]:
    """Make a function that trains on many batches in one compiled loop.

    Each step is Keras' own `train_step`; between steps as small as ours, `fit` would lose most of
    its time. `fit` also takes the last, short batch of an epoch; see `cut_batches`.

    Parameters
    ----------
    model : keras.Model
        Compiled, with a built optimizer (see `restart`).

    Returns
    -------
    function of arrays of shape (batches, batch size, ...): the inputs and the labels
        Each new shape is compiled anew.
    """

    @tf.function(jit_compile=True)
    def train(x: tf.Tensor, y: tf.Tensor) -> None:
        for step in tf.range(tf.shape(x)[0]):
            model.train_step((x[step], y[step]))

    return train


def cut_batches(rows: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffle row numbers and cut them into whole batches, shape (batches, batch size).

    The few that do not fill a batch are left out; chance leaves out others in the next epoch.
    """
    number = len(rows) // batch_size
    return rng.permutation(rows)[: number * batch_size].reshape(number, batch_size)


class Trained(NamedTuple):
    """A network with the learning rate and the epoch that were best on validation data.

    Attributes
    ----------
    validation : float
        Accuracy on the validation texts.
    right : ndarray of bool, shape (test texts,)
        Which test texts are answered right.
    rate : float
        The chosen learning rate.
    epoch : int
        The chosen number of epochs.
    """

    validation: float
    right: np.ndarray
    rate: float
    epoch: int


class Bags(NamedTuple):
    """Texts as the share of each word, sparse (texts, vocabulary), with their classes."""

    shares: sparse.csr_matrix
    labels: np.ndarray


def train_averages(
    train: Bags,
    validation: Bags,
    test: Bags,
    dims: Sequence[int],
    *,
    rates: Sequence[float],
    max_epochs: int,
    patience: int,
    hidden_units: int = 256,
    batch_size: int = 512,
    seed: int = 0,
) -> dict[int, Trained]:
    """Train an average of embeddings with every dimension and rate, all at once.

    Each network is `Embedding`, average over the words, `Dense(hidden_units, "relu")`,
    `Dense(classes)`, trained by Adam. A row of shares times the table *is* the average of a
    text's embeddings, so SciPy's sparse product stands in for the layer; the tables of all
    dimensions lie side by side in one. (Adam meets the summed gradient of a row. In Keras 3.15
    it squares the pieces of a word that occurs several times in a batch one by one.)

    The networks share the batches and no weight. Training goes on until no network has gained on
    the validation texts for `patience` epochs; a network is judged after its best epoch, and for
    each dimension the network with the best rate is kept.

    Parameters
    ----------
    train, validation, test : Bags
        Of one vocabulary.
    dims : sequence of int
    rates : sequence of float
        Learning rates to choose from.
    max_epochs, patience, hidden_units, batch_size : int
    seed : int
        Of the starts and of the order of the batches.

    Returns
    -------
    dict
        Dimension to `Trained`.
    """
    num_classes = int(train.labels.max()) + 1
    networks = _SideBySide(dims, rates, train.shares.shape[1], hidden_units, num_classes, seed)
    rows_of_texts = np.arange(len(train.labels))
    rng = np.random.default_rng(seed)

    accuracy = np.full((len(dims), len(rates)), -1.0)  # of each network at its best epoch
    best_epoch = np.zeros(accuracy.shape, dtype=int)
    kept: dict[tuple[int, int], list[np.ndarray]] = {}
    last_gain = 0
    for epoch in range(1, max_epochs + 1):
        for rows in cut_batches(rows_of_texts, min(batch_size, len(rows_of_texts)), rng):
            networks.step(train.shares[rows], train.labels[rows])
        answers = networks.answer(validation.shares)
        now = (answers == validation.labels[:, None, None]).mean(axis=0)
        for place, copy in np.argwhere(now > accuracy):
            kept[place, copy] = networks.weights_of(place, copy)
        if (now > accuracy + 1e-3).any():
            last_gain = epoch
        best_epoch[now > accuracy] = epoch
        accuracy = np.maximum(accuracy, now)
        if epoch - last_gain >= patience:
            break

    trained = {}
    for place, dim in enumerate(dims):
        copy = int(accuracy[place].argmax())
        right = _answer(test.shares, *kept[place, copy]) == test.labels
        trained[dim] = Trained(
            float(accuracy[place, copy]), right, rates[copy], int(best_epoch[place, copy])
        )
    return trained


def _answer(
    shares: sparse.csr_matrix,
    table: np.ndarray,
    hidden: np.ndarray,
    hidden_bias: np.ndarray,
    output: np.ndarray,
    output_bias: np.ndarray,
) -> np.ndarray:
    """Class of each text by one network, shape (texts,)."""
    units = np.maximum(shares @ table @ hidden + hidden_bias, 0)
    return (units @ output + output_bias).argmax(axis=1)


class _SideBySide:
    """Networks of all dimensions and rates; b is a text, c a rate's copy, d a column, h a unit."""

    def __init__(
        self,
        dims: Sequence[int],
        rates: Sequence[float],
        vocab_size: int,
        hidden_units: int,
        num_classes: int,
        seed: int,
    ) -> None:
        ends = np.cumsum(dims).tolist()
        self.strips = [slice(end - dim, end) for dim, end in zip(dims, ends, strict=True)]
        self.rates = np.array(rates, dtype=np.float32)
        rng = np.random.default_rng(seed)

        def start(limit: float, *shape: int) -> tf.Variable:
            """Uniform numbers, the same for all rates: (rates, *shape)."""
            numbers = rng.uniform(-limit, limit, shape).astype(np.float32)
            return tf.Variable(np.repeat(numbers[None], len(rates), axis=0))

        self.small: list[tf.Variable] = []  # kernels and biases of dense layers, dim by dim
        for dim in dims:
            for rows, columns in ((dim, hidden_units), (hidden_units, num_classes)):
                glorot = np.sqrt(6 / (rows + columns))
                self.small.append(start(glorot, rows, columns))
                self.small.append(tf.Variable(tf.zeros((len(rates), 1, columns))))
        starts = start(0.05, vocab_size, ends[-1])  # as Embedding's own
        self.tables = [tf.Variable(each) for each in tf.unstack(starts)]
        self.memories = [
            (tf.Variable(tf.zeros_like(table)), tf.Variable(tf.zeros_like(table)))
            for table in self.tables
        ]
        self.optimizer_state = [
            (tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each)))
            for each in self.small
        ]
        self.number = 0
        self.pool = ThreadPoolExecutor(2)

    def averages(self, shares: sparse.csr_matrix) -> np.ndarray:
        """Average vector of each text in each table: (texts, copies, columns)."""
        # read_value() shows the table's own memory; numpy() would copy it.
        products = self.pool.map(lambda table: shares @ np.asarray(table.read_value()), self.tables)
        return np.stack([*products], axis=1)

    def logits(self, averages: tf.Tensor) -> tf.Tensor:
        """Scores of the classes: (texts, dims, copies, classes)."""
        scores = []
        for place, strip in enumerate(self.strips):
            kernel, bias, output, output_bias = self.small[4 * place : 4 * place + 4]
            units = tf.nn.relu(tf.einsum("bcd,cdh->cbh", averages[..., strip], kernel) + bias)
            scores.append(tf.matmul(units, output) + output_bias)
        return tf.transpose(tf.stack(scores), (2, 0, 1, 3))

    def answer(self, shares: sparse.csr_matrix) -> np.ndarray:
        """Class of each text by each network: (texts, dims, copies)."""
        return tf.argmax(self.logits(self.averages(shares)), axis=-1).numpy()

    @tf.function(jit_compile=True)
    def step_small(self, averages: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Adam's step on the dense layers; returns the gradient of the averages."""
        with tf.GradientTape() as tape:
            tape.watch(averages)
            logits = self.logits(averages)
            wanted = tf.broadcast_to(labels[:, None, None], tf.shape(logits)[:3])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
            # A mean for each network, summed: each trains as if it were alone.
            total = tf.reduce_sum(tf.reduce_mean(loss, axis=0))
        of_averages, *gradients = tape.gradient(total, [averages, *self.small])
        rates = self.rates[:, None, None] * tf.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        for each, gradient, (mean, square) in zip(
            self.small, gradients, self.optimizer_state, strict=True
        ):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient**2)
            each.assign_sub(rates * mean / (tf.sqrt(square) + 1e-7))
        return of_averages

    def step(self, shares: sparse.csr_matrix, labels: np.ndarray) -> None:
        """One step of Adam for every network."""
        self.number += 1
        averages = tf.constant(self.averages(shares))
        number = tf.constant(self.number, tf.float32)
        gradients = self.step_small(averages, tf.constant(labels), number).numpy()
        turned = shares.T

        def update(copy: int) -> None:
            mean, square = self.memories[copy]
            tf.raw_ops.ResourceApplyAdam(
                var=self.tables[copy].handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=0.9**self.number,
                beta2_power=0.999**self.number,
                lr=self.rates[copy],
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-7,
                grad=turned @ np.ascontiguousarray(gradients[:, copy]),
            )

        _ = [*self.pool.map(update, range(len(self.tables)))]

    def weights_of(self, place: int, copy: int) -> list[np.ndarray]:
        """Table, kernels and biases of one network."""
        table = np.asarray(self.tables[copy].read_value())[:, self.strips[place]].copy()
        small = self.small[4 * place : 4 * place + 4]
        return [table, *(each[copy].numpy() for each in small)]
