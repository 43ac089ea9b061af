"""What experiments share computes what plain Keras would."""

import keras
import numpy as np
import pytest
from scipy import sparse

from helpers import training
from helpers.training import Bags

RNG = np.random.default_rng(0)


def small_model():
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(10, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


def test_draw_labels_keeps_the_shares_of_the_classes():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    drawn = training.draw_labels(labels, 100, seed=1)
    assert np.bincount(labels[drawn]).tolist() == [60, 30, 10]
    assert len(set(drawn)) == 100
    assert not np.array_equal(drawn, training.draw_labels(labels, 100, seed=2))
    np.testing.assert_array_equal(drawn, training.draw_labels(labels, 100, seed=1))
    with pytest.raises(ValueError, match="number of classes"):
        training.draw_labels(labels, 2, seed=1)


def test_restart_is_a_new_model():
    x, y = RNG.integers(10, size=(64, 4)), RNG.integers(2, size=64)
    model = small_model()
    training.restart(model, seed=3)
    start = model.get_weights()
    model.fit(x, y, verbose=0, shuffle=False)
    once = model.get_weights()
    training.restart(model, seed=4)
    assert not np.array_equal(model.get_weights()[0], start[0])
    training.restart(model, seed=3, learning_rate=0.001)
    np.testing.assert_array_equal(model.get_weights()[0], start[0])
    model.fit(x, y, verbose=0, shuffle=False)  # as the first time, if Adam's memory is empty
    np.testing.assert_allclose(model.get_weights()[0], once[0], atol=1e-6)
    training.restart(model, seed=3, learning_rate=0.5)
    assert float(model.optimizer.learning_rate) == 0.5


def test_restart_resets_the_chance_of_dropout():
    x, y = RNG.integers(10, size=(64, 4)), RNG.integers(2, size=64)
    layers = [keras.layers.Embedding(10, 3), keras.layers.Flatten(), keras.layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    ends = []
    for _ in range(2):
        training.restart(model, seed=3)
        model.fit(x, y, verbose=0, shuffle=False)
        ends.append(model.get_weights()[0])
    np.testing.assert_allclose(*ends, atol=1e-6)


def test_compiled_epoch_takes_the_steps_that_fit_takes():
    x, y = RNG.integers(10, size=(5, 16, 4)), RNG.integers(2, size=(5, 16))
    model = small_model()
    training.restart(model, seed=0)
    model.fit(x.reshape(-1, 4), y.ravel(), batch_size=16, shuffle=False, verbose=0)
    by_fit = model.get_weights()
    training.restart(model, seed=0)
    training.compile_epoch(model)(x, y)
    for ours, keras_own in zip(model.get_weights(), by_fit, strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=1e-5)


def test_batches_are_whole_and_without_repetition():
    batches = training.cut_batches(np.arange(100, 150), 16, np.random.default_rng(0))
    assert batches.shape == (3, 16)
    assert len(set(batches.ravel())) == 48 and batches.min() >= 100


def bags(number, vocab_size=12, num_classes=3, words=6):
    """Texts whose class is that of most of their words."""
    ids = RNG.integers(vocab_size, size=(number, words))
    counts = np.zeros((number, vocab_size), dtype=np.float32)
    np.add.at(counts, (np.arange(number)[:, None], ids), 1)
    by_class = counts.reshape(number, -1, num_classes).sum(axis=1)
    return Bags(sparse.csr_matrix(counts / words), by_class.argmax(axis=1))


def test_networks_side_by_side_train_as_each_would_alone():
    shares, labels = bags(96)
    rates = [0.01, 0.1]
    networks = training._SideBySide([2, 4], rates, 12, 5, 3, seed=0)
    alone = {}
    for place, dim in enumerate((2, 4)):
        for copy, rate in enumerate(rates):
            model = keras.Sequential(
                [
                    keras.layers.Dense(dim, use_bias=False),  # shares times the table
                    keras.layers.Dense(5, activation="relu"),
                    keras.layers.Dense(3),
                ]
            )
            model.build((None, 12))
            model.set_weights([each.squeeze() for each in networks.weights_of(place, copy)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
            alone[place, copy] = model
    np.testing.assert_array_equal(  # the same start for all rates, another for another seed
        networks.weights_of(0, 0)[0], networks.weights_of(0, 1)[0]
    )
    other = training._SideBySide([2, 4], rates, 12, 5, 3, seed=1)
    assert not np.array_equal(networks.weights_of(0, 0)[0], other.weights_of(0, 0)[0])
    for batch in np.arange(96).reshape(6, 16):
        networks.step(shares[batch], labels[batch])
        for model in alone.values():
            model.train_on_batch(shares[batch].toarray(), labels[batch])
    for (place, copy), model in alone.items():
        ours = [each.squeeze() for each in networks.weights_of(place, copy)]
        for mine, keras_own in zip(ours, model.get_weights(), strict=True):
            np.testing.assert_allclose(mine, keras_own, atol=2e-3)


def test_averages_learn_and_choose_by_validation():
    parts = [bags(number) for number in (512, 100, 200)]
    found = training.train_averages(
        *parts,
        [1, 4],
        rates=(1e-5, 0.05),
        max_epochs=12,
        patience=4,
        hidden_units=8,
        batch_size=64,
    )
    assert found[4].right.shape == (200,)
    assert found[4].right.mean() > 0.85 and found[1].right.mean() > 0.4
    assert found[4].rate == 0.05  # 1e-5 learns nothing in twelve epochs
    assert 1 < found[4].epoch <= 12
    answers_by_chance = Bags(parts[1].shares, RNG.permutation(parts[1].labels))
    misled = training.train_averages(
        parts[0], answers_by_chance, parts[2], [4], rates=(0.05,), max_epochs=12, patience=2
    )
    assert misled[4].epoch < 12  # it stops, since on such validation texts nothing gains for long
