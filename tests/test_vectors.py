"""Word vectors: look-up, neighbors, and the three official file formats with their faults."""

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
    ("name", "content", "last"),
    [
        ("glove.txt", glove_bytes(), "at name@domain.com"),
        ("fast.vec", vec_bytes(), "at name@domain.com"),
        ("windows.vec", vec_bytes().replace(b"\n", b"\r\n"), "at name@domain.com"),
        ("trailing.vec", vec_bytes().replace(b"\n", b" \n"), "at name@domain.com"),
        ("google.bin", word2vec_bytes(), "name@domain.com"),
        ("gensim.bin", word2vec_bytes(newline=b""), "name@domain.com"),
    ],
)
def test_three_formats(tmp_path, name, content, last):
    path = tmp_path / name
    path.write_bytes(content)
    vectors = read_vectors(str(path))
    assert vectors.words == [*WORDS[:3], last]
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    chosen = read_vectors(path, vocabulary=[last, "dog", "at", "absent"])
    assert chosen.words == ["dog", last]
    np.testing.assert_array_equal(chosen.matrix, MATRIX[[1, 3]])
    assert read_vectors(path, vocabulary=["absent"]).matrix.shape == (0, 3)


def test_read_out_of_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "vectors.zip", "w") as archive:
        archive.writestr("folder/google.bin", word2vec_bytes())
    vectors = read_vectors(zipfile.Path(tmp_path / "vectors.zip", "folder/google.bin"))
    np.testing.assert_array_equal(vectors.matrix, MATRIX)


def test_first_of_a_repeated_word_counts(tmp_path):
    (tmp_path / "twice.txt").write_bytes(b"cat 1 2\ndog 3 4\ncat 5 6\n")
    vectors = read_vectors(tmp_path / "twice.txt")
    assert vectors.words == ["cat", "dog"]
    assert vectors.matrix.tolist() == [[1, 2], [3, 4]]


def test_unwanted_lines_are_not_parsed(tmp_path):
    (tmp_path / "glove.txt").write_bytes(b"cat 1 2\n\xff\xfe no numbers\ndog 3 4\n")
    assert read_vectors(tmp_path / "glove.txt", vocabulary={"dog"}).words == ["dog"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", "is empty"),
        ("empty.bin", b"", "is empty"),
        ("words.txt", b"cat\ndog\n", "line 1: expected a word and its numbers"),
        ("short.txt", b"cat 1 2 3\ndog 1 2\n", "line 2: expected a word and 3 numbers, found 2"),
        ("long.txt", b"cat 1 2 3\ndog 1 2 3 -4e-5\n", "line 2: .* 3 numbers, found 4"),
        ("blank.txt", b"cat 1 2 3\n\ndog 1 2 3\n", "line 2: expected a word and 3 numbers"),
        ("short.vec", b"2 3\ncat 1 2 3\ndog 1 2\n", "line 3: expected a word and 3 numbers"),
        ("letters.txt", b"cat 1 2 3\ndog 1 2 x3\n", "line 2: could not convert .*'x3'"),
        ("latin1.txt", "cat 1 2\nstraße 1 2\n".encode("latin-1"), "line 2: not UTF-8 text"),
        ("infinite.txt", b"cat 1 2\ndog 1 inf\n", "line 2: the vector of 'dog' is not finite"),
        ("cut.vec", vec_bytes(count=5), "line 5: 4 words instead of the 5 that line 1 announces"),
        ("named.txt", word2vec_bytes(), "line 2: (not UTF-8|expected|could not convert)"),
        ("cut.bin", word2vec_bytes()[:-5], "row 4 of 4: the file is truncated"),
        ("less.bin", word2vec_bytes(count=5), "row 5 of 5: the file is truncated"),
        ("header.bin", b"4 3\n", "row 1 of 4: the file is truncated"),
        ("text.bin", glove_bytes(), "not in word2vec's binary format"),
        ("no_word.bin", b"4 3\n" + b"x" * 5000, "row 1 of 4: no word"),
        ("latin1.bin", b"1 1\nstra\xdfe \0\0\0\0", "row 1 of 1: the word is not UTF-8"),
        ("fasttext.bin", FASTTEXT_BINARY + bytes(100), r"fastText model; read the \.vec file"),
    ],
)
def test_malformed_file_is_named_with_the_place(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / name))}.*{says}"):
        read_vectors(tmp_path / name)


VOCABULARY = ["", "[UNK]", "dog", "unicorn", "cat"]


def test_embedding_matrix_puts_each_vector_in_its_row(animals):
    matrix, found = embedding_matrix(VOCABULARY, animals)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[0, 0], [0, 0], [4, 1], [0, 0], [3, 0]])
    np.testing.assert_array_equal(found, [False, False, True, False, True])


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
