"""How long a training step takes, table frozen or not: for evidence 6.

``make long-run RUN=table_times`` times three small models in turns, twelve
rounds long (a minute), and writes ``table_times.npz`` beside this file.
Evidence 6 judges that. Stored, since times differ from one machine, and
one hour, to the next.
"""

import time
from pathlib import Path

import helpers  # noqa: F401  (sets the backend before keras is imported)
import keras
import numpy as np
from keras import layers

STORED = Path(__file__).with_suffix(".npz")
ROUNDS, STEPS = 12, 20
VOCAB_SIZE, DIM, BATCH_SIZE, NUM_WORDS = 5_000, 300, 200, 200


def build_models() -> dict[str, keras.Model]:
    """Build the models, by name; each has taken its first step."""
    models = {}
    for name in ("trainable", "frozen", "cached"):
        output = layers.Dense(1, activation="sigmoid")
        if name == "cached":  # the averages were computed once
            model = keras.Sequential([keras.Input((DIM,)), output])
        else:
            trains = name == "trainable"
            embedding = layers.Embedding(
                VOCAB_SIZE, DIM, mask_zero=True, trainable=trains
            )
            inputs = keras.Input((NUM_WORDS,), dtype="int32")
            average = layers.GlobalAveragePooling1D()
            model = keras.Sequential([inputs, embedding, average, output])
        model.compile("adam", "binary_crossentropy", jit_compile=False)
        seconds_of_a_step(model)  # compiles
        models[name] = model
    return models


def seconds_of_a_step(model: keras.Model) -> float:
    """Take a training step; return the time that the cores worked."""
    rng = np.random.default_rng(7)
    if model.input_shape[1] == NUM_WORDS:
        batch = rng.integers(1, VOCAB_SIZE, size=(BATCH_SIZE, NUM_WORDS))
    else:
        batch = rng.normal(size=(BATCH_SIZE, DIM))
    answers = np.arange(BATCH_SIZE) % 2
    start = time.process_time()
    model.train_on_batch(batch, answers)
    return time.process_time() - start


def time_round(
    models: dict[str, keras.Model], steps: int = STEPS
) -> dict[str, float]:
    """Return the median time of a step of each model, taken in turns."""
    times = [
        [seconds_of_a_step(model) for model in models.values()]
        for _ in range(steps)
    ]
    return dict(zip(models, np.median(times, axis=0), strict=True))


def load_times() -> dict[str, np.ndarray]:
    """Load the stored times by model, each of shape (rounds,)."""
    with np.load(STORED) as stored:
        return dict(stored)


def main() -> None:
    """Time all rounds and store them."""
    models = build_models()
    rounds = [time_round(models) for _ in range(ROUNDS)]
    times = {name: [each[name] for each in rounds] for name in models}
    np.savez_compressed(STORED, **times)


if __name__ == "__main__":
    main()
