"""How long a training step of an LSTM and of a GRU takes: for evidence 10.

``make long-run RUN=step_times`` times both in turns, twelve rounds long (a
minute or two), and writes ``step_times.npz`` beside this file. Evidence 10
judges that. Stored, since times differ from one machine, and one hour, to
the next.
"""

import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

STORED = Path(__file__).with_suffix(".npz")
ROUNDS, STEPS = 12, 60
VOCAB_SIZE, BATCH_SIZE, NUM_WORDS = 10_000, 64, 60


def build_models() -> dict[str, keras.Model]:
    """Build the two networks, by name; each has taken its first step."""
    models = {}
    for layer in (layers.LSTM(64), layers.GRU(64)):
        model = keras.Sequential(
            [
                layers.Embedding(VOCAB_SIZE, 64, mask_zero=True),
                layer,
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", "binary_crossentropy")
        seconds_of_a_step(model)  # compiles
        models[type(layer).__name__] = model
    return models


def seconds_of_a_step(model: keras.Model) -> float:
    """Take a training step; return the time that the cores worked."""
    rng = np.random.default_rng(7)
    batch = rng.integers(1, VOCAB_SIZE, size=(BATCH_SIZE, NUM_WORDS))
    answers = np.ones(BATCH_SIZE)
    start = time.process_time()
    model.train_on_batch(batch, answers)
    return time.process_time() - start


def time_round(
    models: dict[str, keras.Model], steps: int = STEPS
) -> np.ndarray:
    """Return the median time of a step of each model, taken in turns."""
    times = [
        [seconds_of_a_step(model) for model in models.values()]
        for _ in range(steps)
    ]
    return np.median(times, axis=0)


def main() -> None:
    """Time all rounds and store them: one row a round, LSTM and GRU."""
    models = build_models()
    seconds = [time_round(models) for _ in range(ROUNDS)]
    np.savez_compressed(STORED, names=[*models], seconds=seconds)


if __name__ == "__main__":
    main()
