"""Context, size and speed of the book's models: long runs of evidence 18.

``make long-run RUN=outlook`` does six things (about half an hour on two
idle cores) and writes ``outlook.npz`` beside this file; evidence 18 judges
what it finds:

1. ``context``: MiniLM's vectors of the texts of four tasks, a static
   table distilled from them, averages of GloVe, and a regression on each;
2. ``models``: the book's other classifiers on two of these tasks;
3. ``costs``: the size, memory and time of an answer of each as a file;
4. ``times``: processor time of three classifiers trained in turn, from
   the texts on;
5. ``beginnings``: GloVe's averages of no more than MiniLM reads of the two
   tasks with long texts (a check beside the claim);
6. ``order``: MiniLM's vectors of TREC's questions with their words
   shuffled.

One part alone, or other draws and starts::

    cd book/evidence/runs
    python outlook.py --part times
    python outlook.py --part context --first-run 1000 --output other.npz
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import helpers  # noqa: F401  (sets the backend before keras is imported)
import keras
import numpy as np
from helpers import data, training
from helpers.vectors import embedding_matrix
from keras import layers
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

STORED = Path(__file__).with_suffix(".npz")
LOADERS = {
    "IMDB": data.load_imdb,
    "Rotten Tomatoes sentences": data.load_rotten_tomatoes,
    "TREC": data.load_trec,
    "R8": lambda: data.load_reuters("r8"),
}
DRAWN_TASKS = ("TREC", "IMDB")  # those of parts 2 and 3
LONG_TASKS = ("IMDB", "R8")  # those of part 5
RUNS, DRAW = 3, 1_000
VALIDATION, TEST = 600, 1_500  # at most
PIECES, DIM = 128, 128
INT8 = "distilled, int8"
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1)  # C of the regressions
ROUNDS = 5  # of timing


class Task(NamedTuple):
    """Texts and labels of a task: RUNS draws of DRAW texts train."""

    train: data.TextSet
    validation: data.TextSet
    test: data.TextSet

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return int(self.train.labels.max()) + 1


def draw(part: data.TextSet, number: int, seed: int) -> data.TextSet:
    """Draw texts, each class in its share; all of them if there are few."""
    rows = np.arange(len(part.texts))
    if number < len(rows):
        rows = training.draw_labels(part.labels, number, seed)
    return data.TextSet(
        [part.texts[row] for row in rows], part.labels[rows]
    )


def read_task(name: str, seed: int) -> Task:
    """Draw a task's texts."""
    splits = LOADERS[name]()
    return Task(
        draw(splits.train, RUNS * DRAW, seed),
        draw(splits.validation, VALIDATION, seed),
        draw(splits.test, TEST, seed),
    )


# 1. Context


class Teacher:
    """MiniLM: a text's vector is the average of those of its pieces."""

    def __init__(self) -> None:
        import keras_hub

        folder = str(data.minilm_folder())
        tokenizer = keras_hub.models.BertTokenizer.from_preset(folder)
        self.backbone = keras_hub.models.BertBackbone.from_preset(folder)
        self.cut = keras_hub.models.BertTextClassifierPreprocessor(
            tokenizer, sequence_length=PIECES
        )
        vectors = self.backbone.output["sequence_output"]
        mask = self.backbone.input["padding_mask"]
        pooled = layers.GlobalAveragePooling1D()(vectors, mask=mask)
        unit = layers.UnitNormalization()(pooled)
        self.model = keras.Model(self.backbone.input, unit)
        self.model.compile(jit_compile=False)

    def pieces(self, texts: list[str]) -> np.ndarray:
        """Ids of the pieces, 0 behind the end: (texts, PIECES)."""
        starts = range(0, len(texts), 500)
        cut = [self.cut(texts[at : at + 500])["token_ids"] for at in starts]
        return np.concatenate([np.asarray(rows) for rows in cut])

    def encode(self, pieces: np.ndarray) -> np.ndarray:
        """Encode texts of like lengths together: (texts, 384)."""
        lengths = (pieces > 0).sum(axis=1)
        vectors = np.zeros((len(pieces), 384), "float32")
        shortest = 0
        for longest in (16, 32, 48, 64, 96, PIECES):
            rows = np.flatnonzero(
                (lengths > shortest) & (lengths <= longest)
            )
            shortest = longest
            if len(rows):
                ids = pieces[rows, :longest]
                inputs = {
                    "token_ids": ids,
                    "padding_mask": (ids > 0).astype("int32"),
                    "segment_ids": np.zeros_like(ids),
                }
                vectors[rows] = self.model.predict(
                    inputs, batch_size=32, verbose=0
                )
        return vectors

    def encode_alone(self) -> np.ndarray:
        """Encode each piece of the vocabulary as if it were a text."""
        tokenizer = self.cut.tokenizer
        size = tokenizer.vocabulary_size()
        ids = np.zeros((size, 3), "int32")
        ids[:, 0] = tokenizer.cls_token_id
        ids[:, 1] = np.arange(size)
        ids[:, 2] = tokenizer.sep_token_id
        inputs = {
            "token_ids": ids,
            "padding_mask": np.ones_like(ids),
            "segment_ids": np.zeros_like(ids),
        }
        return self.model.predict(inputs, batch_size=256, verbose=0)


class Glove:
    """GloVe 840B: averages of a text's vectors, weighted by idf or not."""

    def __init__(self) -> None:
        vectors = data.load_glove_840b()
        rows: dict[str, int] = {}
        for row, word in enumerate(vectors.words):
            rows.setdefault(word.lower(), row)
        self.matrix = np.asarray(vectors.matrix)[[*rows.values()]]
        self.counter = CountVectorizer(
            vocabulary=[*rows], token_pattern=r"\w+"
        )

    def count(self, texts: list[str]) -> sparse.csr_matrix:
        """How often each text has each word."""
        return self.counter.transform(texts).astype("float32")

    def average(
        self, counts: sparse.csr_matrix, weights: np.ndarray
    ) -> np.ndarray:
        """Average; texts without a known word get zeros."""
        weighted = counts.multiply(weights).tocsr()
        total = np.asarray(weighted.sum(axis=1))
        return (weighted @ self.matrix) / np.maximum(total, 1e-9)


def idf(counts: sparse.csr_matrix) -> np.ndarray:
    """Inverse document frequency of each word in the training texts."""
    texts = counts.shape[0]
    return np.log((1 + texts) / (1 + counts.getnnz(axis=0))) + 1


def choose(features: list[np.ndarray], labels: list[np.ndarray]) -> tuple:
    """Fit to the first part, choose C on the second, answer the third.

    Returns the validation accuracy, C, and which test texts are right.
    """
    best = (-1.0, 0.0, np.zeros(0))
    for strength in STRENGTHS:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=500)
        )
        model.fit(features[0], labels[0])
        score = model.score(features[1], labels[1])
        if score > best[0]:
            right = model.predict(features[2]) == labels[2]
            best = (score, strength, right)
    return best


def build_student(table: np.ndarray) -> keras.Model:
    """Build an average of rows."""
    ids = keras.Input((None,), dtype="int32", name="pieces")
    rows = layers.Embedding(*table.shape, weights=table, mask_zero=True)(
        ids
    )
    return keras.Model(ids, layers.GlobalAveragePooling1D()(rows))


def distill(
    table: np.ndarray,
    pieces: list[np.ndarray],
    targets: list[np.ndarray],
    seed: int,
) -> tuple[keras.Model, list[float]]:
    """Fit a static table to the teacher's vectors; keep the best epoch.

    The first part trains, the second, validation texts, chooses the rate
    and the number of epochs by the mean cosine. Returns the model and the
    cosines by epoch of the chosen rate.
    """
    best, kept, curve = -1.0, None, []
    for rate in (5e-4, 2e-3):
        keras.utils.set_random_seed(seed)
        student = build_student(table)
        student.compile(
            keras.optimizers.Adam(rate),
            keras.losses.CosineSimilarity(),
            jit_compile=False,
        )
        cosines = []
        for _ in range(8):
            student.fit(
                pieces[0], targets[0], batch_size=64, epochs=1, verbose=0
            )
            loss = student.evaluate(
                pieces[1], targets[1], batch_size=512, verbose=0
            )
            cosines.append(-loss)
            if cosines[-1] > best:
                best, curve = cosines[-1], cosines
                kept = np.array(student.get_weights()[0])
            elif len(cosines) > 2 and cosines[-1] < max(cosines) - 0.002:
                break
    return build_student(kept), curve


def run_context(first_run: int, cache: Path | None) -> dict:
    """MiniLM, a table distilled from it, and GloVe on the four tasks."""
    teacher = Teacher()
    found: dict[str, np.ndarray] = {}
    tasks = {name: read_task(name, first_run) for name in LOADERS}
    pieces, vectors = {}, {}
    for name, task in tasks.items():
        pieces[name] = [teacher.pieces(part.texts) for part in task]
        kept = cache / f"{name}.npz" if cache else None
        start = time.perf_counter()
        if kept and kept.exists():
            with np.load(kept) as stored:
                vectors[name] = [stored[part] for part in Task._fields]
        else:
            vectors[name] = [teacher.encode(rows) for rows in pieces[name]]
            if kept:
                parts = dict(zip(Task._fields, vectors[name], strict=True))
                np.savez(kept, **parts)
        print(name, f"{time.perf_counter() - start:.0f} s", flush=True)

    # The teacher's vectors, turned to their DIM largest directions.
    everything = np.concatenate([vectors[name][0] for name in tasks])
    _, _, turned = np.linalg.svd(
        everything[::4] - everything.mean(axis=0), full_matrices=False
    )
    directions = turned[:DIM].T
    table = teacher.encode_alone()
    texts_of = [
        np.concatenate([pieces[name][part] for name in tasks])
        for part in (0, 1)
    ]
    wanted = [
        np.concatenate([vectors[name][part] for name in tasks]) @ directions
        for part in (0, 1)
    ]
    student, curve = distill(
        table @ directions, texts_of, wanted, first_run
    )
    found["distilled/curve"] = np.array(curve)
    print("distilled", np.round(curve, 3), flush=True)
    small = build_student(student.get_weights()[0])
    small.quantize("int8", filters="embedding")

    def ask(model: keras.Model, name: str) -> list[np.ndarray]:
        return [
            model.predict(rows, batch_size=256, verbose=0)
            for rows in pieces[name]
        ]

    glove = Glove()
    for name, task in tasks.items():
        answers = ask(student, name)
        cut = vectors[name][2] @ directions
        cosines = (answers[2] * cut).sum(axis=1)
        cosines /= np.linalg.norm(cut, axis=1)
        cosines /= np.linalg.norm(answers[2], axis=1)
        found[f"{name}/cosine"] = cosines.mean()
        features = {
            "MiniLM": vectors[name],
            "MiniLM, cut": [part @ directions for part in vectors[name]],
            "distilled": answers,
            INT8: ask(small, name),
        }
        labels = [part.labels for part in task]
        counts = [glove.count(part.texts) for part in task]
        draws = [slice(run * DRAW, (run + 1) * DRAW) for run in range(RUNS)]
        for rows in [*draws, slice(None)]:
            weights = {
                "GloVe": np.ones(len(glove.matrix)),
                "GloVe, idf": idf(counts[0][rows]),
            }
            for kind, each in weights.items():
                features[kind] = [
                    glove.average(part, each) for part in counts
                ]
            for kind, parts in features.items():
                if rows != slice(None) and kind in ("MiniLM, cut", INT8):
                    continue
                chosen = choose(
                    [parts[0][rows], *parts[1:]],
                    [labels[0][rows], *labels[1:]],
                )
                size = "all" if rows == slice(None) else "draws"
                key = f"{name}/{kind}/{size}"
                for what, value in zip(
                    ("validation", "strength", "right"), chosen, strict=True
                ):
                    found.setdefault(f"{key}/{what}", []).append(value)
        print(name, "judged", flush=True)
    return {key: np.array(value) for key, value in found.items()}


def read_beginnings(texts: list[str]) -> list[str]:
    """Cut texts to the words whose pieces MiniLM reads."""
    import keras_hub

    folder = str(data.minilm_folder())
    tokenizer = keras_hub.models.BertTokenizer.from_preset(folder)
    pieces = tokenizer(texts)  # of each text, with no marks around them
    first = [[*row[: PIECES - 2]] for row in pieces]
    return list(tokenizer.detokenize(first))


def run_beginnings(first_run: int) -> dict:
    """Judge GloVe on the beginnings of the long texts."""
    found: dict[str, np.ndarray] = {}
    glove = Glove()
    for name in LONG_TASKS:
        task = read_task(name, first_run)
        counts = [glove.count(read_beginnings(part.texts)) for part in task]
        labels = [part.labels for part in task]
        for run in range(RUNS):
            rows = slice(run * DRAW, (run + 1) * DRAW)
            weights = {
                "GloVe": np.ones(len(glove.matrix)),
                "GloVe, idf": idf(counts[0][rows]),
            }
            for kind, each in weights.items():
                parts = [glove.average(part, each) for part in counts]
                chosen = choose(
                    [parts[0][rows], *parts[1:]],
                    [labels[0][rows], *labels[1:]],
                )
                key = f"{name}/{kind}/beginnings"
                found.setdefault(f"{key}/validation", []).append(chosen[0])
                found.setdefault(f"{key}/right", []).append(chosen[2])
        print(name, "beginnings judged", flush=True)
    return {key: np.array(value) for key, value in found.items()}


def shuffle_words(texts: list[str], seed: int) -> list[str]:
    """Put the words of each text into any order."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.permutation(text.split())) for text in texts]


def run_order(first_run: int) -> dict:
    """Judge MiniLM on questions without their order, in all parts."""
    teacher, task = Teacher(), read_task("TREC", first_run)
    vectors = [
        teacher.encode(teacher.pieces(shuffle_words(part.texts, seed)))
        for seed, part in enumerate(task, start=first_run)
    ]
    labels = [part.labels for part in task]
    right = []
    for run in range(RUNS):
        rows = slice(run * DRAW, (run + 1) * DRAW)
        chosen = choose(
            [vectors[0][rows], *vectors[1:]], [labels[0][rows], *labels[1:]]
        )
        right.append(chosen[2])
    print("order judged", flush=True)
    return {"TREC/MiniLM, shuffled/draws/right": np.array(right)}


# 2. The book's other models


def build_network(
    kind: str,
    num_classes: int,
    num_words: int,
    rate: float = 0.01,
    vocab_size: int = 10_000,
) -> keras.Model:
    """Build one of the book's classifiers; its answer are logits."""
    dim = 16 if kind == "average" else 64
    ids = keras.Input((num_words,), dtype="int32", name="ids")
    masked = kind in ("average", "GRU")
    rows = layers.Embedding(vocab_size, dim, mask_zero=masked)(ids)
    if kind == "average":
        text = layers.GlobalAveragePooling1D()(rows)
    elif kind == "convolution":
        maps = layers.Conv1D(64, 5, padding="same", activation="relu")(rows)
        text = layers.GlobalMaxPooling1D()(maps)
    elif kind == "GRU":
        text = layers.GRU(64)(rows)
    else:
        order = keras.ops.cumsum(keras.ops.ones_like(ids), axis=1) - 1
        places = layers.Embedding(num_words, dim)(order)
        rows = rows + places
        seen = keras.ops.not_equal(ids, 0)[:, None]
        met = layers.MultiHeadAttention(2, 32)(
            rows, rows, attention_mask=seen
        )
        rows = layers.LayerNormalization()(rows + met)
        wide = layers.Dense(128, activation="relu")(rows)
        rows = layers.LayerNormalization()(rows + layers.Dense(dim)(wide))
        text = layers.GlobalAveragePooling1D()(rows, mask=seen[:, 0])
    text = layers.Dropout(0.3)(text)
    model = keras.Model(ids, layers.Dense(num_classes)(text))
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


NETWORKS = {  # learning rates to choose from
    "average": (3e-3, 1e-2),
    "convolution": (1e-3, 3e-3),
    "GRU": (1e-3, 3e-3),
    "Transformer": (5e-4, 2e-3),
}
NUM_WORDS = {"TREC": 24, "IMDB": 120}


def turn_into_ids(task: Task, num_words: int) -> list[np.ndarray]:
    """Number the words, known from the training texts."""
    vectorize = layers.TextVectorization(
        10_000, output_sequence_length=num_words
    )
    vectorize.adapt(task.train.texts, batch_size=1024)
    return [vectorize(part.texts).numpy().astype("int32") for part in task]


def train_network(
    model: keras.Model,
    rates: tuple[float, ...],
    rows: list[np.ndarray],
    task: Task,
    seed: int,
) -> tuple[float, float, np.ndarray]:
    """Choose rate and epoch on the validation texts, answer the test."""
    best = (-1.0, 0.0, np.zeros(0))
    for rate in rates:
        training.restart(model, seed, rate)
        scores: list[float] = []
        for _ in range(12):
            model.fit(rows[0], task.train.labels, batch_size=128, verbose=0)
            answers = model.predict(rows[1], batch_size=512, verbose=0)
            scores.append(
                float(
                    (
                        answers.argmax(axis=1) == task.validation.labels
                    ).mean()
                )
            )
            if scores[-1] > best[0]:
                answers = model.predict(rows[2], batch_size=512, verbose=0)
                right = answers.argmax(axis=1) == task.test.labels
                best = (scores[-1], rate, right)
            if len(scores) - 1 - int(np.argmax(scores)) >= 2:
                break
    return best


def fit_bag(train: data.TextSet, strength: float) -> Pipeline:
    """Fit tf-idf of words and pairs, with a logistic regression."""
    few = len(train.texts) < 5_000
    return make_pipeline(
        TfidfVectorizer(
            ngram_range=(1, 2),
            min_df=2 if few else 5,
            sublinear_tf=True,
            token_pattern=r"\w+",
        ),
        LogisticRegression(C=strength, max_iter=500),
    ).fit(train.texts, train.labels)


def best_bag(task: Task) -> tuple[float, float, np.ndarray, Pipeline]:
    """Choose the strength on the validation texts, answer the test."""
    found = []
    for strength in (1, 10, 100):
        bag = fit_bag(task.train, strength)
        score = bag.score(task.validation.texts, task.validation.labels)
        found.append((score, strength, bag))
    score, strength, bag = max(found, key=lambda each: each[0])
    right = bag.predict(task.test.texts) == task.test.labels
    return score, strength, right, bag


def run_models(first_run: int) -> dict:
    """Train the book's other models on 3,000 texts of two tasks."""
    found: dict[str, np.ndarray] = {}
    for name in DRAWN_TASKS:
        task = read_task(name, first_run)
        right = best_bag(task)[2]
        found[f"{name}/tf-idf of pairs/right"] = np.array([right])
        rows = turn_into_ids(task, NUM_WORDS[name])
        for kind, rates in NETWORKS.items():
            model = build_network(kind, task.num_classes, NUM_WORDS[name])
            runs = [
                train_network(model, rates, rows, task, first_run + run)
                for run in range(RUNS)
            ]
            found[f"{name}/{kind}/right"] = np.array(
                [run[2] for run in runs]
            )
            found[f"{name}/{kind}/validation"] = np.array(
                [run[0] for run in runs]
            )
            found[f"{name}/{kind}/rates"] = np.array(
                [run[1] for run in runs]
            )
            print(
                name, kind, found[f"{name}/{kind}/right"].mean(), flush=True
            )
    return found


# 3. What an answer costs

MEASURE_MEMORY = """
import re
import numpy as np
{imports}

def peak():  # of a process under Linux, in kB
    status = open("/proc/self/status").read()
    return int(re.search("VmHWM:\\\\s*(.*) kB", status)[1])

before = peak()
{work}
print((peak() - before) * 1024 / 1e6)
"""
IMPORT_FILE = "from ai_edge_litert.interpreter import Interpreter"
IMPORT_BAG = """
import joblib, sklearn.linear_model, sklearn.pipeline
import sklearn.feature_extraction.text
"""
ASK_FILE = """
runner = Interpreter({file!r}, num_threads=1).get_signature_runner()
for ids in np.load({rows!r})[:, None]:
    runner({key}=ids)
"""
ASK_BAG = """
bag = joblib.load({file!r})
for text in open({rows!r}, encoding="utf-8"):
    bag.predict([text])
"""


def measure_memory(imports: str, work: str) -> float:
    """Megabytes that a fresh process needs beyond its imports."""
    program = MEASURE_MEMORY.format(imports=imports, work=work)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def median_time(answer: Callable, items: list) -> float:
    """Median time of this thread for one answer."""
    answer(items[0])
    times = []
    for item in items:
        start = time.thread_time()
        answer(item)
        times.append(time.thread_time() - start)
    return float(np.median(times))


def with_dense(
    text: keras.KerasTensor, ids: keras.KerasTensor, number: int
):
    """Put a layer for the answer on a text's vector."""
    return keras.Model(ids, layers.Dense(number)(text))


def models_as_files(name: str, task: Task, teacher: Teacher) -> Iterator:
    """Yield a name, a Keras model, and rows of ids to ask it with."""
    number = task.num_classes
    rows = turn_into_ids(task, NUM_WORDS[name])[2][:200]
    for kind in NETWORKS:
        yield kind, build_network(kind, number, NUM_WORDS[name]), rows
    glove = data.load_glove_840b()
    words = ["", "[UNK]", *{word.lower() for word in glove.words}]
    table = embedding_matrix(words, glove)[0]
    rng = np.random.default_rng(0)
    shape = (200, NUM_WORDS[name])
    any_words = rng.integers(2, len(words), shape).astype("int32")
    ids = keras.Input((NUM_WORDS[name],), dtype="int32", name="ids")
    vectors = layers.Embedding(*table.shape, weights=table, mask_zero=True)
    text = layers.GlobalAveragePooling1D()(vectors(ids))
    yield "GloVe", with_dense(text, ids, number), any_words

    length = 32 if name == "TREC" else PIECES
    pieces = teacher.pieces(task.test.texts[:200])[:, :length]
    ids = keras.Input((length,), dtype="int32", name="ids")
    vocab_size = teacher.cut.tokenizer.vocabulary_size()
    for kind in ("distilled", INT8):
        table = layers.Embedding(vocab_size, DIM, mask_zero=True)
        text = layers.GlobalAveragePooling1D()(table(ids))
        model = with_dense(text, ids, number)
        if kind != "distilled":
            model.quantize("int8", filters="embedding")
        yield kind, model, pieces
    mask = keras.ops.cast(keras.ops.not_equal(ids, 0), "int32")
    inputs = {
        "token_ids": ids,
        "segment_ids": keras.ops.zeros_like(ids),
        "padding_mask": mask,
    }
    vectors = teacher.backbone(inputs)["sequence_output"]
    text = layers.GlobalAveragePooling1D()(vectors, mask=mask)
    yield "MiniLM", with_dense(text, ids, number), pieces[:40]


def export(model: keras.Model, file: str) -> None:
    """Write a LiteRT file whose input is one text."""
    import tensorflow as tf

    # A recurrent layer needs a fixed batch, and the built-in operations.
    length = model.input.shape[1]
    model.export(
        file,
        format="litert",
        verbose=False,
        input_signature=[tf.TensorSpec((1, length), "int32", name="ids")],
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
    )


def run_costs(first_run: int) -> dict:
    """Megabytes of the file and of memory, and the time of an answer."""
    from ai_edge_litert.interpreter import Interpreter

    teacher = Teacher()
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in DRAWN_TASKS:
            task = read_task(name, first_run)
            bag = best_bag(task)[3]
            import joblib

            file, rows = f"{scratch}/bag", f"{scratch}/texts"
            joblib.dump(bag, file)
            texts = [
                " ".join(text.split()) for text in task.test.texts[:200]
            ]
            Path(rows).write_text("\n".join(texts), encoding="utf-8")
            found[f"{name}/tf-idf of pairs/costs"] = np.array(
                [
                    os.path.getsize(file) / 1e6,
                    measure_memory(
                        IMPORT_BAG,
                        ASK_BAG.format(file=file, rows=rows),
                    ),
                    median_time(lambda text: bag.predict([text]), texts),  # noqa: B023
                ]
            )
            for kind, model, ids in models_as_files(name, task, teacher):
                file, rows = (
                    f"{scratch}/model.tflite",
                    f"{scratch}/rows.npy",
                )
                export(model, file)
                np.save(rows, ids)
                runner = Interpreter(
                    file, num_threads=1
                ).get_signature_runner()
                [key] = runner.get_input_details()
                found[f"{name}/{kind}/costs"] = np.array(
                    [
                        os.path.getsize(file) / 1e6,
                        measure_memory(
                            IMPORT_FILE,
                            ASK_FILE.format(file=file, rows=rows, key=key),
                        ),
                        median_time(
                            lambda row: runner(**{key: row}),  # noqa: B023
                            [*ids[:, None]],
                        ),
                    ]
                )
                print(name, kind, found[f"{name}/{kind}/costs"], flush=True)
    return found


# 4. Training times


def train_average(splits: data.TextSplits) -> Iterator[Callable]:
    """From the texts on; yield the accuracy after each epoch."""
    vectorize = layers.TextVectorization(10_000, output_sequence_length=400)
    vectorize.adapt(splits.train.texts, batch_size=1024)
    yield from train_epochs("average", vectorize, splits, 0.01)


def train_transformer(splits: data.TextSplits) -> Iterator[Callable]:
    """From the texts on; yield the accuracy after each epoch."""
    vectorize = layers.TextVectorization(10_000, output_sequence_length=120)
    vectorize.adapt(splits.train.texts, batch_size=1024)
    yield from train_epochs("Transformer", vectorize, splits, 1e-3)


def train_epochs(
    kind: str,
    vectorize: layers.TextVectorization,
    splits: data.TextSplits,
    rate: float,
) -> Iterator[Callable]:
    """Train; validation is not counted: the clock stops while we yield."""
    rows = vectorize(splits.train.texts).numpy()
    model = build_network(kind, 2, rows.shape[1], rate)
    while True:
        model.fit(rows, splits.train.labels, batch_size=128, verbose=0)
        yield lambda: np.mean(
            model.predict(
                vectorize(splits.validation.texts).numpy(),
                batch_size=512,
                verbose=0,
            ).argmax(axis=1)
            == splits.validation.labels
        )


def train_bag(splits: data.TextSplits) -> Iterator[Callable]:
    """From the texts on; there is one epoch only."""
    bag = fit_bag(splits.train, 10)
    yield lambda: bag.score(
        splits.validation.texts, splits.validation.labels
    )


METHODS = {
    "average of embeddings": train_average,
    "tf-idf of words and pairs": train_bag,
    "one-block Transformer": train_transformer,
}


def time_to_best_epoch(
    method: Callable, splits: data.TextSplits, seed: int
) -> tuple[float, float, int]:
    """Processor time until the epoch after which accuracy falls."""
    keras.utils.set_random_seed(seed)
    spent, best = 0.0, (0.0, -1.0, 0)
    start = time.process_time()
    for epoch, score in enumerate(method(splits), start=1):
        spent += time.process_time() - start
        accuracy = float(score())
        if accuracy <= best[1]:
            break
        best = (spent, accuracy, epoch)
        start = time.process_time()
    return best


def run_times(first_run: int) -> dict:
    """Train all three in turn, ROUNDS times, after a small round."""
    splits = data.load_imdb()
    few = data.TextSplits(*(draw(part, 600, 0) for part in splits))
    for method in METHODS.values():
        time_to_best_epoch(method, few, 0)  # first calls are slower
    found = np.zeros((ROUNDS, len(METHODS), 3))
    for row in range(ROUNDS):
        for column, method in enumerate(METHODS.values()):
            found[row, column] = time_to_best_epoch(
                method, splits, first_run + row
            )
        print("round", row, found[row].round(2).tolist(), flush=True)
    return {"times": found}


PARTS = ("context", "models", "costs", "times", "beginnings", "order")


def main() -> None:
    """Run the parts that are asked for, and add them to what is stored."""
    logging.getLogger("tensorflow").setLevel("WARNING")
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="keep MiniLM's vectors")
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    for part in options.part or PARTS:
        if part == "context":
            found = run_context(options.first_run, options.cache)
        elif part == "models":
            found = run_models(options.first_run)
        elif part == "costs":
            found = run_costs(options.first_run)
        elif part == "times":
            found = run_times(options.first_run)
        elif part == "beginnings":
            found = run_beginnings(options.first_run)
        else:
            found = run_order(options.first_run)
        stored = {}
        if options.output.exists():
            with np.load(options.output) as before:
                stored = dict(before)
        np.savez_compressed(options.output, **(stored | found))
        print(part, "is done", flush=True)


if __name__ == "__main__":
    main()
