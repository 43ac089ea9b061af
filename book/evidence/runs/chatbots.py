"""Two encoders that choose the reply to a message: a run of evidence 15.2.

``make long-run RUN=chatbots`` trains them three times (a few minutes) and
writes ``chatbots.npz`` beside this file: which test messages find their own
reply, the validation scores after each epoch, and how near messages and
nonsense come to what the bot can say. Evidence 15.2 judges that, and
repeats a part. To see whether its verdict stands from other starts::

    cd book/evidence/runs
    python chatbots.py --first-run 1000 --output other.npz
"""

import argparse
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from helpers import data
from helpers.vectors import WordVectors, embedding_matrix
from keras import layers

STORED = Path(__file__).with_suffix(".npz")
RUNS, EPOCHS = 3, 3
VOCAB_SIZE, LENGTH = 20_000, 30
BATCH_SIZE, RATE, DROPOUT, SCALE = 512, 0.001, 0.3, 20
UNKNOWN = 1  # the id of a word outside the vocabulary; 0 is padding
OTHERS, FIRST = 99, (1, 10)  # wrong candidates; first of all, among ten
CANDIDATE_SEEDS = {"validation": 1, "test": 2}
NUM_ASKED, NUM_SAYINGS = 1_000, 20_000
TO_CHOOSE = ("validation messages", "licenses")  # the threshold
TO_TEST = (
    "real messages",
    "other licenses",
    "PubMed",
    "Spanish",
    "random letters",
    "salads",
)

Words = list[str]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fixed_rng(seed: int) -> np.random.Generator:
    """Make the generator of `default_rng`, which ``make reseed`` shifts.

    What is stored belongs to one split, one draw of candidates and one of
    nonsense, whatever the other seeds are.
    """
    return np.random.Generator(np.random.PCG64(seed))


class Chats(NamedTuple):
    """Messages with their replies, as words, a row for each pair.

    Attributes
    ----------
    conversation_of : ndarray of int, shape (pairs,)
    messages, replies : list of list of str
    parts : dict
        The rows of "test", "validation" and "train"; a conversation is in
        one of them.
    """

    conversation_of: np.ndarray
    messages: list[Words]
    replies: list[Words]
    parts: dict[str, np.ndarray]

    def sides(self, part: str) -> tuple[list[Words], list[Words]]:
        """Messages and replies of a part."""
        rows = self.parts[part]
        return (
            [self.messages[row] for row in rows],
            [self.replies[row] for row in rows],
        )


def tidy(text: str) -> Words:
    """Cut into words of lower case; question and exclamation marks stay."""
    text = text.lower().replace("’", "'")
    return re.findall(r"[a-z0-9']+|[?!]", text)


def read_chats() -> Chats:
    """Join what one speaker writes in a row, and split by conversation."""
    rows = []
    for number, conversation in enumerate(data.load_chitchat()):
        by_speaker = itertools.groupby(conversation, lambda m: m.speaker)
        turns = [
            tidy(" ".join(m.text for m in group)) for _, group in by_speaker
        ]
        pairs = itertools.pairwise(turns)
        rows += [(number, *pair) for pair in pairs if all(pair)]
    conversation_of, messages, replies = map(list, zip(*rows, strict=True))
    conversation_of = np.array(conversation_of)
    numbers = fixed_rng(0).permutation(np.unique(conversation_of))
    tenth = len(numbers) // 10
    chosen = {
        "test": numbers[:tenth],
        "validation": numbers[tenth : 2 * tenth],
        "train": numbers[2 * tenth :],
    }
    parts = {
        name: np.flatnonzero(np.isin(conversation_of, each))
        for name, each in chosen.items()
    }
    return Chats(conversation_of, messages, replies, parts)


def draw_candidates(chats: Chats, part: str) -> np.ndarray:
    """Draw places in a part, (messages, 100); the own reply is first.

    The other 99 are replies of other conversations.
    """
    rng = fixed_rng(CANDIDATE_SEEDS[part])
    numbers = chats.conversation_of[chats.parts[part]]
    others = rng.integers(len(numbers), size=(len(numbers), OTHERS))
    while (same := numbers[others] == numbers[:, None]).any():
        others[same] = rng.integers(len(numbers), size=same.sum())
    return np.column_stack([np.arange(len(numbers)), others])


def is_among_first(
    score: Score, candidates: np.ndarray, rows: Sequence[int] | None = None
) -> np.ndarray:
    """Whether the own reply is first, or among ten: shape (2, messages).

    Parameters
    ----------
    score : callable
        Of the places of messages, (n,), and of candidates, (n, 100).
    candidates : ndarray, shape (all messages, 100)
    rows : sequence of int, optional
        Places of the messages to judge; all if left out.
    """
    rng = np.random.default_rng(0)  # ties are broken by lot
    rows = np.arange(len(candidates)) if rows is None else np.array(rows)
    places = []
    for begin in range(0, len(rows), 1_000):
        some = rows[begin : begin + 1_000]
        scores = score(some, candidates[some])
        if not np.isfinite(scores).all():
            raise ValueError("A score is not a finite number.")
        scores = scores + 1e-6 * rng.random(scores.shape)
        places.append((scores[:, 1:] > scores[:, :1]).sum(axis=1))
    places = np.concatenate(places)
    return np.array([places < number for number in FIRST])


def to_unit(vectors: np.ndarray) -> np.ndarray:
    """Scale to length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-9)


def compare(sides: Sequence[np.ndarray]) -> Score:
    """Score by the cosine of messages' and replies' vectors."""
    left, right = map(to_unit, sides)
    return lambda rows, candidates: np.einsum(
        "nd,ncd->nc", left[rows], right[candidates]
    )


def count_words(chats: Chats) -> Counter[str]:
    """Count the words of the training part, both sides."""
    pairs = zip(*chats.sides("train"), strict=True)
    return Counter(
        word for pair in pairs for word in itertools.chain(*pair)
    )


def weigh(words: Sequence[str], chats: Chats) -> np.ndarray:
    """Idf of words, over the training part's replies."""
    replies = chats.sides("train")[1]
    has_word = Counter(word for reply in replies for word in set(reply))
    number = np.array([has_word[word] for word in words])
    return np.log(len(replies) / (1 + number))


class Asked(NamedTuple):
    """What a bot that may refuse is asked, and what it can say.

    Attributes
    ----------
    texts : dict
        For each of `TO_CHOOSE` and `TO_TEST` a thousand texts.
    sayings : list of list of str
    """

    texts: dict[str, list[Words]]
    sayings: list[Words]


def draw_asked(chats: Chats) -> Asked:
    """Draw real messages, nonsense as long as they are, and sayings."""
    rng = fixed_rng(0)

    def draw(part: str) -> list[Words]:
        rows = rng.choice(chats.parts[part], NUM_ASKED, replace=False)
        return [chats.messages[row] for row in rows]

    def cut_like(real: list[Words], texts: Sequence[str]) -> list[Words]:
        """Words of each text, from the tenth on, as many as `real` has."""
        return [
            tidy(text[:2_000])[10 : 10 + len(words)]
            for text, words in zip(texts, real, strict=True)
        ]

    def draw_words(real: list[Words], choices: Words) -> list[Words]:
        choices = np.array(choices)
        return [rng.choice(choices, len(words)).tolist() for words in real]

    to_choose, to_test = draw("validation"), draw("test")
    licenses = rng.permutation(np.array(data.load_legal(), dtype=object))
    spanish = [
        each.translation for each in data.load_translations("spanish")
    ]
    letters = [
        "".join(rng.choice([*"abcdefghijklmnopqrstuvwxyz"], 6))
        for _ in range(9_000)
    ]
    own, other = np.split(licenses[: 2 * NUM_ASKED], 2)
    abstracts = [each.text for each in data.load_pubmed()[:NUM_ASKED]]
    texts = {
        "validation messages": to_choose,
        "licenses": cut_like(to_choose, own),
        "real messages": to_test,
        "other licenses": cut_like(to_test, other),
        "PubMed": cut_like(to_test, abstracts),
        "Spanish": [tidy(text) for text in rng.choice(spanish, NUM_ASKED)],
        "random letters": draw_words(to_test, letters),
        "salads": draw_words(to_test, [*itertools.chain(*to_test)]),
    }
    replies = (
        chats.replies[row] for row in rng.permutation(chats.parts["train"])
    )
    fitting = (tuple(reply) for reply in replies if 3 <= len(reply) <= 15)
    sayings = [*map(list, dict.fromkeys(fitting))][:NUM_SAYINGS]
    return Asked(texts, sayings)


def build_tower(table: keras.Layer) -> keras.Model:
    """Build a tower: an average of vectors, and a change of it."""
    ids = keras.Input((LENGTH,), dtype="int32")
    average = layers.GlobalAveragePooling1D()(table(ids))
    average = layers.Dropout(DROPOUT)(average)
    change = layers.Dense(table.output_dim, kernel_initializer="zeros")
    return keras.Model(
        ids, layers.UnitNormalization()(average + change(average))
    )


def diagonal_loss(
    _: keras.KerasTensor, scores: keras.KerasTensor
) -> keras.KerasTensor:
    """Cross-entropy of each message's own reply among those of a batch."""
    right = keras.ops.arange(keras.ops.shape(scores)[0])
    return keras.losses.sparse_categorical_crossentropy(
        right, scores, from_logits=True
    )


class Towers:
    """Two encoders that share a table, at the start of a run.

    Parameters
    ----------
    chats : Chats
    vectors : WordVectors
        The table starts from them, times idf.
    seed : int
        Of the rows of words without a vector, the order and dropout.
    """

    def __init__(
        self, chats: Chats, vectors: WordVectors, seed: int
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.seed = seed
        frequent = count_words(chats).most_common(VOCAB_SIZE)
        self.names = ["", "[UNK]", *(word for word, _ in frequent)]
        self.index = {name: row for row, name in enumerate(self.names)}
        self.ids = {
            part: [*map(self.encode, chats.sides(part))]
            for part in chats.parts
        }
        start, _ = embedding_matrix(
            self.names, vectors, missing="normal", seed=seed
        )
        weights = weigh(self.names, chats)
        weights[: UNKNOWN + 1] = 1
        start = (start - start.mean(axis=0)) * weights[:, None]
        start *= 0.05 / start.std()
        self.table = layers.Embedding(
            *start.shape,
            embeddings_initializer=keras.initializers.Constant(start),
            mask_zero=True,
        )
        self.towers = build_tower(self.table), build_tower(self.table)
        inputs = [keras.Input((LENGTH,), dtype="int32") for _ in range(2)]
        rows, columns = (
            tower(ids)
            for tower, ids in zip(self.towers, inputs, strict=True)
        )
        columns = keras.ops.transpose(columns)
        scores = SCALE * keras.ops.matmul(rows, columns)
        self.model = keras.Model(inputs, scores)
        self.model.compile(
            keras.optimizers.Adam(RATE), diagonal_loss, jit_compile=True
        )

    def encode(self, texts: Sequence[Words]) -> np.ndarray:
        """Ids of the first words of each text, then padding."""
        ids = np.zeros((len(texts), LENGTH), "int32")
        for row, words in zip(ids, texts, strict=True):
            found = [self.index.get(word, UNKNOWN) for word in words]
            row[: len(found)] = found[:LENGTH]
        return ids

    def predict(self, side: int, ids: np.ndarray) -> np.ndarray:
        """Vectors by the tower of messages (0) or of replies (1)."""
        return self.towers[side].predict(ids, batch_size=2_048, verbose=0)

    def judge(self, part: str, candidates: np.ndarray) -> np.ndarray:
        """Whether own replies are among the first, shape (2, messages)."""
        sides = [self.predict(*each) for each in enumerate(self.ids[part])]
        return is_among_first(compare(sides), candidates)

    def train_epochs(self, candidates: np.ndarray) -> Iterator[np.ndarray]:
        """Train, and yield the validation scores after each epoch."""
        rng = np.random.default_rng(self.seed)
        number = len(self.ids["train"][0])
        unused = np.zeros(number // BATCH_SIZE * BATCH_SIZE)
        for _ in range(EPOCHS):
            rows = rng.permutation(number)[: len(unused)]
            self.model.fit(
                [ids[rows] for ids in self.ids["train"]],
                unused,
                batch_size=BATCH_SIZE,
                shuffle=False,
                verbose=0,
            )
            yield self.judge("validation", candidates).mean(axis=1)

    def nearest_saying(
        self, texts: Sequence[Words], vectors: np.ndarray
    ) -> np.ndarray:
        """Highest cosine of each text with a saying; 0 without a word."""
        found = np.zeros(len(texts), "float32")
        has_words = np.array([len(words) > 0 for words in texts])
        ids = self.encode([words for words in texts if words])
        found[has_words] = (self.predict(0, ids) @ vectors.T).max(axis=1)
        return found


class Found(NamedTuple):
    """What the towers did in one run; in `load_runs`, a row for each.

    Attributes
    ----------
    hits : ndarray of bool, shape (2, test messages)
        Whether the own reply is first, and whether it is among ten.
    curve : ndarray, shape (EPOCHS, 2)
        Shares of validation messages with a hit. The best epoch is kept.
    cosines : ndarray, shape (kinds, 1,000)
        Highest cosine of each text of `draw_asked` with a saying.
    """

    hits: np.ndarray
    curve: np.ndarray
    cosines: np.ndarray


def train_run(
    towers: Towers,
    candidates: dict[str, np.ndarray],
    asked: Asked,
) -> Found:
    """Train, and judge with the weights of the best epoch."""
    curve, best = [], 0.0
    for scores in towers.train_epochs(candidates["validation"]):
        curve.append(scores)
        if scores.mean() > best:
            best, weights = scores.mean(), towers.model.get_weights()
    towers.model.set_weights(weights)
    hits = towers.judge("test", candidates["test"])
    vectors = towers.predict(1, towers.encode(asked.sayings))
    cosines = [
        towers.nearest_saying(texts, vectors)
        for texts in asked.texts.values()
    ]
    return Found(hits, np.array(curve), np.array(cosines))


def fingerprint(
    chats: Chats, candidates: dict[str, np.ndarray], asked: Asked
) -> int:
    """Sum up in a number what is judged, and the settings."""
    texts = [chats.messages, chats.replies, *asked.texts.values()]
    lines = [" ".join(words) for each in texts for words in each]
    lines += [" ".join(words) for words in asked.sayings]
    lines += [*asked.texts, *chats.parts]
    settings = (
        *(RUNS, EPOCHS, VOCAB_SIZE, LENGTH),
        *(BATCH_SIZE, RATE, DROPOUT, SCALE, *FIRST),
    )
    found = zlib.crc32("\n".join([*lines, repr(settings)]).encode())
    for rows in (*chats.parts.values(), *candidates.values()):
        found = zlib.crc32(rows.astype("<i8").tobytes(), found)
    return found


def load_runs(
    chats: Chats,
    candidates: dict[str, np.ndarray],
    asked: Asked,
    path: Path = STORED,
) -> Found:
    """Load what `main` stored, each field with a row for each run.

    Raises
    ------
    ValueError
        If it was stored for other texts, candidates or settings.
    """
    with np.load(path) as stored:
        if stored["fingerprint"] != fingerprint(chats, candidates, asked):
            raise ValueError(
                f"{path.name} was stored for other texts, candidates or "
                "settings: make long-run RUN=chatbots"
            )
        return Found(*(stored[field] for field in Found._fields))


def main() -> None:
    """Train all runs and store them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    chats = read_chats()
    candidates = {
        part: draw_candidates(chats, part) for part in CANDIDATE_SEEDS
    }
    asked = draw_asked(chats)
    vectors, found = data.load_glove_840b(), []
    for run in range(RUNS):
        towers = Towers(chats, vectors, options.first_run + run)
        found.append(train_run(towers, candidates, asked))
        shown = found[-1].curve.round(3).tolist()
        print(f"run {run}: {shown}", flush=True)
    stored = {
        field: np.array(values)
        for field, values in zip(
            Found._fields, zip(*found, strict=True), strict=True
        )
    }
    stored["fingerprint"] = fingerprint(chats, candidates, asked)
    np.savez_compressed(options.output, **stored)


if __name__ == "__main__":
    main()
