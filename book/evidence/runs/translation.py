"""English to Spanish, with trained and with frozen word tables: a long run.

``make long-run RUN=translation`` trains the encoder-decoder Transformer of
page 15.3, from three starts each (about a quarter of an hour on two idle
cores), and writes ``translation.npz`` beside this file: scores after each
round, translations of the test sentences, and attention maps of the first
of them. Evidence 15.3 judges that.
To see whether its verdict stands from other starts::

    cd book/evidence/runs
    python translation.py --first-run 1000 --output other.npz
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import sacrebleu
import tensorflow as tf
from helpers import data
from keras import layers, ops
from scipy import sparse

STORED = Path(__file__).with_suffix(".npz")
MAX_WORDS = 6
LENGTH = MAX_WORDS + 1  # one more for [start] or [end]
ENGLISH_VOCAB, SPANISH_VOCAB = 3_000, 4_000
PADDING, UNKNOWN, START, END = range(4)
HELD_OUT = 1_000  # pairs to choose with, and as many to test with
SPLIT_SEED = 7

DIM, HEADS, HIDDEN, DROPOUT = 96, 4, 384, 0.1
BATCH_SIZE = 64
RUNS = 3
RATES = (0.002, 0.005)
ROUND = 550  # steps, half of the pairs
TRIAL, ROUNDS = 1, 6  # after the trial, the better rate goes on
WARMUP = 300  # steps
MAPS = 200  # test sentences whose attention is stored
KINDS = ("trained", "frozen")


class Pairs(NamedTuple):
    """Sentences as words with a space between, and their translations."""

    english: list[str]
    spanish: list[str]


class Splits(NamedTuple):
    """Pairs of which no two parts share a sentence in either language."""

    train: Pairs
    validation: Pairs
    test: Pairs


def clean(text: str) -> str:
    """Lower-case words, and the question mark as a word of its own."""
    text = text.lower().replace("’", "'")
    return " ".join(re.findall(r"[\w']+|\?", text))


def read_pairs() -> list[tuple[str, str]]:
    """Read the pairs of at most six words on either side, each once."""
    pairs = {}
    for pair in data.load_translations("spanish"):
        cleaned = clean(pair.english), clean(pair.translation)
        if all(1 <= len(side.split()) <= MAX_WORDS for side in cleaned):
            pairs[cleaned] = None
    return list(pairs)


def find_families(pairs: list[tuple[str, str]]) -> np.ndarray:
    """Number the families: pairs that shared sentences join, by a chain."""
    numbers = {}
    ends = np.array(
        [
            [
                numbers.setdefault(sentence, len(numbers))
                for sentence in zip(
                    ("english", "spanish"), pair, strict=True
                )
            ]
            for pair in pairs
        ]
    ).T
    size = len(numbers)
    joined = sparse.coo_matrix(
        (np.ones(len(pairs)), ends), shape=(size, size)
    )
    _, family = sparse.csgraph.connected_components(joined, directed=False)
    return family[ends[0]]  # of the English sentence


def split_pairs(pairs: list[tuple[str, str]]) -> Splits:
    """Hold out families; of each one held out, its first pair is judged."""
    family = find_families(pairs)
    # The split belongs to the stored run: `make reseed` shifts the seeds of
    # `default_rng`, and would look for translations of other sentences.
    rng = np.random.Generator(np.random.PCG64(SPLIT_SEED))
    place = rng.permutation(family.max() + 1)[family]
    is_first = np.zeros(len(pairs), dtype=bool)
    is_first[np.unique(family, return_index=True)[1]] = True
    chosen = (
        place >= 2 * HELD_OUT,
        is_first & (place >= HELD_OUT) & (place < 2 * HELD_OUT),
        is_first & (place < HELD_OUT),
    )
    parts = []
    for rows in map(np.flatnonzero, chosen):
        english, spanish = zip(*(pairs[row] for row in rows), strict=True)
        parts.append(Pairs(list(english), list(spanish)))
    return Splits(*parts)


class Language:
    """The most frequent words of sentences, numbered: 0 is padding."""

    def __init__(self, sentences: list[str], vocab_size: int) -> None:
        counts = Counter(w for text in sentences for w in text.split())
        special = ["", "[UNK]", "[start]", "[end]"]
        frequent = [
            w for w, _ in counts.most_common(vocab_size - len(special))
        ]
        self.words = np.array(special + frequent)
        self.ids = {
            word: row for row, word in enumerate(special + frequent)
        }

    def number(self, sentences: list[str]) -> np.ndarray:
        """Word ids, shape (sentences, LENGTH), 0 at the end."""
        rows = np.zeros((len(sentences), LENGTH), dtype=np.int32)
        for row, text in zip(rows, sentences, strict=True):
            ids = [self.ids.get(word, UNKNOWN) for word in text.split()]
            row[: len(ids)] = ids[:LENGTH]
        return rows

    def read(self, rows: np.ndarray) -> list[str]:
        """Sentences of ids, up to the first [end]."""
        texts = []
        for row in rows:
            ends = np.flatnonzero(row == END)
            stop = ends[0] if len(ends) else len(row)
            texts.append(" ".join(w for w in self.words[row[:stop]] if w))
        return texts


def start(sentences: list[str]) -> list[str]:
    """What the decoder reads: shifted to the right by [start]."""
    return [f"[start] {text}" for text in sentences]


def end(sentences: list[str]) -> list[str]:
    """What the decoder should answer."""
    return [f"{text} [end]" for text in sentences]


def build_model(*, trainable: bool = True) -> keras.Model:
    """Build page 15.3's Transformer; `trainable` is said of word tables."""
    source = keras.Input((LENGTH,), dtype="int32", name="source")
    target = keras.Input((LENGTH,), dtype="int32", name="target")

    def embed(ids: keras.KerasTensor, vocab_size: int) -> keras.KerasTensor:
        places = ops.cumsum(ops.ones_like(ids), axis=1) - 1
        words = layers.Embedding(vocab_size, DIM, trainable=trainable)(ids)
        vectors = words + layers.Embedding(LENGTH, DIM)(places)
        return layers.Dropout(DROPOUT)(layers.LayerNormalization()(vectors))

    def attend(**settings: object) -> layers.MultiHeadAttention:
        return layers.MultiHeadAttention(HEADS, DIM // HEADS, **settings)

    def add(
        vectors: keras.KerasTensor, change: keras.KerasTensor
    ) -> keras.KerasTensor:
        change = layers.Dropout(DROPOUT)(change)
        return layers.LayerNormalization()(vectors + change)

    def transform(vectors: keras.KerasTensor) -> keras.KerasTensor:
        hidden = layers.Dense(HIDDEN, activation="relu")(vectors)
        return add(vectors, layers.Dense(DIM)(hidden))

    is_word = ops.expand_dims(ops.not_equal(source, PADDING), 1)
    read = embed(source, ENGLISH_VOCAB)
    read = add(read, attend()(read, read, attention_mask=is_word))
    read = transform(read)

    written = embed(target, SPANISH_VOCAB)
    change = attend()(written, written, use_causal_mask=True)
    written = add(written, change)
    look = attend(name="look")
    written = add(written, look(written, read, attention_mask=is_word))
    written = transform(written)
    logits = layers.Dense(SPANISH_VOCAB)(written)
    return keras.Model([source, target], logits)


# Mean loss of the words; padding is left out.
masked_loss = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=PADDING
)


def masked_accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the words that come out right, padding left out."""
    is_word = ops.cast(labels != PADDING, "float32")
    is_right = ops.cast(ops.argmax(logits, axis=-1) == labels, "float32")
    return ops.sum(is_right * is_word) / ops.sum(is_word)


def compile_translator(
    model: keras.Model,
) -> Callable[[np.ndarray], np.ndarray]:
    """Make a function that writes the likeliest word, one after another."""
    is_banned = np.arange(SPANISH_VOCAB) < END  # nothing that is no word

    @tf.function(jit_compile=True)
    def write(source: tf.Tensor) -> tf.Tensor:
        words = [tf.fill(tf.shape(source)[:1], START)]
        for place in range(LENGTH):
            rest = [tf.zeros_like(words[0])] * (LENGTH - len(words))
            target = tf.stack(words + rest, axis=1)[:, :LENGTH]
            logits = model([source, target])[:, place]
            best = tf.argmax(tf.where(is_banned, -np.inf, logits), axis=-1)
            words.append(tf.cast(best, tf.int32))
        return tf.stack(words[1:], axis=1)

    return lambda source: write(source).numpy()


def attention_map(
    model: keras.Model, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Where each written word looks: (sentences, LENGTH, LENGTH)."""
    look = model.get_layer("look")
    query, value = look._inbound_nodes[0].arguments.args[:2]
    parts = keras.Model(model.inputs, [query, value])([source, target])
    is_word = ops.expand_dims(source != PADDING, 1)
    _, weights = look(
        *parts, attention_mask=is_word, return_attention_scores=True
    )
    return ops.convert_to_numpy(ops.mean(weights, axis=1))


class RiseAndFall(keras.optimizers.schedules.LearningRateSchedule):
    """Up to `peak` in WARMUP steps, then down to a twentieth at the end."""

    def __init__(self) -> None:
        self.peak = keras.Variable(0.0)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Rate of the step."""
        step = ops.cast(step, "float32") + 1
        down = 1 - 0.95 * step / (ROUNDS * ROUND)
        return self.peak * ops.minimum(step / WARMUP, down)


def compile_epoch(model: keras.Model) -> Callable[..., None]:
    """As `training.compile_epoch`, for a model with two inputs."""

    @tf.function(jit_compile=True)
    def train(
        source: tf.Tensor, target: tf.Tensor, labels: tf.Tensor
    ) -> None:
        for step in tf.range(tf.shape(source)[0]):
            model.train_step(((source[step], target[step]), labels[step]))

    return train


class Training:
    """One kind's model, compiled once and trained from many starts."""

    def __init__(self, kind: str, splits: Splits) -> None:
        self.kind, self.splits = kind, splits
        self.english = Language(splits.train.english, ENGLISH_VOCAB)
        self.spanish = Language(splits.train.spanish, SPANISH_VOCAB)
        self.numbered = {
            name: (
                self.english.number(pairs.english),
                self.spanish.number(start(pairs.spanish)),
                self.spanish.number(end(pairs.spanish)),
            )
            for name, pairs in splits._asdict().items()
        }
        self.model = build_model(trainable=kind == "trained")
        self.schedule = RiseAndFall()
        self.model.compile(
            keras.optimizers.Adam(self.schedule), masked_loss
        )
        self.train_batches = compile_epoch(self.model)
        self.translate = compile_translator(self.model)

    def begin(self, seed: int, rate: float) -> None:
        """Fresh weights, and another order of the pairs."""
        keras.utils.set_random_seed(seed)
        fresh = build_model(trainable=self.kind == "trained")
        for old, new in zip(self.model.layers, fresh.layers, strict=True):
            for variable, value in zip(
                old.variables, new.variables, strict=True
            ):
                variable.assign(value)  # also the state of Dropout
        self.model.optimizer.build(self.model.trainable_variables)
        for variable in self.model.optimizer.variables:
            variable.assign(ops.zeros_like(variable))
        self.rng, self.rows = np.random.default_rng(seed), np.array([], int)
        self.schedule.peak.assign(rate)

    def train_round(self) -> None:
        """Train on half of the pairs: those that no round before had."""
        if len(self.rows) < ROUND * BATCH_SIZE:
            self.rows = self.rng.permutation(len(self.splits.train.english))
        batches, self.rows = np.split(self.rows, [ROUND * BATCH_SIZE])
        batches = batches.reshape(ROUND, BATCH_SIZE)
        self.train_batches(
            *(each[batches] for each in self.numbered["train"])
        )

    def judge(self) -> tuple[float, float, float]:
        """Loss, accuracy and chrF on the validation pairs."""
        source, target, labels = self.numbered["validation"]
        logits = self.model.predict(
            [source, target], batch_size=250, verbose=0
        )
        texts = self.spanish.read(self.translate(source))
        chrf = sacrebleu.corpus_chrf(
            texts, [self.splits.validation.spanish]
        )
        return (
            float(masked_loss(labels, logits)),
            float(masked_accuracy(labels, logits)),
            chrf.score,
        )


class Trained(NamedTuple):
    """One run of one kind.

    `curves` has the shape (rates, ROUNDS, 3): loss, accuracy and chrF on
    the validation pairs, not a number where a rate was given up. `chosen`
    are the places of the best rate and round in it.
    """

    curves: np.ndarray
    chosen: tuple[int, int]
    translations: list[str]
    maps: np.ndarray


def train_run(training: Training, seed: int) -> Trained:
    """Train with each rate for a trial, with the better one to the end."""
    curves = np.full((len(RATES), ROUNDS, 3), np.nan)
    model, states, best = training.model, [], (-1.0, (0, 0), None)

    def go_on(number: int, rounds: range) -> None:
        nonlocal best
        for place in rounds:
            training.train_round()
            curves[number, place] = training.judge()
            shown = curves[number, place].round(3)
            print(RATES[number], place + 1, shown, flush=True)
            if (chrf := curves[number, place, 2]) > best[0]:
                best = chrf, (number, place), model.get_weights()

    def variables() -> list[keras.Variable]:
        return model.variables + model.optimizer.variables

    for number, rate in enumerate(RATES):
        training.begin(seed, rate)
        go_on(number, range(TRIAL))
        state = [each.numpy() for each in variables()]
        states.append((state, training.rng, training.rows))
    number = best[1][0]
    training.schedule.peak.assign(RATES[number])
    state, training.rng, training.rows = states[number]
    for variable, value in zip(variables(), state, strict=True):
        variable.assign(value)
    go_on(number, range(TRIAL, ROUNDS))

    model.set_weights(best[2])
    source = training.numbered["test"][0]
    rows = training.translate(source)
    written = np.column_stack([np.full(len(rows), START), rows[:, :-1]])
    maps = attention_map(
        model, source[:MAPS], written[:MAPS].astype("int32")
    )
    return Trained(curves, best[1], training.spanish.read(rows), maps)


def main() -> None:
    """Train all runs and store what came out after each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    splits = split_pairs(read_pairs())
    stored = {
        "english": splits.test.english,
        "spanish": splits.test.spanish,
    }
    trainings = {kind: Training(kind, splits) for kind in KINDS}
    for run in range(RUNS):
        for kind, training in trainings.items():
            print(kind, "run", run, flush=True)
            trained = train_run(training, options.first_run + run + 1)
            name = f"{kind}_{run}"
            stored[f"{name}_curves"] = trained.curves
            stored[f"{name}_chosen"] = trained.chosen
            stored[f"{name}_translations"] = trained.translations
            if name == "trained_0":
                stored["maps"] = trained.maps.astype(np.float16)
            np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
