"""How long a step takes with few and with many dimensions: for evidence 5.

``make long-run RUN=dimension_times`` times four small models in turns,
twelve rounds of twelve steps (less than a minute), and writes
``dimension_times.npz`` beside this file: the seconds of every step.
Evidence 5 judges them. Stored, since times differ from one machine, and
one hour, to the next; measure them with nothing else running.
"""

import time
from pathlib import Path

import helpers  # noqa: F401  (sets the backend before keras is imported)
import keras
import numpy as np
from keras import layers

STORED = Path(__file__).with_suffix(".npz")
DIMS = 8, 32, 100, 300
ROUNDS, STEPS = 12, 12
VOCAB_SIZE, BATCH_SIZE, NUM_WORDS = 10_000, 128, 60


def build_models() -> dict[int, keras.Model]:
    """Build a model of each dimension."""
    models = {}
    for dim in DIMS:
        model = keras.Sequential(
            [
                layers.Embedding(VOCAB_SIZE, dim),
                layers.GlobalAveragePooling1D(),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", "binary_crossentropy", jit_compile=False)
        models[dim] = model
    return models


def time_steps(
    models: dict[int, keras.Model], rounds: int = ROUNDS, steps: int = STEPS
) -> dict[int, np.ndarray]:
    """Return the seconds of each step, (rounds, steps), by dimension.

    In each round every model takes its steps, one model after the other.
    """
    rng = np.random.default_rng(7)
    batch = rng.integers(1, VOCAB_SIZE, size=(BATCH_SIZE, NUM_WORDS))
    answers = np.ones(BATCH_SIZE)
    for model in models.values():
        model.train_on_batch(batch, answers)  # the first step compiles
    seconds = {dim: np.empty((rounds, steps)) for dim in models}
    for this_round in range(rounds):
        for dim, model in models.items():
            for step in range(steps):
                start = time.perf_counter()
                model.train_on_batch(batch, answers)
                seconds[dim][this_round, step] = time.perf_counter() - start
    return seconds


def load_times() -> dict[int, np.ndarray]:
    """Load the stored seconds of all steps, by dimension."""
    with np.load(STORED) as stored:
        return {int(dim): seconds for dim, seconds in stored.items()}


def main() -> None:
    """Time all steps and store them."""
    times = time_steps(build_models())
    np.savez_compressed(
        STORED, **{str(dim): seconds for dim, seconds in times.items()}
    )


if __name__ == "__main__":
    main()
