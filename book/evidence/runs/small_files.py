"""What int8 files lose: a run of evidence 18.

``make long-run RUN=small_files`` trains the average of embeddings of
chapter 4 eight times on each of two tasks, writes it as an int8 LiteRT
file, asks file and model about the test texts (some five minutes), and
writes ``small_files.npz`` beside this file. Evidence 18 judges that, and
repeats the first run. To see whether its verdict stands with other starts::

    cd book/evidence/runs
    python small_files.py --first-run 1000 --output other.npz
"""

import argparse
import logging
import tempfile
from pathlib import Path
from typing import NamedTuple

import helpers  # noqa: F401  (sets the backend before keras is imported)
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from helpers import data
from tqdm import tqdm

STORED = Path(__file__).with_suffix(".npz")
RUNS = 8
VOCAB_SIZE, DIM, RATE = 10_000, 16, 0.01
KINDS = ("Keras", "int8", "int8 by rows")
INT8 = {"optimizations": [tf.lite.Optimize.DEFAULT]}


class Setting(NamedTuple):
    """How long texts are read and networks trained, at most."""

    num_words: int
    epochs: int


SETTINGS = {"IMDB": Setting(400, 5), "TREC": Setting(24, 12)}
LOADERS = {"IMDB": data.load_imdb, "TREC": data.load_trec}


class Task(NamedTuple):
    """Train, validation and test part as ids, and their labels."""

    ids: list[np.ndarray]
    labels: list[np.ndarray]


def read_task(name: str) -> Task:
    """Turn a task's texts into ids, with the training texts' words."""
    splits = LOADERS[name]()
    vectorize = keras.layers.TextVectorization(
        VOCAB_SIZE, output_sequence_length=SETTINGS[name].num_words
    )
    vectorize.adapt(splits.train.texts, batch_size=1024)
    parts = (splits.train, splits.validation, splits.test)
    ids = [vectorize(part.texts).numpy().astype("int32") for part in parts]
    return Task(ids, [part.labels for part in parts])


def train_average(task: Task, epochs: int, seed: int) -> keras.Model:
    """Train an average of embeddings; keep its best epoch."""
    keras.utils.set_random_seed(seed)
    num_words = task.ids[0].shape[1]
    num_classes = int(task.labels[0].max()) + 1
    model = keras.Sequential(
        [
            keras.Input((num_words,), dtype="int32", name="ids"),
            keras.layers.Embedding(VOCAB_SIZE, DIM, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(num_classes, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(RATE),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    keep = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=2, mode="max", restore_best_weights=True
    )
    model.fit(
        task.ids[0],
        task.labels[0],
        validation_data=(task.ids[1], task.labels[1]),
        epochs=epochs,
        batch_size=128,
        callbacks=[keep],
        verbose=0,
    )
    return model


def export(model: keras.Model, file: Path, **options: list) -> Path:
    """Write a LiteRT file, without notes of its progress."""
    logging.getLogger("tensorflow").setLevel("WARNING")
    model.export(file, format="litert", verbose=False, **options)
    return file


def ask(file: Path, ids: np.ndarray) -> np.ndarray:
    """Let LiteRT's interpreter answer texts, shape (texts, classes)."""
    runner = Interpreter(str(file), num_threads=1).get_signature_runner()
    [answers] = runner(ids=ids).values()
    return answers


class Answers(NamedTuple):
    """What one run found.

    Attributes
    ----------
    right : dict of str to ndarray of bool, shape (test texts,)
        For each of `KINDS`, which test texts are answered rightly.
    int8_file : Path
    """

    right: dict[str, np.ndarray]
    int8_file: Path


def train_run(name: str, task: Task, run: int, folder: Path) -> Answers:
    """Train a model, write its files, and ask all three."""
    model = train_average(task, SETTINGS[name].epochs, run)
    by_rows = keras.models.clone_model(model)
    by_rows.set_weights(model.get_weights())
    by_rows.quantize(
        "int8", filters=lambda layer: "embedding" in layer.name
    )
    int8_file = export(model, folder / f"{name}.tflite", **INT8)
    rows_file = export(by_rows, folder / f"{name} by rows.tflite")
    test = task.ids[2]
    answers = (
        model(test).numpy(),
        ask(int8_file, test),
        ask(rows_file, test),
    )
    right = [each.argmax(axis=1) == task.labels[2] for each in answers]
    return Answers(dict(zip(KINDS, right, strict=True)), int8_file)


def load_runs(path: Path = STORED) -> dict[tuple[str, str], np.ndarray]:
    """Load by task and kind who was right, shape (runs, test texts)."""
    with np.load(path) as stored:
        return {tuple(key.split("|")): stored[key] for key in stored}


def main() -> None:
    """Train all runs and save them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SETTINGS:
            task = read_task(name)
            runs = [
                train_run(name, task, run, Path(folder)).right
                for run in tqdm(
                    range(options.first_run, options.first_run + RUNS), name
                )
            ]
            for kind in KINDS:
                found[f"{name}|{kind}"] = np.array(
                    [run[kind] for run in runs]
                )
    np.savez_compressed(options.output, **found)


if __name__ == "__main__":
    main()
