"""The skip-gram trainer: the corpus as numbers, the loss by hand, vectors that mean something."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import skipgram


def test_corpus_numbers_frequent_words_first():
    corpus = skipgram.read_corpus(
        ["The cat's HAT.", "", "the 3 hats, the hat!", "été"], min_count=1
    )
    assert corpus.words[:2] == ["the", "hat"]
    assert set(corpus.words[2:]) == {"cats", "hats", "été"}
    np.testing.assert_array_equal(corpus.counts, [3, 2, 1, 1, 1])
    read = [corpus.words[row] for row in corpus.word_ids]
    assert read == ["the", "cats", "hat", "the", "hats", "the", "hat", "été"]
    np.testing.assert_array_equal(corpus.paragraph_ids, [0, 0, 0, 2, 2, 2, 2, 3])


def test_rare_words_leave_the_text():
    corpus = skipgram.read_corpus(["a b a", "c a b"], min_count=2)
    assert corpus.words == ["a", "b"]
    assert corpus.word_ids.tolist() == [0, 1, 0, 0, 1]
    with pytest.raises(ValueError, match="No word occurs 9 times in 2 paragraphs"):
        skipgram.read_corpus(["a b a", "c a b"], min_count=9)


def made_up_corpus(num_words=200_000, half=150):
    """Word 0 is a tenth of the text; the rest is of two topics of `half` words, paragraph about."""
    rng = np.random.default_rng(0)
    paragraph_ids = np.repeat(np.arange(num_words // 50, dtype=np.int32), 50)
    word_ids = rng.integers(1, half + 1, num_words) + half * (paragraph_ids % 2)
    word_ids[rng.random(num_words) < 0.1] = 0
    words = [f"word{row}" for row in range(2 * half + 1)]
    return skipgram.Corpus(words, np.bincount(word_ids), word_ids.astype(np.int32), paragraph_ids)


def test_rows_thin_out_frequent_words_and_keep_the_order():
    corpus = made_up_corpus()
    rows = skipgram.cut_rows(corpus, 0.01, np.random.default_rng(1))
    assert rows.dtype == np.int32
    assert rows.shape[1:] == (skipgram.ROW_LENGTH, 2)
    assert len(rows) % skipgram.ROWS_PER_BATCH == 0
    ratio = 0.01 / (corpus.counts[0] / corpus.counts.sum())
    stays = (np.sqrt(ratio) + ratio) * corpus.counts[0]
    assert (rows[..., 0] == 0).sum() == pytest.approx(stays, rel=0.02)
    assert (np.diff(rows[..., 1], axis=1) >= 0).all()  # paragraphs in order within a row
    assert (np.diff(rows[:, 0, 1]) < 0).any()  # the rows themselves are shuffled


def test_a_corpus_smaller_than_a_batch_is_refused():
    corpus = skipgram.read_corpus(["a b a"], min_count=1)
    with pytest.raises(ValueError, match="one batch takes 768"):
        skipgram.train_skipgram(corpus)


def softplus(x):
    return np.log1p(np.exp(x))


def test_loss_by_hand(monkeypatch):
    window, num_negatives = 3, 5
    monkeypatch.setattr(skipgram.tf.random, "uniform", lambda shape: tf.zeros(shape))
    model = skipgram.SkipGram(np.array([4, 3, 2, 1]), 2, window, num_negatives)
    rng = np.random.default_rng(0)
    word, context = rng.normal(size=(2, 4, 2)).astype(np.float32)
    model.word.embeddings.assign(word)
    model.context.embeddings.assign(context)
    ids = rng.integers(4, size=(3, skipgram.ROW_LENGTH)).astype(np.int32)
    paragraphs = np.sort(rng.integers(5, size=ids.shape)).astype(np.int32)
    expected = 0
    for row, numbers in zip(ids, paragraphs, strict=True):
        for i in range(len(row)):
            for j in range(max(0, i - window), min(len(row), i + window + 1)):
                if i != j and numbers[i] == numbers[j]:
                    weight = model.weight.numpy()[i, j]
                    assert weight == pytest.approx(pair_weight(abs(i - j)))
                    positive = softplus(-word[row[i]] @ context[row[j]])
                    negative = softplus(word[row[i]] @ context[0])  # noise that is always word 0
                    expected += weight * (positive + num_negatives * negative)
    x = tf.constant(np.stack([ids, paragraphs], axis=-1))
    assert float(model.compute_loss(x, y_pred=model(x))) == pytest.approx(expected, rel=1e-4)


def pair_weight(distance):
    return 1 / distance


def test_noise_is_drawn_from_the_counts_to_the_three_quarters():
    counts = np.array([10_000, 1_000, 100, 10])
    model = skipgram.SkipGram(counts, 2, 5, 5)
    keras.utils.set_random_seed(0)
    drawn = tf.searchsorted(model.noise, tf.random.uniform([200_000])).numpy()
    expected = counts**0.75 / (counts**0.75).sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 200_000, expected, atol=0.004)


def test_only_the_rows_that_are_read_get_a_gradient():
    model = skipgram.SkipGram(np.full(1_000, 5), 4, 5, 5)
    x = tf.constant(np.full((2, skipgram.ROW_LENGTH, 2), 7, dtype=np.int32))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y_pred=model(x))
    for_words, for_contexts = tape.gradient(loss, [v.value for v in model.trainable_variables])
    assert isinstance(for_words, tf.IndexedSlices) and isinstance(for_contexts, tf.IndexedSlices)
    assert set(for_words.indices.numpy()) == {7}


def test_words_of_the_same_contexts_come_together():
    corpus = made_up_corpus()
    settings = {"dim": 16, "epochs": 4, "sample": 0.01, "learning_rate": 0.02}
    trained = skipgram.train_skipgram(corpus, **settings)
    unit = trained.matrix / np.linalg.norm(trained.matrix, axis=1, keepdims=True)
    cosines = unit[1:] @ unit[1:].T
    within = np.mean([cosines[:150, :150].mean(), cosines[150:, 150:].mean()])
    assert within > cosines[:150, 150:].mean() + 0.5
    assert trained.words == corpus.words
    again = skipgram.train_skipgram(corpus, **settings)
    np.testing.assert_array_equal(trained.matrix, again.matrix)


def test_divergence_is_said():
    with pytest.raises(FloatingPointError, match="lower learning_rate from 1000"):
        skipgram.train_skipgram(made_up_corpus(), dim=4, epochs=1, learning_rate=1000)
