"""Word vectors: words, a matrix, and a look-up, whichever of the three families they come from."""

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

FASTTEXT_BINARY = (793712314).to_bytes(4, "little")  # first bytes of fastText's own .bin format
LONGEST_WORD = 2000  # bytes


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, row by row.

    Parameters
    ----------
    words : list of str
    matrix : ndarray of float32, shape (number of words, dimension)
        Row `i` is the vector of `words[i]`.
    """

    words: list[str]
    matrix: np.ndarray

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def lengths(self) -> np.ndarray:
        """Length of each vector, shape (number of words,); infinite for a zero vector.

        Division by it gives cosines, in which a zero vector is similar to nothing.
        """
        lengths = np.linalg.norm(self.matrix, axis=1)
        return np.where(lengths > 0, lengths, np.inf)

    def __len__(self) -> int:
        """Count the words."""
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        """Tell whether a word has a vector."""
        return word in self.index

    def __getitem__(self, word: str) -> np.ndarray:
        """Vector of a word, shape (dimension,)."""
        return self.matrix[self.index[word]]

    def nearest(self, word_or_vector: str | np.ndarray, k: int = 10) -> list[tuple[str, float]]:
        """Find the words whose vectors point most nearly the same way (cosine similarity).

        Parameters
        ----------
        word_or_vector : str or array of shape (dimension,)
            A word is left out of its own neighbors.
        k : int
            How many neighbors.

        Returns
        -------
        list of (word, cosine), the nearest first

        Raises
        ------
        KeyError
            When the word has no vector.
        """
        is_word = isinstance(word_or_vector, str)
        vector = np.asarray(self[word_or_vector] if is_word else word_or_vector, dtype=np.float32)
        similarities = self.matrix @ vector / self.lengths / (np.linalg.norm(vector) or np.inf)
        if is_word:
            similarities[self.index[word_or_vector]] = -np.inf
        k = min(k, len(self) - is_word)
        nearest = np.argpartition(-similarities, k - 1)[:k] if k > 0 else np.array([], dtype=int)
        nearest = nearest[np.argsort(-similarities[nearest], kind="stable")]
        return [(self.words[row], float(similarities[row])) for row in nearest]


def embedding_matrix(
    vocabulary: Sequence[str], vectors: WordVectors, missing: str = "zeros", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Lay out pretrained vectors as the weights of an `Embedding` layer; chapter 7 teaches it.

    Parameters
    ----------
    vocabulary : sequence of str
        As `TextVectorization.get_vocabulary()` gives it: row 0 is padding (the empty string).
    vectors : WordVectors
    missing : {"zeros", "normal"}
        What the rows of words without a vector hold: zeros, or random numbers with each
        dimension's mean and standard deviation over the words that have one. The padding row
        is zero in either case.
    seed : int
        Of the random rows.

    Returns
    -------
    matrix : ndarray of float32, shape (len(vocabulary), dimension)
    found : ndarray of bool, shape (len(vocabulary),)
        Which words have a vector.

    Raises
    ------
    ValueError
        When `missing` is neither, or no word of the vocabulary has a vector.
    """
    if missing not in ("zeros", "normal"):
        raise ValueError(f"missing must be 'zeros' or 'normal', not {missing!r}.")
    found = np.array([word in vectors for word in vocabulary])
    if not found.any():
        raise ValueError("No word of the vocabulary has a vector; are both in lower case?")
    known = vectors.matrix[[vectors.index[word] for word in vocabulary if word in vectors]]
    matrix = np.zeros((len(vocabulary), known.shape[1]), dtype=np.float32)
    if missing == "normal":
        spread = known.mean(axis=0), known.std(axis=0)
        matrix[:] = np.random.default_rng(seed).normal(*spread, matrix.shape)
        matrix[[word == "" for word in vocabulary]] = 0
    matrix[found] = known
    return matrix, found


def read_vectors(path: str | Path, vocabulary: Collection[str] | None = None) -> WordVectors:
    """Read word vectors from any of the three official file formats.

    Parameters
    ----------
    path : str or path
        A name that ends in `.bin` is read as word2vec's binary format (such as
        `GoogleNews-vectors-negative300.bin`). Any other is read as text: GloVe's
        (`glove.6B.100d.txt`), or fastText's and word2vec's, whose first line gives the number of
        words and the dimension (`wiki-news-300d-1M.vec`).
    vocabulary : collection of str, optional
        Keep only these words. The file is streamed and the numbers of other words are not even
        parsed, so a file larger than the memory is no obstacle.

    Returns
    -------
    WordVectors
        In the file's order; of a word that occurs twice, the first vector.

    Raises
    ------
    ValueError
        When the file is malformed; the message names the file and the line or row.
    """
    path = Path(path) if isinstance(path, str) else path
    wanted = None if vocabulary is None else frozenset(vocabulary)
    rows = _binary_rows if path.suffix == ".bin" else _text_rows
    words: dict[str, None] = {}
    numbers = bytearray()  # grows without a second copy of what can be gigabytes
    with path.open("rb") as file:
        rows = rows(file, path, wanted)
        dimension = next(rows)
        for place, word, vector in rows:
            if not np.isfinite(vector).all():
                raise ValueError(f"{path}, {place}: the vector of {word!r} is not finite.")
            if word not in words:
                words[word] = None
                numbers += vector.tobytes()
    return WordVectors(list(words), np.frombuffer(numbers, np.float32).reshape(-1, dimension))


def _text_rows(file: BinaryIO, path: Path, wanted: frozenset[str] | None) -> Iterator:
    """Yield the dimension, then (place, word, vector) for each wanted line."""
    first = file.readline()
    if not first:
        raise ValueError(f"{path} is empty.")
    header = re.fullmatch(rb"(\d+) (\d+)\s*", first)
    dimension = int(header[2]) if header else len(first.split()) - 1
    if dimension < 1:
        raise ValueError(f"{path}, line 1: expected a word and its numbers, found {first[:50]!r}.")
    yield dimension
    # A few words of glove.840B contain spaces: hence their first piece here, and rsplit below.
    starts = None if wanted is None else {word.split(" ")[0].encode() for word in wanted}
    lines = enumerate(file, start=2) if header else enumerate(itertools.chain([first], file), 1)
    number = 1
    for number, line in lines:
        if starts is not None and line.split(b" ", 1)[0] not in starts:
            continue
        place = f"line {number}"
        try:
            word, *values = line.decode("utf-8").rstrip().rsplit(" ", dimension)
            vector = np.array([float(value) for value in values], dtype=np.float32)
        except UnicodeDecodeError:
            raise ValueError(f"{path}, {place}: not UTF-8 text.") from None
        except ValueError as error:
            raise ValueError(f"{path}, {place}: {error}.") from None
        # With a number too many, rsplit leaves the first one in the word.
        if len(vector) != dimension or re.search(r" [-+]?[\d.]*\d(e[-+]?\d+)?$", word):
            raise ValueError(
                f"{path}, {place}: expected a word and {dimension} numbers, "
                f"found {len(line.split()) - 1} after the first."
            )
        if wanted is None or word in wanted:
            yield place, word, vector
    if header and number - 1 != int(header[1]):
        raise ValueError(
            f"{path}, line {number}: {number - 1:,} words instead of the {int(header[1]):,} that "
            "line 1 announces; the file may be truncated."
        )


def _binary_rows(file: BinaryIO, path: Path, wanted: frozenset[str] | None) -> Iterator:
    """Yield the dimension, then (place, word, vector) for each wanted row of word2vec's format."""
    first = file.readline(100)
    if not first:
        raise ValueError(f"{path} is empty.")
    if first.startswith(FASTTEXT_BINARY):
        raise ValueError(f"{path} is a fastText model; read the .vec file that comes with it.")
    header = re.fullmatch(rb"(\d+) (\d+)\s*", first)
    if not header or int(header[2]) < 1:
        raise ValueError(f"{path}: not in word2vec's binary format (number of words, dimension).")
    count, dimension = int(header[1]), int(header[2])
    yield dimension
    for number in range(1, count + 1):
        place = f"row {number:,} of {count:,}"
        word = bytearray()
        while (byte := file.read(1)) not in (b" ", b"") and len(word) < LONGEST_WORD:
            word += byte
        values = file.read(4 * dimension)
        if byte != b" " and len(word) == LONGEST_WORD:
            raise ValueError(f"{path}, {place}: no word where one should be.")
        if len(values) < 4 * dimension:
            raise ValueError(f"{path}, {place}: the file is truncated.")
        try:
            word = word.lstrip(b"\n").decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path}, {place}: the word is not UTF-8 text.") from None
        if wanted is None or word in wanted:
            yield place, word, np.frombuffer(values, dtype=np.float32)
