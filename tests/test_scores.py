"""Similarity and analogy scores, on vectors small enough to check by hand."""

import numpy as np
import pytest

from helpers.data import Analogy, SimilaritySet
from helpers.scores import answer_analogies, rank_correlation, similarity_scores
from helpers.vectors import WordVectors


@pytest.fixture
def animals():
    words = ["cat", "dog", "car", "van", "nothing"]
    matrix = np.array([[3, 0], [4, 1], [0, 2], [-1, 3], [0, 0]], dtype=np.float32)
    return WordVectors(words, matrix)


def rated(*pairs):
    first, second, scores = zip(*pairs, strict=True)
    return SimilaritySet("rated", list(first), list(second), np.array(scores, dtype=float))


def test_similarity_scores_are_cosines_and_nan_where_a_word_is_missing(animals):
    pairs = rated(("cat", "dog", 9), ("Cat", "car", 5), ("cat", "mouse", 5), ("cat", "nothing", 1))
    scores = similarity_scores(animals, pairs)
    np.testing.assert_allclose(scores, [4 / 17**0.5, 0, np.nan, 0], atol=1e-6)


def test_rank_correlation_is_over_covered_pairs(animals):
    pairs = [("cat", "dog", 9), ("cat", "car", 5), ("cat", "van", 1), ("cat", "mouse", 9)]
    assert rank_correlation(animals, rated(*pairs)) == (pytest.approx(1), 0.75)
    backwards = [(first, second, -score) for first, second, score in pairs]
    assert rank_correlation(animals, rated(*backwards))[0] == pytest.approx(-1)
    correlation, coverage = rank_correlation(animals, rated(("cat", "mouse", 9)))
    assert np.isnan(correlation) and coverage == 0


@pytest.fixture
def family():
    words = ["man", "woman", "king", "queen", "apple"]
    matrix = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [0.3, -0.5, -0.5]])
    return WordVectors(words, matrix.astype(np.float32))


@pytest.mark.parametrize("method", ["3CosAdd", "3CosMul"])
def test_answer_analogies(family, method):
    questions = [
        Analogy("family", "man", "woman", "king", "queen"),
        Analogy("family", "Man", "king", "woman", "queen"),
        Analogy("family", "man", "woman", "emperor", "empress"),
    ]
    assert answer_analogies(family, questions, method) == ["queen", "queen", None]


def test_inputs_are_barred_only_where_asked(family):
    question = [Analogy("same", "man", "man", "king", "king")]
    assert answer_analogies(family, question, exclude_inputs=False) == ["king"]
    assert answer_analogies(family, question) == ["queen"]


def test_methods_differ_and_others_are_refused(family):
    with pytest.raises(ValueError, match="'3CosAdd' or '3CosMul', not 'add'"):
        answer_analogies(family, [], "add")
    # By hand: 3CosAdd sums the evidence, so that one large cosine can outvote a small one;
    # 3CosMul multiplies it.
    axes = WordVectors(
        ["a", "b", "c", "balanced", "lopsided"],
        np.array(
            [
                [0, 0, 0, 1],
                [1, 0, 0, 0],
                [0, 1, 0, 0],
                [0.45, 0.45, 0.7714, 0],
                [-0.05, 0.998, 0, 0],
            ],
            dtype=np.float32,
        ),
    )
    question = [Analogy("by hand", "a", "b", "c", "")]
    assert answer_analogies(axes, question, "3CosAdd") == ["lopsided"]
    assert answer_analogies(axes, question, "3CosMul") == ["balanced"]


def test_no_question_has_no_answer(family):
    assert answer_analogies(family, []) == []
