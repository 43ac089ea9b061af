"""Word vectors: words, a matrix, and a look-up, whichever of the three families they come from."""

import codecs
import gzip
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

FASTTEXT_BINARY = (793712314).to_bytes(4, "little")  # first bytes of fastText's own .bin format
GZIP = b"\x1f\x8b"  # first bytes of a gzip file
HEADER = re.compile(rb"(\d+)[ \t]+([1-9]\d{0,5})\s*")  # number of words, dimension
LONGEST_WORD = 2000  # bytes
LARGEST_NUMBER = 1e15  # far beyond any vector's; bytes read as what they are not soon exceed it

_UNPACK = "unpack it and read the file inside"
OTHER_FORMATS = (  # how a file starts that is no text of vectors, what it is, and what to do
    (rb"\s*<(!doctype|html|\?xml)", "a web page (HTML)", "download the file itself"),
    (rb"version https://git-lfs", "a Git-LFS pointer", "run `git lfs pull`"),
    (rb"PK\x03\x04", "a zip archive", _UNPACK),
    (rb"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (rb".{257}ustar", "a tar archive", _UNPACK),
    (rb"\xfd7zXZ", "an xz file", _UNPACK),
    (rb"BZh\d1AY", "a bzip2 file", _UNPACK),
    (rb"\(\xb5/\xfd", "a zstd file", _UNPACK),
    (rb"%PDF-", "a PDF document", "download the file itself"),
    (rb'[\s\[{]*[\[{]\s*"[^"\n]*"\s*[:,]', "JSON", "write a word and its numbers on each line"),
    (rb"\x93NUMPY", "a NumPy array", "open it with `numpy.load`; its words are elsewhere"),
    (rb"\x89HDF", "an HDF5 file", "export its words and numbers with the library that wrote it"),
    (rb"\x80[\x02-\x05]", "a pickle", "load it with gensim, then `save_word2vec_format`"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (re.escape(FASTTEXT_BINARY), "a fastText model", "read the .vec file that comes with it"),
)
CONFLICT = {b"<<<<<<<", b"|||||||", b"=======", b"=======\n", b"=======\r\n", b">>>>>>>"}


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, row by row.

    Parameters
    ----------
    words : list of str
        Should a word occur twice, its first row is the one that is looked up.
    matrix : ndarray of float32, shape (number of words, dimension)
        Row `i` is the vector of `words[i]`.

    Raises
    ------
    ValueError
        When the matrix does not have a row for each word.
    """

    words: list[str]
    matrix: np.ndarray

    def __post_init__(self) -> None:
        _refuse_string("words", self.words)
        shape = np.shape(self.matrix)
        if len(shape) != 2 or shape[0] != len(self.words):
            raise ValueError(
                f"{len(self.words):,} words need a matrix of shape ({len(self.words)}, dimension), "
                f"not {shape}."
            )

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        index: dict[str, int] = {}
        for row, word in enumerate(self.words):
            index.setdefault(word, row)
        return index

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
            How many neighbors, at least 1; fewer come back when there are no more words.

        Returns
        -------
        list of (word, cosine), the nearest first

        Raises
        ------
        KeyError
            When the word has no vector.
        ValueError
            When the vector does not fit the matrix or is not finite, or `k` is less than 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        is_word = isinstance(word_or_vector, str)
        vector = np.asarray(self[word_or_vector] if is_word else word_or_vector, dtype=np.float32)
        dimension = np.shape(self.matrix)[1]
        if vector.shape != (dimension,):
            raise ValueError(f"The vector must have shape ({dimension},), not {vector.shape}.")
        if not np.isfinite(vector).all():
            raise ValueError("The vector is not finite.")
        similarities = self.matrix @ vector / self.lengths / (np.linalg.norm(vector) or np.inf)
        if is_word:
            similarities[self.index[word_or_vector]] = -np.inf
        k = min(k, len(self) - is_word)
        nearest = np.argpartition(-similarities, k - 1)[:k]
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
    TypeError
        When the vocabulary is one string.
    """
    _refuse_string("vocabulary", vocabulary)
    if missing not in ("zeros", "normal"):
        raise ValueError(f"missing must be 'zeros' or 'normal', not {missing!r}.")
    found = np.array([word != "" and word in vectors for word in vocabulary])
    if not found.any():
        raise ValueError("No word of the vocabulary has a vector; are both in lower case?")
    known = vectors.matrix[[vectors.index[word] for word in itertools.compress(vocabulary, found)]]
    matrix = np.zeros((len(vocabulary), known.shape[1]), dtype=np.float32)
    if missing == "normal":
        spread = known.mean(axis=0), known.std(axis=0)
        matrix[:] = np.random.default_rng(seed).normal(*spread, matrix.shape)
        matrix[[word == "" for word in vocabulary]] = 0
    matrix[found] = known
    return matrix, found


def _refuse_string(name: str, words: Collection[str]) -> None:
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of words, not one string ({words[:50]!r}).")


def read_vectors(path: str | Path, vocabulary: Collection[str] | None = None) -> WordVectors:
    """Read word vectors from any of the three official file formats, packed by gzip or not.

    Parameters
    ----------
    path : str or path
        A name that ends in `.bin` or `.bin.gz` is read as word2vec's binary format (such as
        `GoogleNews-vectors-negative300.bin.gz`). Any other is read as text: GloVe's
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
    TypeError
        When the vocabulary is one string.
    """
    _refuse_string("vocabulary", vocabulary)
    path = Path(path) if isinstance(path, str) else path
    wanted = None if vocabulary is None else frozenset(vocabulary)
    is_binary = path.name.lower().removesuffix(".gz").endswith(".bin")
    words: dict[str, None] = {}
    numbers = bytearray()  # grows without a second copy of what can be gigabytes
    try:
        with path.open("rb") as packed:
            rows = (_binary_rows if is_binary else _text_rows)(_unpack(packed, path), path, wanted)
            dimension = next(rows)
            for place, word, vector in rows:
                if not np.isfinite(vector).all():
                    raise ValueError(f"{path}, {place}: the vector of {word!r} is not finite.")
                if word not in words:
                    words[word] = None
                    numbers += vector.tobytes()
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: the compressed file is cut off or damaged ({error}); download it again."
        ) from None
    return WordVectors(list(words), np.frombuffer(numbers, np.float32).reshape(-1, dimension))


def _unpack(file: BinaryIO, path: Path) -> BinaryIO:
    """Take off gzip and a byte-order mark; refuse what is recognized as something else."""
    while file.peek(2).startswith(GZIP):  # some downloads are packed twice
        file = io.BufferedReader(gzip.GzipFile(fileobj=file, mode="rb"))
    if file.peek(3).startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    start = file.peek(1000)
    if not start:
        raise ValueError(f"{path} is empty.")
    for pattern, what, remedy in OTHER_FORMATS:
        if re.match(pattern, start, re.IGNORECASE):
            raise ValueError(f"{path} is {what}, not vectors: {remedy}.")
    return file


def _text_rows(file: BinaryIO, path: Path, wanted: frozenset[str] | None) -> Iterator:
    """Yield the dimension, then (place, word, vector) for each wanted line."""
    first = file.readline()
    header = HEADER.fullmatch(first)
    dimension = int(header[2]) if header else len(first.split()) - 1
    if dimension < 1:
        raise ValueError(f"{path}, line 1: expected a word and its numbers, found {first[:50]!r}.")
    yield dimension
    # A few words of glove.840B contain spaces: hence their first piece here, and rsplit below.
    starts = None if wanted is None else {word.split(" ")[0].encode() for word in wanted} | CONFLICT
    lines = enumerate(file, start=2) if header else enumerate(itertools.chain([first], file), 1)
    number = 1
    for number, line in lines:
        start = line.partition(b" ")[0].partition(b"\t")[0]
        if starts is not None and start not in starts:
            continue
        place = f"line {number}"
        fault = ""
        try:
            word, *values = line.decode("utf-8").rstrip().replace("\t", " ").rsplit(" ", dimension)
            with np.errstate(over="ignore"):  # what is too large becomes infinite
                vector = np.array([float(value) for value in values], dtype=np.float32)
        except UnicodeDecodeError:
            fault = "not UTF-8 text"
            if header:
                fault += "; a file in word2vec's binary format needs a name that ends in .bin"
        except ValueError as error:
            fault = str(error)
        else:
            word = word.rstrip(" ")
            # With a number too many, rsplit leaves the first one in the word.
            if len(vector) != dimension or re.search(
                r" [-+]?[\d.]*\d\.?(e[-+]?\d+)?$", word, re.IGNORECASE
            ):
                count = max(len(line.split()) - 1, 0)
                fault = f"expected a word and {dimension} numbers, found {count} after the first"
        if fault and start in CONFLICT:  # each can be a word, too
            fault = "a merge-conflict marker; resolve the conflict"
        if fault:
            raise ValueError(f"{path}, {place}: {fault}.")
        if wanted is None or word in wanted:
            yield place, word, vector
    if header and number - 1 != int(header[1]):
        is_short = number - 1 < int(header[1])
        raise ValueError(
            f"{path}, line {number}: {number - 1:,} words instead of the {int(header[1]):,} that "
            f"line 1 announces; {'the file may be truncated' if is_short else 'correct line 1'}."
        )


def _binary_rows(file: BinaryIO, path: Path, wanted: frozenset[str] | None) -> Iterator:
    """Yield the dimension, then (place, word, vector) for each wanted row of word2vec's format.

    Nothing in the format marks where a row ends. When a word contains a space, its rest is taken
    for numbers and the last numbers for the start of the next word; so what cannot be a word, what
    cannot be a number, and bytes left over are refused.
    """
    header = HEADER.fullmatch(file.readline(100))
    if not header:
        raise ValueError(
            f"{path}: not in word2vec's binary format (number of words, dimension); if it is text, "
            "give it a name that does not end in .bin."
        )
    count, dimension = int(header[1]), int(header[2])
    yield dimension
    remedy = "the file is damaged, or a word in it contains a space (save it with _ instead)"
    place = "line 1"
    for number in range(1, count + 1):
        place = f"row {number:,} of {count:,}"
        word = bytearray()
        while (byte := file.read(1)) not in (b" ", b"") and len(word) < LONGEST_WORD:
            word += byte
        values = file.read(4 * dimension)
        if byte != b" " and len(word) == LONGEST_WORD:
            raise ValueError(f"{path}, {place}: no word where one should be; {remedy}.")
        if len(values) < 4 * dimension:
            raise ValueError(f"{path}, {place}: the file is truncated.")
        if number == 1 and re.match(rb"[-+.\de ]{7}", values):
            raise ValueError(f"{path} is text: give it a name that does not end in .bin.")
        try:
            word = word.lstrip(b"\n").decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{path}, {place}: the word is not UTF-8 text; {remedy}.") from None
        if re.search(r"[\0\t\n]", word):
            raise ValueError(f"{path}, {place}: {word!r} cannot be a word; {remedy}.")
        vector = np.frombuffer(values, dtype=np.float32)
        # A rest of whole numbers' size leaves the others as they were, but shows as itself.
        is_rest = re.match(rb"([!-~]{4})*[!-~]{3} ", values)
        if is_rest or not (np.abs(vector) < LARGEST_NUMBER).all():
            raise ValueError(f"{path}, {place}: the vector of {word!r} is not one; {remedy}.")
        if wanted is None or word in wanted:
            yield place, word, vector
    while rest := file.read(1 << 16):
        if rest.strip():
            raise ValueError(
                f"{path}: more bytes follow {place}; line 1 announces too few words, or {remedy}."
            )
