"""Skip-gram with negative sampling (Mikolov et al., 2013), a row of text at a time.

Chapter 8 teaches it, step by step; later chapters train with it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from helpers.vectors import WordVectors

ROW_LENGTH = 24  # words
ROWS_PER_BATCH = 32


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
    """Two tables of vectors, for words and for contexts, and the loss that trains them.

    Its input is an array of shape (rows, row length, 2): word ids, and paragraph ids.

    Parameters
    ----------
    counts : ndarray of int, shape (vocabulary size,)
    dim : int
    window : int
        How far a context word may be away; nearer ones weigh more.
    num_negatives : int
        For each pair.
    """

    def __init__(self, counts, dim, window, num_negatives):
        super().__init__()
        start = keras.initializers.RandomUniform(-0.5 / dim, 0.5 / dim)
        self.word = keras.layers.Embedding(len(counts), dim, embeddings_initializer=start)
        self.context = keras.layers.Embedding(len(counts), dim, embeddings_initializer="zeros")
        for table in (self.word, self.context):
            table.build()
        self.num_negatives = num_negatives
        self.noise = tf.constant(np.cumsum(counts**0.75) / np.sum(counts**0.75), tf.float32)
        positions = np.arange(ROW_LENGTH)
        distance = np.abs(positions[:, None] - positions)
        # word2vec weighs nearer words more, by a random reach; this is GloVe's 1 / distance.
        near = (distance > 0) & (distance <= window)
        weight = np.where(near, 1 / np.maximum(distance, 1), 0)
        self.weight = tf.constant(weight, tf.float32)  # (row length, row length)

    def call(self, inputs):
        """Return the word vectors, shape (rows, row length, dim)."""
        # `tf.gather` keeps the gradient sparse: only the rows that were read are updated.
        return tf.gather(self.word.embeddings.value, inputs[..., 0])

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the loss, summed over the pairs in the batch."""
        word_ids, paragraph_ids = x[..., 0], x[..., 1]
        contexts = tf.gather(self.context.embeddings.value, word_ids)
        same_paragraph = paragraph_ids[:, :, None] == paragraph_ids[:, None, :]
        pairs = self.weight * tf.cast(same_paragraph, tf.float32)
        scores = tf.matmul(y_pred, contexts, transpose_b=True)  # (rows, row length, row length)
        drawn = tf.searchsorted(self.noise, tf.random.uniform([tf.size(word_ids)]))
        negatives = tf.gather(self.context.embeddings.value, tf.reshape(drawn, tf.shape(word_ids)))
        noise_scores = tf.matmul(y_pred, negatives, transpose_b=True)
        noise_loss = tf.reduce_mean(tf.nn.softplus(noise_scores), axis=-1)
        return tf.reduce_sum(pairs * tf.nn.softplus(-scores)) + self.num_negatives * tf.reduce_sum(
            tf.reduce_sum(pairs, axis=-1) * noise_loss
        )


def cut_rows(corpus: Corpus, sample: float, rng: np.random.Generator) -> np.ndarray:
    """Thin out the frequent words and cut what is left into rows, in random order.

    Parameters
    ----------
    corpus : Corpus
    sample : float
        A word of relative frequency f stays with probability sqrt(sample / f) + sample / f.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int32, shape (rows, row length, 2)
        Word ids and paragraph ids; whole batches only.

    Raises
    ------
    ValueError
        When too few words are left for one batch.
    """
    ratio = sample / (corpus.counts / corpus.counts.sum())
    stays = rng.random(len(corpus.word_ids)) < (np.sqrt(ratio) + ratio)[corpus.word_ids]
    text = np.stack([corpus.word_ids[stays], corpus.paragraph_ids[stays]], axis=-1)
    batch = ROW_LENGTH * ROWS_PER_BATCH
    if len(text) < batch:
        raise ValueError(f"{len(text):,} words are left of the corpus; one batch takes {batch:,}.")
    rows = text[: len(text) // batch * batch].reshape(-1, ROW_LENGTH, 2)
    return rows[rng.permutation(len(rows))]


def train_skipgram(
    corpus: Corpus,
    dim: int = 100,
    epochs: int = 5,
    *,
    window: int = 5,
    num_negatives: int = 5,
    sample: float = 1e-3,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> WordVectors:
    """Train word vectors on a corpus.

    Parameters
    ----------
    corpus : Corpus
        See `read_corpus`.
    dim : int
        Length of a vector.
    epochs : int
    window, num_negatives, sample
        As in word2vec; see `SkipGram` and `cut_rows`.
    learning_rate : float
        For one pair, at the start; it falls linearly to a hundredth.
    seed : int

    Returns
    -------
    WordVectors

    Raises
    ------
    ValueError
        When the corpus is smaller than a batch.
    FloatingPointError
        When training diverged.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = SkipGram(corpus.counts, dim, window, num_negatives)
    options = tf.data.Options()
    options.autotune.enabled = False
    for epoch in range(epochs):
        rows = cut_rows(corpus, sample, rng)
        if epoch == 0:
            steps = epochs * len(rows) // ROWS_PER_BATCH
            rate = keras.optimizers.schedules.PolynomialDecay(
                learning_rate, steps, learning_rate / 100
            )
            model.compile(keras.optimizers.SGD(rate), steps_per_execution=16)
        batches = tf.data.Dataset.from_tensor_slices(rows).batch(ROWS_PER_BATCH).prefetch(4)
        model.fit(batches.with_options(options), shuffle=False, verbose=0)
    matrix = model.word.embeddings.numpy()
    if not np.isfinite(matrix).all():
        raise FloatingPointError(f"Training diverged; lower learning_rate from {learning_rate}.")
    return WordVectors(corpus.words, matrix)
