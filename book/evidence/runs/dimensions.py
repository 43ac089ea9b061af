"""How many dimensions a classifier wants: the long run of evidence 5.

``make long-run RUN=dimensions`` trains averages of embeddings with many
dimensions, twelve times on two tasks (about forty minutes), and writes
``dimensions.npz`` beside this file. Evidence 5 judges that, and repeats a
part of it. To see whether its verdicts stand with other texts and starts::

    cd book/evidence/runs
    python dimensions.py --first-run 1000 --output other.npz
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from helpers import data, training
from helpers.training import Bags, Trained
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize
from tqdm import tqdm

STORED = Path(__file__).with_suffix(".npz")

TASKS = ("IMDB", "20 Newsgroups")
WINDOWS = {  # the verdict stands at the end, the topic at the beginning
    "IMDB": slice(-60, None),
    "20 Newsgroups": slice(60),
}
NUM_TEXTS = 8_000  # from which each run draws its own
RUNS = 12
DIMS = {  # by size of the vocabulary, one in each band of the table
    3_000: (8, 12, 50, 128, 300),
    10_000: (8, 25, 100, 400),
    20_000: (50, 200),
}
FEW_DIMS = (8, 100)  # with few labels, and the middle vocabulary
MANY_LABELS, FEW_LABELS = 6_000, 600
RATES = (0.001, 0.0025, 0.006, 0.015)
SETTINGS = {
    MANY_LABELS: {"batch_size": 512, "max_epochs": 40, "patience": 4},
    FEW_LABELS: {"batch_size": 64, "max_epochs": 60, "patience": 8},
}


class Task(NamedTuple):
    """Sixty words of each text: training, validation and test part.

    Attributes
    ----------
    texts : list of list of str
    counts : list of sparse arrays, each (texts, words)
        Columns by falling frequency in the training part.
    labels : list of ndarray of int
    """

    texts: list[list[str]]
    counts: list[sparse.csr_matrix]
    labels: list[np.ndarray]


def read_task(name: str) -> Task:
    """Read one of `TASKS`."""
    window = WINDOWS[name]
    splits = data.load_imdb() if name == "IMDB" else data.load_newsgroups()
    parts = (splits.train, splits.validation, splits.test)
    texts = [
        [" ".join(text.split()[window]) for text in part.texts]
        for part in parts
    ]
    labels = [part.labels for part in parts]
    texts[0], labels[0] = texts[0][:NUM_TEXTS], labels[0][:NUM_TEXTS]
    vectorizer = CountVectorizer(dtype=np.float32)
    counts = [
        vectorizer.fit_transform(texts[0]),
        *map(vectorizer.transform, texts[1:]),
    ]
    order = np.argsort(-counts[0].sum(axis=0).A1, kind="stable")
    return Task(texts, [part[:, order] for part in counts], labels)


def train_run(
    task: Task, vocab_size: int, run: int, num_labels: int = MANY_LABELS
) -> dict[int, Trained]:
    """Train one run: own texts, start, batches, rates and epochs."""
    train, validation, test = (
        Bags(normalize(part[:, :vocab_size], norm="l1"), labels)
        for part, labels in zip(task.counts, task.labels, strict=True)
    )
    drawn = training.draw_labels(train.labels, num_labels, seed=run)
    return training.train_averages(
        Bags(train.shares[drawn], train.labels[drawn]),
        validation,
        test,
        DIMS[vocab_size] if num_labels == MANY_LABELS else FEW_DIMS,
        rates=RATES,
        seed=run,
        **SETTINGS[num_labels],
    )


Key = tuple[str, int, int, int]  # task, words, labels, dimensions


class Runs(NamedTuple):
    """One network a run.

    `validation`, `rates`, `epochs`: (runs,); `right`: (runs, test texts).
    """

    validation: np.ndarray
    right: np.ndarray
    rates: np.ndarray
    epochs: np.ndarray


def load_runs(
    path: Path = STORED,
) -> dict[tuple[str, int, int], dict[int, Runs]]:
    """Load what the long run stored.

    Returns the runs by experiment (task, words, labels) and dimension.
    """
    stored = np.load(path)
    found: dict[tuple[str, int, int], dict[int, Runs]] = {}
    for name in stored["keys"].tolist():
        task, vocab_size, num_labels, dim = name.split("|")
        right = np.unpackbits(
            stored[f"{name}|right"],
            axis=1,
            count=int(stored[f"{task}|texts"]),
        )
        validation, rates, epochs = stored[f"{name}|chosen"]
        runs = Runs(validation, right.astype(bool), rates, epochs)
        experiment = (task, int(vocab_size), int(num_labels))
        found.setdefault(experiment, {})[int(dim)] = runs
    return found


def save_runs(found: dict[Key, list[Trained]], path: Path) -> None:
    """Save networks, one a run, for `load_runs`."""
    arrays = {"keys": np.array(["|".join(map(str, key)) for key in found])}
    for name, (key, runs) in zip(
        arrays["keys"].tolist(), found.items(), strict=True
    ):
        chosen = [(each.validation, each.rate, each.epoch) for each in runs]
        arrays[f"{name}|chosen"] = np.transpose(chosen)
        arrays[f"{name}|right"] = np.packbits(
            [each.right for each in runs], axis=1
        )
        arrays[f"{key[0]}|texts"] = len(runs[0].right)
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train all runs and save them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    arguments = parser.parse_args()
    experiments = [(vocab_size, MANY_LABELS) for vocab_size in DIMS]
    experiments.append((10_000, FEW_LABELS))
    found: dict[Key, list[Trained]] = {}
    for name in TASKS:
        task = read_task(name)
        for run in tqdm(range(RUNS), desc=name):
            for vocab_size, num_labels in experiments:
                by_dim = train_run(
                    task, vocab_size, arguments.first_run + run, num_labels
                )
                for dim, trained in by_dim.items():
                    key = (name, vocab_size, num_labels, dim)
                    found.setdefault(key, []).append(trained)
    save_runs(found, arguments.output)


if __name__ == "__main__":
    main()
