"""Word vectors: look-up, neighbors, and the three official file formats with their faults."""

import codecs
import gzip
import pickle
import re
import zipfile

import numpy as np
import pytest

from helpers.vectors import (
    FASTTEXT_BINARY,
    WordVectors,
    embedding_matrix,
    read_vectors,
)

WORDS = ["cat", "dog", "straße", "at name@domain.com"]
MATRIX = np.array([[1, 2, 0.5], [1, 1.5, -0.25], [-3, 0, 2e-5], [0, 0, 8]], dtype=np.float32)


def text_lines(words=WORDS, matrix=MATRIX):
    return [
        f"{word} {' '.join(map(str, row))}"
        for word, row in zip(words, matrix.tolist(), strict=True)
    ]


def glove_bytes():
    return "\n".join([*text_lines(), ""]).encode()


def vec_bytes(count=4):
    return "\n".join([f"{count} 3", *text_lines(), ""]).encode()


def word2vec_bytes(count=4, newline=b"\n"):
    rows = [
        word.encode() + b" " + row.tobytes() + newline
        for word, row in zip([*WORDS[:3], "name@domain.com"], MATRIX, strict=True)
    ]
    return f"{count} 3\n".encode() + b"".join(rows)


@pytest.fixture
def animals():
    words = ["cat", "dog", "car", "van", "nothing"]
    matrix = np.array([[3, 0], [4, 1], [0, 2], [-1, 3], [0, 0]], dtype=np.float32)
    return WordVectors(words, matrix)


def test_look_up(animals):
    assert len(animals) == 5
    assert "cat" in animals and "Cat" not in animals
    assert animals.index["van"] == 3
    np.testing.assert_array_equal(animals["dog"], [4, 1])
    with pytest.raises(KeyError, match="mouse"):
        animals["mouse"]
    with pytest.raises(KeyError, match="mouse"):
        animals.nearest("mouse")


def test_first_row_of_a_repeated_word_is_looked_up():
    vectors = WordVectors(["cat", "dog", "cat"], MATRIX[:3])
    np.testing.assert_array_equal(vectors["cat"], MATRIX[0])
    assert vectors.index == {"cat": 0, "dog": 1}


@pytest.mark.parametrize(
    ("words", "matrix", "error", "says"),
    [
        (WORDS[:3], MATRIX, ValueError, r"3 words need .* \(3, dimension\), not \(4, 3\)"),
        (WORDS, MATRIX[0], ValueError, r"4 words need .* not \(3,\)"),
        (WORDS, MATRIX[..., None], ValueError, r"4 words need .* not \(4, 3, 1\)"),
        ("four", MATRIX, TypeError, "words must be a list of words, not one string"),
    ],
)
def test_words_and_matrix_must_fit(words, matrix, error, says):
    with pytest.raises(error, match=says):
        WordVectors(words, matrix)


@pytest.mark.parametrize(
    ("vector", "k", "says"),
    [
        ([1, 2, 3], 1, r"must have shape \(2,\), not \(3,\)"),
        ([[1, 2]], 1, r"must have shape \(2,\), not \(1, 2\)"),
        (5, 1, r"must have shape \(2,\), not \(\)"),
        ([1, np.nan], 1, "not finite"),
        ("cat", 0, "k must be at least 1, not 0"),
        ("cat", -1, "k must be at least 1, not -1"),
    ],
)
def test_nearest_refuses_what_cannot_work(animals, vector, k, says):
    with pytest.raises(ValueError, match=says):
        animals.nearest(vector, k=k)


def test_no_words_no_neighbors():
    assert WordVectors(["cat"], MATRIX[:1]).nearest("cat") == []
    assert WordVectors([], MATRIX[:0]).nearest(MATRIX[0]) == []


def test_nearest_by_cosine_leaves_the_word_out(animals):
    neighbors = animals.nearest("cat", k=3)
    assert [word for word, _ in neighbors] == ["dog", "car", "nothing"]
    assert [cosine for _, cosine in neighbors] == pytest.approx([4 / 17**0.5, 0, 0])
    assert len(animals.nearest("cat", k=100)) == 4


def test_nearest_to_a_vector_leaves_nothing_out(animals):
    assert animals.nearest(animals["cat"], k=1) == [("cat", 1.0)]
    assert animals.nearest([0, 5], k=1) == [("car", 1.0)]
    assert len(animals.nearest(np.array([1.0, 1.0]), k=100)) == 5
    assert all(cosine == 0 for _, cosine in animals.nearest("nothing", k=100))


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        lambda content: gzip.compress(gzip.compress(content)),
        lambda content: gzip.compress(codecs.BOM_UTF8 + content),
        lambda content: codecs.BOM_UTF8 + content,
    ],
    ids=["plain", "gzip", "gzip twice", "gzip, mark", "mark"],
)
@pytest.mark.parametrize(
    ("name", "content", "last"),
    [
        ("glove.txt", glove_bytes(), "at name@domain.com"),
        ("fast.vec", vec_bytes(), "at name@domain.com"),
        ("windows.vec", vec_bytes().replace(b"\n", b"\r\n"), "at name@domain.com"),
        ("trailing.vec", vec_bytes().replace(b"\n", b" \n"), "at name@domain.com"),
        ("google.bin", word2vec_bytes(), "name@domain.com"),
        ("gensim.bin", word2vec_bytes(newline=b""), "name@domain.com"),
        ("more_space.bin", word2vec_bytes() + b" \r\n\n", "name@domain.com"),
        ("packed.txt.gz", glove_bytes(), "at name@domain.com"),
        ("packed.vec.gz", vec_bytes(), "at name@domain.com"),
        ("PACKED.BIN.GZ", word2vec_bytes(), "name@domain.com"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_three_formats_packed_or_not(tmp_path, name, content, last, pack):
    path = tmp_path / name
    path.write_bytes(pack(content))
    vectors = read_vectors(str(path))
    assert vectors.words == [*WORDS[:3], last]
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    chosen = read_vectors(path, vocabulary=[last, "dog", "at", "absent"])
    assert chosen.words == ["dog", last]
    np.testing.assert_array_equal(chosen.matrix, MATRIX[[1, 3]])
    assert read_vectors(path, vocabulary=["absent"]).matrix.shape == (0, 3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_read_out_of_an_archive(tmp_path, pack):
    with zipfile.ZipFile(tmp_path / "vectors.zip", "w") as archive:
        archive.writestr("folder/google.bin", pack(word2vec_bytes()))
    vectors = read_vectors(zipfile.Path(tmp_path / "vectors.zip", "folder/google.bin"))
    np.testing.assert_array_equal(vectors.matrix, MATRIX)


@pytest.mark.parametrize("content", [glove_bytes(), vec_bytes(), word2vec_bytes()])
@pytest.mark.parametrize("vocabulary", [None, ["cat"]])
def test_damaged_gzip(tmp_path, content, vocabulary):
    path = tmp_path / ("vectors.bin.gz" if content == word2vec_bytes() else "vectors.gz")
    packed = gzip.compress(content)
    damaged = [packed[:size] for size in range(2, len(packed), 7)]
    damaged += [packed[:-8] + bytes(8), packed[:10] + b"\xff" * 20, packed + b"more"]
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(ValueError, match=r"vectors\.(bin\.)?gz: .*cut off or damaged .* again"):
            read_vectors(path, vocabulary)


def test_damaged_archive(tmp_path):
    path = tmp_path / "vectors.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("google.bin", word2vec_bytes())
    path.write_bytes(path.read_bytes().replace(b"\ndog", b"\ncog"))
    with pytest.raises(ValueError, match=r"vectors.zip/google.bin: .* damaged \(Bad CRC-32"):
        read_vectors(zipfile.Path(path, "google.bin"))


@pytest.mark.parametrize("header", [b"", b"2\t3\n"])
def test_tabs_and_repeated_spaces(tmp_path, header):
    (tmp_path / "tabs.txt").write_bytes(header + b"cat\t1 2\t0.5\nNew York \t 1 1.5 -0.25\n")
    vectors = read_vectors(tmp_path / "tabs.txt")
    assert vectors.words == ["cat", "New York"]
    np.testing.assert_array_equal(vectors.matrix, MATRIX[:2])
    for word in vectors.words:
        assert read_vectors(tmp_path / "tabs.txt", [word]).words == [word]


@pytest.mark.parametrize("newline", [b"", b"\n"])
@pytest.mark.parametrize("rest", ["b", "no", "the", "York", "ABCDEFG", "been there"])
def test_space_in_a_word_of_a_binary_file_is_noticed(tmp_path, rest, newline):
    path = tmp_path / "spaces.bin"
    rng = np.random.default_rng(0)
    for position in range(20):  # chance decides which of the signs shows
        words = [f"word{row}".encode() for row in range(20)]
        words[position] = b"word " + rest.encode()
        matrix = rng.normal(0, 0.3, (20, 50)).astype(np.float32)
        rows = [word + b" " + row.tobytes() for word, row in zip(words, matrix, strict=True)]
        path.write_bytes(b"20 50\n" + newline.join(rows))
        for vocabulary in (None, ["word3"]):
            with pytest.raises(ValueError, match=r"spaces\.bin.* contains a space"):
                read_vectors(path, vocabulary)


def test_first_of_a_repeated_word_counts(tmp_path):
    (tmp_path / "twice.txt").write_bytes(b"cat 1 2\ndog 3 4\ncat 5 6\n")
    vectors = read_vectors(tmp_path / "twice.txt")
    assert vectors.words == ["cat", "dog"]
    assert vectors.matrix.tolist() == [[1, 2], [3, 4]]


def test_unwanted_lines_are_not_parsed(tmp_path):
    (tmp_path / "glove.txt").write_bytes(b"cat 1 2\n\xff\xfe no numbers\ndog 3 4\n")
    assert read_vectors(tmp_path / "glove.txt", vocabulary={"dog"}).words == ["dog"]


def conflict_bytes(newline="\n"):
    """Give the lines of a .vec file with a conflict about the vector of "dog"."""
    header, cat, dog, *others = vec_bytes().decode().split("\n")
    sides = ["<<<<<<< HEAD", dog, "=======", "dog 9 9 9", ">>>>>>> 3f2a1 side branch"]
    return newline.join([header, cat, *sides, *others]).encode()


@pytest.mark.parametrize("vocabulary", [None, ["straße"]])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_merge_conflict_is_named_even_among_unwanted_lines(tmp_path, vocabulary, newline):
    path = tmp_path / "merged.vec"
    content = conflict_bytes(newline)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="line 3: a merge-conflict marker; resolve the conflict"):
        read_vectors(path, vocabulary)
    path.write_bytes(content.replace(b"<<<<<<< HEAD\r\n", b"").replace(b"<<<<<<< HEAD\n", b""))
    with pytest.raises(ValueError, match="line 4: a merge-conflict marker"):
        read_vectors(path, vocabulary)


def test_word_that_looks_like_a_conflict_or_json(tmp_path):
    (tmp_path / "odd.txt").write_bytes(b"[[ 1 2\n======= 3 4\n>>>>>>> 5 6\n<html> 7 8\n")
    words = ["[[", "=======", ">>>>>>>", "<html>"]
    assert read_vectors(tmp_path / "odd.txt").words == words
    assert read_vectors(tmp_path / "odd.txt", ["======="]).matrix.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\n<!DOCTYPE html>\n<html>", r"is a web page \(HTML\), .*: download the file itself"),
        (b"<html>\n", r"is a web page \(HTML\)"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "is a Git-LFS pointer.* `git lfs",
        ),
        (b"PK\x03\x04\x14\0", "is a zip archive, not vectors: unpack it and read the file inside"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive, .* unpack"),
        (b"glove.txt".ljust(257, b"\0") + b"ustar", "is a tar archive, .* unpack"),
        (b"\xfd7zXZ\0", "is an xz file, .* unpack"),
        (b"BZh91AY&SY", "is a bzip2 file, .* unpack"),
        (b"\x28\xb5\x2f\xfd\0", "is a zstd file, .* unpack"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b'{"cat": [1, 2]}', "is JSON"),
        (b'[\n ["cat", 1, 2]]', "is JSON"),
        (b'[{"word": "cat"}]', "is JSON"),
        (b"\x93NUMPY\x01\0", r"is a NumPy array, .* `numpy\.load`"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (pickle.dumps({"cat": 1}), "is a pickle, .* `save_word2vec_format`"),
        ("cat 1 2\n".encode("utf-16"), "is UTF-16 text, not vectors: save it as UTF-8"),
        (FASTTEXT_BINARY + bytes(100), r"is a fastText model, .* read the \.vec file"),
    ],
)
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.bin", "vectors.gz"])
def test_file_of_another_kind_is_recognized(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))} {says}"):
        read_vectors(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "is empty"),
        ("empty.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("mark.txt", codecs.BOM_UTF8, "is empty"),
        ("empty.bin", b"", "is empty"),
        ("words.txt", b"cat\ndog\n", "line 1: expected a word and its numbers"),
        ("short.txt", b"cat 1 2 3\ndog 1 2\n", "line 2: expected a word and 3 numbers, found 2"),
        ("long.txt", b"cat 1 2 3\ndog 1 2 3 -4e-5\n", "line 2: .* 3 numbers, found 4"),
        ("capital.txt", b"cat 1 2 3\ndog 4E-5 2. 3 4\n", "line 2: .* 3 numbers, found 4"),
        ("point.txt", b"cat 1 2\ndog 1. 2. 3.\n", "line 2: .* 2 numbers, found 3"),
        ("tabs.txt", b"cat\t1 2\ndog\t1 2 3\n", "line 2: .* 2 numbers, found 3"),
        ("blank.txt", b"cat 1 2 3\n\ndog 1 2 3\n", "line 2: .* 3 numbers, found 0"),
        ("short.vec", b"2 3\ncat 1 2 3\ndog 1 2\n", "line 3: expected a word and 3 numbers"),
        ("letters.txt", b"cat 1 2 3\ndog 1 2 x3\n", "line 2: could not convert .*'x3'"),
        ("latin1.txt", "cat 1 2\nstraße 1 2\n".encode("latin-1"), "line 2: not UTF-8 text"),
        ("infinite.txt", b"cat 1 2\ndog 1 inf\n", "line 2: the vector of 'dog' is not finite"),
        ("large.txt", b"cat 1 2\ndog 1 1e39\n", "line 2: the vector of 'dog' is not finite"),
        ("more.vec", vec_bytes(count=3), "line 5: 4 words instead of the 3 .*; correct line 1"),
        ("cut.vec", vec_bytes(count=5), "line 5: 4 words instead of the 5 that line 1 announces"),
        (
            "named.txt",
            word2vec_bytes(),
            "line 2: not UTF-8 text; .* name that ends in .bin",
        ),
        ("cut.bin", word2vec_bytes()[:-5], "row 4 of 4: the file is truncated"),
        ("less.bin", word2vec_bytes(count=5), "row 5 of 5: the file is truncated"),
        ("header.bin", b"4 3\n", "row 1 of 4: the file is truncated"),
        ("more.bin", word2vec_bytes(count=3), "more bytes follow row 3 of 3; .* too few words"),
        ("none.bin", word2vec_bytes(count=0), "more bytes follow line 1; .* too few words"),
        ("text.bin", glove_bytes(), "not in word2vec's binary format .* does not end in .bin"),
        ("vec.bin", b"1 3\ncat 0.12 0.34 0.56\n", "is text: .* does not end in .bin"),
        ("huge.bin", b"1 99999999999999\ncat \0\0\0\0", "not in word2vec's binary format"),
        ("nan.bin", b"1 1\ncat \0\0\xc0\x7f", "row 1 of 1: the vector of 'cat' is not one"),
        ("zero.bin", b"1 1\nc\0t \0\0\0\0", "row 1 of 1: 'c.x00t' cannot be a word"),
        ("no_word.bin", b"4 3\n" + b"x" * 5000, "row 1 of 4: no word"),
        ("latin1.bin", b"1 1\nstra\xdfe \0\0\0\0", "row 1 of 1: the word is not UTF-8"),
    ],
)
def test_malformed_file_is_named_with_the_place(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / name))}.*{says}"):
        read_vectors(tmp_path / name)


def test_vocabulary_is_not_one_string(tmp_path, animals):
    for read in (
        lambda: read_vectors(tmp_path / "not opened", "cat"),
        lambda: embedding_matrix("cat", animals),
    ):
        with pytest.raises(TypeError, match=r"vocabulary must be .*not one string \('cat'\)"):
            read()


VOCABULARY = ["", "[UNK]", "dog", "unicorn", "cat"]


def test_embedding_matrix_puts_each_vector_in_its_row(animals):
    matrix, found = embedding_matrix(VOCABULARY, animals)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 0], [4, 1], [0, 0], [3, 0]])
    np.testing.assert_array_equal(found, [False, False, True, False, True])


def test_padding_stays_zero_even_if_there_is_an_empty_word():
    vectors = WordVectors(["", "cat"], MATRIX[:2])
    matrix, found = embedding_matrix(["", "cat"], vectors)
    np.testing.assert_array_equal(matrix, [[0, 0, 0], MATRIX[1]])
    np.testing.assert_array_equal(found, [False, True])


def test_embedding_matrix_draws_missing_rows_but_not_padding(animals):
    matrix, found = embedding_matrix(VOCABULARY, animals, missing="normal", seed=3)
    np.testing.assert_array_equal(matrix[0], 0)
    np.testing.assert_array_equal(matrix[found], [[4, 1], [3, 0]])
    assert (matrix[[1, 3]] != 0).all() and (matrix[1] != matrix[3]).any()
    again, _ = embedding_matrix(VOCABULARY, animals, missing="normal", seed=3)
    np.testing.assert_array_equal(matrix, again)


def test_random_rows_spread_like_the_found_ones():
    known = np.random.default_rng(0).normal([5, -1], [0.1, 2], (4_000, 2)).astype(np.float32)
    vectors = WordVectors([f"w{row}" for row in range(4_000)], known)
    vocabulary = ["", *vectors.words, *(f"missing {row}" for row in range(4_000))]
    drawn = embedding_matrix(vocabulary, vectors, missing="normal")[0][4_001:]
    np.testing.assert_allclose(drawn.mean(axis=0), [5, -1], atol=0.15)
    np.testing.assert_allclose(drawn.std(axis=0), [0.1, 2], rtol=0.1)


def test_embedding_matrix_refuses_what_cannot_work(animals):
    with pytest.raises(ValueError, match="lower case"):
        embedding_matrix(["", "CAT"], animals)
    with pytest.raises(ValueError, match="'zeros' or 'normal', not 'mean'"):
        embedding_matrix(VOCABULARY, animals, missing="mean")
