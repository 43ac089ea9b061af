"""Skip-gram with negative sampling (Mikolov et al., 2013), a row of text at a time.

Chapter 8 teaches it, step by step; later chapters train with it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from helpers.vectors import WordVectors

ROW_LENGTH = 24  # words that are trained, beside those that are contexts only
ROWS_PER_BATCH = 4


class Corpus(NamedTuple):
    """A text as numbers: the `word_ids` of all words in order, and each word's `paragraph_ids`.

    `words` are the vocabulary, the most frequent first, and `counts` how often each occurs.
    """

    words: list[str]
    counts: np.ndarray
    word_ids: np.ndarray
    paragraph_ids: np.ndarray


def read_corpus(paragraphs: Iterable[str], min_count: int = 5) -> Corpus:
    """Cut paragraphs into words of letters, in lower case, and number them.

    Parameters
    ----------
    paragraphs : iterable of str
    min_count : int
        Rarer words are left out of the text.

    Returns
    -------
    Corpus

    Raises
    ------
    ValueError
        When no word occurs often enough.
    """
    tokenized = [re.findall(r"[^\W\d_]+", text.lower().replace("'", "")) for text in paragraphs]
    counts = Counter(word for words in tokenized for word in words)
    kept = [(word, count) for word, count in counts.most_common() if count >= min_count]
    if not kept:
        raise ValueError(f"No word occurs {min_count} times in {len(tokenized):,} paragraphs.")
    words, counts = zip(*kept, strict=True)
    index = {word: row for row, word in enumerate(words)}
    numbered = [[index[word] for word in words if word in index] for words in tokenized]
    lengths = [len(ids) for ids in numbered]
    return Corpus(
        list(words),
        np.array(counts),
        np.concatenate([np.array(ids, dtype=np.int32) for ids in numbered]),
        np.repeat(np.arange(len(lengths), dtype=np.int32), lengths),
    )


class SkipGram(keras.Model):
    """Two tables of vectors, for words and for contexts; called with rows, it returns their loss.

    Parameters
    ----------
    vocab_size, dim : int
    window : int
        How far a context word may be away; nearer ones weigh more.
    num_negatives : int
        For each pair.
    """

    def __init__(self, vocab_size: int, dim: int, window: int, num_negatives: int) -> None:
        super().__init__()
        start = keras.initializers.RandomUniform(-0.5 / dim, 0.5 / dim)
        self.word = keras.layers.Embedding(vocab_size, dim, embeddings_initializer=start)
        self.context = keras.layers.Embedding(vocab_size, dim, embeddings_initializer="zeros")
        for table in (self.word, self.context):
            table.build()
        self.window, self.num_negatives = window, num_negatives
        positions = np.arange(ROW_LENGTH + 2 * window)
        distance = np.abs(positions[window:-window, None] - positions)
        # The share of the time that word2vec, which draws a reach for each word, uses a pair.
        near = (distance > 0) & (distance <= window)
        weight = np.where(near, (window + 1 - distance) / window, 0)
        self.weight = tf.constant(weight, tf.float32)  # (row length, row length + 2 windows)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the loss of a batch of rows (see `cut_rows`), summed over its pairs."""
        inner = slice(self.window, -self.window)
        word_ids, paragraph_ids = rows[..., 0], rows[..., 1]
        noise_ids = tf.reshape(rows[:, inner, 2], [-1])  # all words of the batch share them
        same_paragraph = paragraph_ids[:, inner, None] == paragraph_ids[:, None, :]
        pairs = self.weight * tf.cast(same_paragraph, tf.float32)
        words, contexts = self.word(word_ids[:, inner]), self.context(word_ids)
        negatives = self.context(noise_ids)
        scores = tf.matmul(words, contexts, transpose_b=True)
        noise_scores = tf.tensordot(words, negatives, [[2], [1]])
        noise_loss = tf.reduce_mean(tf.nn.softplus(noise_scores), axis=-1)
        return tf.reduce_sum(pairs * tf.nn.softplus(-scores)) + self.num_negatives * tf.reduce_sum(
            tf.reduce_sum(pairs, axis=-1) * noise_loss
        )


def cut_rows(corpus: Corpus, window: int, sample: float, rng: np.random.Generator) -> np.ndarray:
    """Thin out the frequent words and cut what is left into rows, in random order.

    Parameters
    ----------
    corpus : Corpus
    window : int
        How many words each row holds on either side that are contexts only.
    sample : float
        A word of relative frequency f stays with probability sqrt(sample / f) + sample / f.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int32, shape (rows, row length + 2 windows, 3)
        Word ids, paragraph ids, and the ids of random words (noise), which are drawn in
        proportion to their counts to the power 0.75. The first and the last few words of the
        whole text are in no row, or contexts only.

    Raises
    ------
    ValueError
        When too few words are left for one row.
    """
    ratio = sample / (corpus.counts / corpus.counts.sum())
    stays = rng.random(len(corpus.word_ids)) < (np.sqrt(ratio) + ratio)[corpus.word_ids]
    noise = np.cumsum(corpus.counts**0.75)
    noise_ids = np.searchsorted(noise, noise[-1] * rng.random(stays.sum()), side="right")
    columns = corpus.word_ids[stays], corpus.paragraph_ids[stays], noise_ids.astype(np.int32)
    length = ROW_LENGTH + 2 * window
    if len(noise_ids) < length:
        raise ValueError(f"{len(noise_ids):,} words are left of the corpus; a row takes {length}.")
    rows = sliding_window_view(np.stack(columns, axis=-1), length, axis=0)[::ROW_LENGTH]
    return rows[rng.permutation(len(rows))].swapaxes(1, 2)


def compile_training(model: SkipGram, optimizer: keras.Optimizer) -> Callable[[np.ndarray], None]:
    """Make a function that takes a step for each of many batches, in one compiled loop.

    Parameters
    ----------
    model : SkipGram
    optimizer : keras.Optimizer

    Returns
    -------
    function of an array of shape (batches, rows per batch, row length + 2 windows, 3)
        Each new shape is compiled anew, which takes a second or two.
    """
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True)
    def train(batches: tf.Tensor) -> None:
        for rows in batches:  # TensorFlow turns this loop, too, into compiled code
            with tf.GradientTape() as tape:
                loss = model(rows)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

    return train


def train_skipgram(
    corpus: Corpus,
    dim: int = 100,
    epochs: int = 5,
    *,
    window: int = 5,
    num_negatives: int = 5,
    sample: float = 1e-3,
    learning_rate: float = 0.075,
    seed: int = 0,
) -> WordVectors:
    """Train word vectors on a corpus.

    Parameters
    ----------
    corpus : Corpus
        See `read_corpus`. If it fills less than a batch of rows, its rows repeat.
    dim : int
        Length of a vector.
    epochs : int
    window, num_negatives, sample
        As in word2vec; see `SkipGram` and `cut_rows`.
    learning_rate : float
        For one pair, at the start; it falls linearly to a hundredth.
    seed : int
        Also sets the global seeds of Python, NumPy and Keras.

    Returns
    -------
    WordVectors

    Raises
    ------
    ValueError
        When the corpus is smaller than a row.
    FloatingPointError
        When training diverged.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = SkipGram(len(corpus.words), dim, window, num_negatives)
    for epoch in range(epochs):
        rows = cut_rows(corpus, window, sample, rng)
        if epoch == 0:
            steps = -(-len(rows) // ROWS_PER_BATCH)
            rate = keras.optimizers.schedules.PolynomialDecay(
                learning_rate, epochs * steps, learning_rate / 100
            )
            train = compile_training(model, keras.optimizers.SGD(rate))
        # Chance leaves a few words more or less in each epoch; a new shape would compile anew.
        train(np.resize(rows, (steps, ROWS_PER_BATCH, *rows.shape[1:])))
    matrix = model.word.embeddings.numpy()
    if not np.isfinite(matrix).all():
        raise FloatingPointError(f"Training diverged; lower learning_rate from {learning_rate}.")
    return WordVectors(corpus.words, matrix)
