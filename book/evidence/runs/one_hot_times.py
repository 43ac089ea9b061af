"""How long a step takes, with an embedding or one-hot rows: evidence 13.

``make long-run RUN=one_hot_times`` times both in turns with 2, 20 and 200
categories, twelve rounds of sixty steps (less than a minute), and writes
``one_hot_times.npz`` beside this file: the seconds of every step. Evidence
13 judges them. Stored, since times differ from one machine, and one hour,
to the next; measure them with nothing else running.
"""

import time
from pathlib import Path

import helpers  # noqa: F401  (sets the backend before keras is imported)
import keras
import numpy as np
from keras import layers, ops

STORED = Path(__file__).with_suffix(".npz")
SIZES = 2, 20, 200
ROUNDS, STEPS = 12, 60
BATCH_SIZE = 256


def one_column_network(kind: str, num_categories: int) -> keras.Model:
    """Build a network on an embedding, or on one-hot rows of a column.

    The rows are "dense" or "sparse"; of sparse ones no zeros are stored.
    """
    ids = keras.Input((), dtype="int32")
    if kind == "embedding":
        row = layers.Embedding(num_categories, 16)(ids)
    else:
        one_hot = layers.CategoryEncoding(
            num_categories, output_mode="one_hot", sparse=kind == "sparse"
        )(ops.expand_dims(ids, -1))
        row = layers.Dense(16, use_bias=False)(one_hot)
    outputs = layers.Dense(2, activation="softmax")(row)
    return keras.Model(ids, outputs)


def build_models(num_categories: int) -> dict[str, keras.Model]:
    """Build the two networks that are compared, by kind."""
    models = {}
    for kind in ("embedding", "dense"):
        model = one_column_network(kind, num_categories)
        model.compile(
            "adam", "sparse_categorical_crossentropy", jit_compile=False
        )
        models[kind] = model
    return models


def time_steps(
    models: dict[str, keras.Model],
    num_categories: int,
    rounds: int = ROUNDS,
    steps: int = STEPS,
) -> dict[str, np.ndarray]:
    """Return the seconds of each step, (rounds, steps), by kind.

    The networks take turns, step by step, now the one and now the other
    first.
    """
    rng = np.random.default_rng(7)
    batch = rng.integers(num_categories, size=BATCH_SIZE)
    labels = rng.integers(2, size=BATCH_SIZE)
    for model in models.values():
        model.train_on_batch(batch, labels)  # the first step compiles
    seconds = {kind: np.empty((rounds, steps)) for kind in models}
    for this_round, step in np.ndindex(rounds, steps):
        for kind in sorted(models, reverse=step % 2):
            start = time.perf_counter()
            models[kind].train_on_batch(batch, labels)
            seconds[kind][this_round, step] = time.perf_counter() - start
    return seconds


def load_times() -> dict[int, dict[str, np.ndarray]]:
    """Load the stored seconds of all steps, by categories and by kind."""
    times = {size: {} for size in SIZES}
    with np.load(STORED) as stored:
        for name, seconds in stored.items():
            size, kind = name.split(", ")
            times[int(size)][kind] = seconds
    return times


def main() -> None:
    """Time all steps and store them."""
    times = {}
    for size in SIZES:
        for kind, seconds in time_steps(build_models(size), size).items():
            times[f"{size}, {kind}"] = seconds
    np.savez_compressed(STORED, **times)


if __name__ == "__main__":
    main()
