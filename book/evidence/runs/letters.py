"""Parts of speech from letters and from words: a run of evidence 12.

``make long-run RUN=letters`` trains both taggers five times, each run with
its own split of the sentences and two learning rates (about six minutes),
and writes ``letters.npz`` beside this file. Evidence 12 judges that, and
repeats a part. To see whether its verdicts stand with other splits::

    cd book/evidence/runs
    python letters.py --first-run 1000 --output other.npz
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from helpers import data

STORED = Path(__file__).with_suffix(".npz")
RUNS, BATCH_SIZE = 5, 16
RATES = (0.003, 0.006)
EPOCHS = {"characters": 12, "words": 6}
PARTS = (
    3_400,
    500,
)  # sentences to train on and to choose by; test the rest
NUM_LETTERS = 12  # the last ones of a word
ROW = 40  # words in a row, with a neighbor on either side


def lower(form: str) -> str:
    """Lower case in Turkish, which has an i with and one without a dot."""
    return form.replace("I", "ı").replace("İ", "i").lower()


class Treebank(NamedTuple):
    """All sentences in one long row, with an empty word after each.

    Attributes
    ----------
    words : list of str
        In lower case.
    owners : ndarray of int, shape (words,)
        The number of the sentence; -1 for an empty word.
    tags : ndarray of int, shape (words,)
        The part of speech; -1 for an empty word.
    names : list of str
    forms : ndarray of int, shape (words,)
        One number for each different word, from 2; 0 is the empty word.
    letters : ndarray of int, shape (words, 12)
        The last letters of each word, from the right.
    """

    words: list[str]
    owners: np.ndarray
    tags: np.ndarray
    names: list[str]
    forms: np.ndarray
    letters: np.ndarray


def read_treebank() -> Treebank:
    """Read and number the sentences."""
    words, owners, speech = [], [], []
    for number, sentence in enumerate(data.load_turkish()):
        words += [*(lower(token.form) for token in sentence), ""]
        owners += [number] * len(sentence) + [-1]
        speech += [*(token.part_of_speech for token in sentence), ""]
    names = sorted(set(speech) - {""})
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    form_ids, letter_ids = {"": 0, "(unknown)": 1}, {}
    letters = np.zeros((len(words), NUM_LETTERS), dtype=np.int32)
    for place, word in enumerate(words):
        form_ids.setdefault(word, len(form_ids))
        for back, letter in enumerate(
            reversed(word[-NUM_LETTERS:]), start=1
        ):
            code = letter_ids.setdefault(letter, len(letter_ids) + 1)
            letters[place, -back] = code
    return Treebank(
        words,
        np.array(owners),
        np.array([code_of[name] for name in speech]),
        names,
        np.array([form_ids[word] for word in words]),
        letters,
    )


def cut_rows(bank: Treebank, numbers: np.ndarray) -> np.ndarray:
    """Find the places of these sentences' words, shape (rows, 40).

    The first and the last word of a row are neighbors only; the row before
    or after judges them.
    """
    gaps = np.flatnonzero(bank.owners < 0)
    starts = np.r_[0, gaps[:-1] + 1]
    places = np.concatenate(
        [np.arange(starts[n], gaps[n] + 1) for n in numbers]
    )
    num_rows = -(-len(places) // (ROW - 2))
    line = np.full(num_rows * (ROW - 2) + 2, gaps[0])
    line[1 : len(places) + 1] = places
    return np.lib.stride_tricks.sliding_window_view(line, ROW)[:: ROW - 2]


def build_tagger(kind: str, bank: Treebank, rate: float) -> keras.Model:
    """Build the tagger; it is the same once each word is a vector."""
    if kind == "characters":
        inputs = keras.Input((ROW, NUM_LETTERS), dtype="int32")
        x = keras.layers.Embedding(int(bank.letters.max()) + 1, 24)(inputs)
        x = keras.layers.Reshape((ROW, NUM_LETTERS * 24))(x)
        x = keras.layers.Dense(256, activation="relu")(x)
    else:
        inputs = keras.Input((ROW,), dtype="int32")
        x = keras.layers.Embedding(int(bank.forms.max()) + 1, 64)(inputs)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Conv1D(128, 3, activation="relu")(x)
    x = keras.layers.Dropout(0.2)(x)
    x = keras.layers.Dense(len(bank.names), activation="softmax")(x)
    model = keras.Model(inputs, x)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    # XLA is several times slower here.
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    return model


class Tagged(NamedTuple):
    """What a run found.

    Attributes
    ----------
    curves : ndarray, shape (rates, epochs)
        Share of right tags on the validation sentences.
    places : ndarray of int, shape (test words,)
        Where the test words stand in the treebank, in order.
    right, is_new : ndarray of bool, shape (test words,)
        Whether the tag is right at the best rate and epoch, and whether the
        word occurs in no training sentence.
    """

    curves: np.ndarray
    places: np.ndarray
    right: np.ndarray
    is_new: np.ndarray


def split(bank: Treebank, run: int) -> list[np.ndarray]:
    """Draw the sentences to train on, to choose by, and to test."""
    number = int(bank.owners.max()) + 1
    # The split belongs to the stored run: `make reseed` shifts the seeds of
    # `default_rng`, and would train again on sentences of another split.
    order = np.random.Generator(np.random.PCG64(run)).permutation(number)
    return np.split(order, np.cumsum(PARTS))


def train_tagger(kind: str, bank: Treebank, run: int) -> Tagged:
    """Train a tagger with each rate, and test it at its best."""
    train, validation, test = (
        cut_rows(bank, part) for part in split(bank, run)
    )
    inner = train[:, 1:-1]
    seen = np.bincount(
        bank.forms[inner.ravel()], minlength=bank.forms.max() + 1
    )
    seen[0] = 2  # the empty word is no rare word

    def read(rows: np.ndarray, lose: float = 0.0) -> np.ndarray:
        if kind == "characters":
            return bank.letters[rows]
        ids = bank.forms[rows]
        is_lost = (seen[ids] == 1) & (rng.random(ids.shape) < lose)
        return np.where(is_lost | (seen[ids] == 0), 1, ids)

    def judge(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places = rows[:, 1:-1]
        answers = model.predict(read(rows), batch_size=64, verbose=0)
        is_word = bank.owners[places] >= 0
        right = answers.argmax(axis=-1) == bank.tags[places]
        return places[is_word], right[is_word]

    curves, best = np.zeros((len(RATES), EPOCHS[kind])), 0.0
    for number, rate in enumerate(RATES):
        keras.utils.set_random_seed(run)
        rng = np.random.default_rng(run)
        model = build_tagger(kind, bank, rate)
        for epoch in range(EPOCHS[kind]):
            model.fit(
                read(train, lose=0.5),
                bank.tags[inner],
                batch_size=BATCH_SIZE,
                verbose=0,
            )
            curves[number, epoch] = judge(validation)[1].mean()
            if curves[number, epoch] > best:
                best = curves[number, epoch]
                places, right = judge(test)
    order = np.argsort(places)
    places, right = places[order], right[order]
    return Tagged(curves, places, right, seen[bank.forms[places]] == 0)


def load_runs(path: Path = STORED) -> dict[tuple[str, int], Tagged]:
    """Load what `main` stored, by kind and run."""
    with np.load(path) as stored:
        return {
            (kind, run): Tagged(
                *(
                    stored[f"{kind} {run} {field}"]
                    for field in Tagged._fields
                )
            )
            for kind in EPOCHS
            for run in range(RUNS)
        }


def main() -> None:
    """Train all runs and store them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    bank, found = read_treebank(), {}
    for run in range(RUNS):
        for kind in EPOCHS:
            tagged = train_tagger(kind, bank, options.first_run + run)
            for field, value in tagged._asdict().items():
                found[f"{kind} {run} {field}"] = value
            print(
                f"{kind}, run {run}: validation {tagged.curves.max():.3f}",
                flush=True,
            )
    np.savez_compressed(options.output, **found)


if __name__ == "__main__":
    main()
