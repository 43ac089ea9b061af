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
    corpus, window = made_up_corpus(), 3
    rows = skipgram.cut_rows(corpus, window, 0.01, np.random.default_rng(1))
    assert rows.dtype == np.int32
    assert rows.shape[1:] == (skipgram.ROW_LENGTH + 2 * window, 3)
    trained = rows[:, window:-window]
    ratio = 0.01 / (corpus.counts[0] / corpus.counts.sum())
    stays = (np.sqrt(ratio) + ratio) * corpus.counts[0]
    assert (trained[..., 0] == 0).sum() == pytest.approx(stays, rel=0.02)
    assert (np.diff(rows[..., 1], axis=1) >= 0).all()  # paragraphs in order within a row
    assert (np.diff(rows[:, 0, 1]) < 0).any()  # the rows themselves are shuffled


def test_rows_overlap_by_their_contexts_and_lose_no_word():
    numbers, window = np.arange(500, dtype=np.int32), 5
    corpus = skipgram.Corpus([str(n) for n in numbers], np.ones(500, int), numbers, numbers // 50)
    rows = skipgram.cut_rows(corpus, window, 1, np.random.default_rng(0))
    trained = np.sort(rows[:, window:-window, 0].ravel())
    np.testing.assert_array_equal(trained, window + np.arange(len(trained)))
    assert 500 - len(trained) < skipgram.ROW_LENGTH + 2 * window
    np.testing.assert_array_equal(np.unique(np.diff(rows[..., 0], axis=1)), [1])


def test_a_corpus_smaller_than_a_row_is_refused():
    corpus = skipgram.read_corpus(["a b a"], min_count=1)
    with pytest.raises(ValueError, match="words are left of the corpus; a row takes 34"):
        skipgram.train_skipgram(corpus)


def test_a_corpus_smaller_than_a_batch_trains():
    corpus = skipgram.read_corpus(["a b " * 50], min_count=1)
    trained = skipgram.train_skipgram(corpus, dim=4, epochs=1, sample=1, learning_rate=0.01)
    assert trained.matrix.shape == (2, 4)


def softplus(x):
    return np.log1p(np.exp(x))


def test_loss_by_hand():
    window, num_negatives, length = 3, 5, skipgram.ROW_LENGTH
    model = skipgram.SkipGram(4, 2, window, num_negatives)
    rng = np.random.default_rng(0)
    word, context = rng.normal(size=(2, 4, 2)).astype(np.float32)
    model.word.embeddings.assign(word)
    model.context.embeddings.assign(context)
    ids, noise = rng.integers(4, size=(2, 3, length + 2 * window)).astype(np.int32)
    paragraphs = np.sort(rng.integers(5, size=ids.shape)).astype(np.int32)
    expected = 0
    shared = noise[:, window:-window].ravel()
    for row, numbers in zip(ids, paragraphs, strict=True):
        for i in range(window, window + length):
            negative = [softplus(word[row[i]] @ context[k]) for k in shared]
            for j in range(i - window, i + window + 1):
                if i != j and numbers[i] == numbers[j]:
                    positive = softplus(-word[row[i]] @ context[row[j]])
                    weight = (window + 1 - abs(i - j)) / window
                    expected += weight * (positive + num_negatives * np.mean(negative))
    rows = tf.constant(np.stack([ids, paragraphs, noise], axis=-1))
    assert float(model(rows)) == pytest.approx(expected, rel=1e-4)


def test_noise_is_drawn_from_the_counts_to_the_three_quarters():
    counts = np.array([10_000, 1_000, 100, 10])
    word_ids = np.random.default_rng(0).permutation(np.repeat(np.arange(4, dtype=np.int32), counts))
    corpus = skipgram.Corpus([*"abcd"], counts, word_ids, np.zeros_like(word_ids))
    rng = np.random.default_rng(1)
    rows = np.concatenate([skipgram.cut_rows(corpus, 5, 1, rng) for _ in range(20)])
    drawn = rows[:, 5:-5, 2].ravel()
    expected = counts**0.75 / (counts**0.75).sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / drawn.size, expected, atol=0.004)


def test_only_the_rows_that_are_read_are_trained():
    model = skipgram.SkipGram(1_000, 4, 5, 5)
    before = model.word.embeddings.numpy()
    model.context.embeddings.assign(before)
    rows = np.full((2, 1, skipgram.ROW_LENGTH + 10, 3), 7, dtype=np.int32)  # two batches of one
    rows[..., 2] = 9
    with tf.GradientTape() as tape:
        loss = model(tf.constant(rows[0]))
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert isinstance(gradient, tf.IndexedSlices)
    skipgram.compile_training(model, keras.optimizers.SGD(0.01))(rows)
    moved = [
        (v.numpy() != before).any(axis=1) for v in (model.word.embeddings, model.context.embeddings)
    ]
    assert [np.flatnonzero(each).tolist() for each in moved] == [[7], [7, 9]]


def test_the_compiled_loop_takes_the_steps_one_after_another():
    rng = np.random.default_rng(0)
    batches = rng.integers(20, size=(5, 2, skipgram.ROW_LENGTH + 4, 3)).astype(np.int32)
    batches[..., 1] = 0
    model, by_hand = (skipgram.SkipGram(20, 3, 2, 5) for _ in range(2))
    start = rng.normal(size=(2, 20, 3)).astype(np.float32)
    for each in (model, by_hand):
        each.set_weights(start)
    skipgram.compile_training(model, keras.optimizers.SGD(0.01))(batches)
    for rows in batches:
        with tf.GradientTape() as tape:
            loss = by_hand(tf.constant(rows))
        variables = by_hand.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.01 * tf.convert_to_tensor(gradient))
    for one, other in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_rate_falls_to_a_hundredth_over_batches_of_one_shape(monkeypatch):
    compile_training, rates, shapes = skipgram.compile_training, [], []

    def watched(model, optimizer):
        train = compile_training(model, optimizer)

        def train_and_note(batches):
            rates.append(float(optimizer.learning_rate))
            train(batches)
            rates.append(float(optimizer.learning_rate))
            shapes.append(batches.shape)

        return train_and_note

    monkeypatch.setattr(skipgram, "compile_training", watched)
    settings = {"dim": 4, "epochs": 3, "window": 5, "learning_rate": 0.02}
    skipgram.train_skipgram(made_up_corpus(20_000), sample=0.01, **settings)
    assert len(set(shapes)) == 1
    assert shapes[0][1:] == (skipgram.ROWS_PER_BATCH, skipgram.ROW_LENGTH + 10, 3)
    line = 0.02 + (0.0002 - 0.02) * np.array([0, 1, 1, 2, 2, 3]) / 3
    np.testing.assert_allclose(rates, line, rtol=1e-3)


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
