"""Eight networks behind a table of the same size: a run of evidence 3.

``make long-run RUN=consumers`` trains each network five times, each run
with its own draw of the training sentences and two learning rates (about
two minutes), and writes ``consumers.npz`` beside this file: validation
accuracy after each epoch, and which test sentences the best epoch gets
right.
Evidence 3 judges that, and repeats a part.
To see whether its verdict stands with other draws and starts::

    cd book/evidence/runs
    python consumers.py --first-run 1000 --output other.npz
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from helpers import data, training
from keras import layers

STORED = Path(__file__).with_suffix(".npz")
RUNS, EPOCHS, BATCH_SIZE = 5, 3, 200
RATES = (0.003, 0.01)
TRAIN_SIZE, VOCAB_SIZE, LENGTH, DIM = 6_000, 8_000, 24, 32


def average(x: keras.KerasTensor) -> keras.KerasTensor:
    """Average over the words, without the padding if there is a mask."""
    return layers.GlobalAveragePooling1D()(x)


def convolution(x: keras.KerasTensor) -> keras.KerasTensor:
    """Look at three words at a time, and take the largest answers."""
    x = layers.Conv1D(32, 3, activation="relu")(x)
    return layers.GlobalMaxPooling1D()(x)


def transformer_block(x: keras.KerasTensor) -> keras.KerasTensor:
    """Attend, add, normalize; then the same with dense layers; average."""
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=16)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    dense = layers.Dense(32)(layers.Dense(64, activation="relu")(x))
    return average(layers.LayerNormalization()(layers.Add()([x, dense])))


HEADS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "SimpleRNN": lambda x: layers.SimpleRNN(32)(x),
    "LSTM": lambda x: layers.LSTM(32)(x),
    "GRU": lambda x: layers.GRU(32)(x),
    "CNN": convolution,
    "Transformer block": transformer_block,
    "attention": lambda x: average(layers.Attention()([x, x])),
    "dense after Flatten": lambda x: layers.Flatten()(x),
    "dense after pooling": average,
}
NO_MASK = {"CNN", "dense after Flatten"}  # they cannot use one


def read_sentences() -> list[tuple[np.ndarray, np.ndarray]]:
    """Number the words; ids and labels of the three parts."""
    sentences = data.load_rotten_tomatoes()
    to_ids = layers.TextVectorization(
        max_tokens=VOCAB_SIZE, output_sequence_length=LENGTH
    )
    to_ids.adapt(sentences.train.texts, batch_size=1024)
    return [(to_ids(part.texts).numpy(), part.labels) for part in sentences]


def build(name: str) -> keras.Model:
    """Put one of the networks behind a table, and one answer behind it."""
    inputs = keras.Input((LENGTH,), dtype="int32")
    table = layers.Embedding(VOCAB_SIZE, DIM, mask_zero=name not in NO_MASK)
    pooled = HEADS[name](table(inputs))
    outputs = layers.Dense(1, activation="sigmoid")(pooled)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(), "binary_crossentropy")
    return model


class Trained(NamedTuple):
    """A network's runs.

    Attributes
    ----------
    validation : ndarray of float, shape (runs, rates, epochs)
        Accuracy after each epoch.
    right : ndarray of bool, shape (runs, test sentences)
        Which test sentences the rate and the epoch that are best on the
        validation sentences get right.
    """

    validation: np.ndarray
    right: np.ndarray


def train(
    name: str, parts: list[tuple[np.ndarray, np.ndarray]], runs: range
) -> Trained:
    """Train one of the networks, each run from its own start and draw."""
    (train_x, train_y), validation, test = parts
    model = build(name)
    train_epoch = training.compile_epoch(model)

    def answers_right(part: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        ids, labels = part
        return (model.predict_on_batch(ids)[:, 0] > 0.5) == labels

    accuracy = np.zeros((len(runs), len(RATES), EPOCHS))
    right = []
    for place, run in enumerate(runs):
        drawn = training.draw_labels(train_y, TRAIN_SIZE, seed=run)
        answers = {}
        for column, rate in enumerate(RATES):
            training.restart(model, seed=run, learning_rate=rate)
            rng = np.random.default_rng(run)
            for epoch in range(EPOCHS):
                rows = training.cut_batches(drawn, BATCH_SIZE, rng)
                train_epoch(train_x[rows], train_y[rows])
                accuracy[place, column, epoch] = answers_right(
                    validation
                ).mean()
                answers[column, epoch] = answers_right(test)
        best = np.unravel_index(
            accuracy[place].argmax(), accuracy[place].shape
        )
        right.append(answers[tuple(map(int, best))])
    return Trained(accuracy, np.array(right))


def load_runs(path: Path = STORED) -> dict[str, Trained]:
    """Read the stored runs of all networks, by name."""
    with np.load(path) as stored:
        return {
            name: Trained(
                stored[f"{name}, validation"], stored[f"{name}, right"]
            )
            for name in HEADS
        }


def main() -> None:
    """Train all networks and store their runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    parts = read_sentences()
    runs = range(options.first_run, options.first_run + RUNS)
    arrays = {}
    for name in HEADS:
        trained = train(name, parts, runs)
        arrays[f"{name}, validation"] = trained.validation
        arrays[f"{name}, right"] = trained.right
        print(f"{name}: {trained.right.mean():.3f}", flush=True)
    np.savez_compressed(options.output, **arrays)


if __name__ == "__main__":
    main()
