"""How well word vectors agree with people: similarity and analogies. Chapter 8 teaches it."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from helpers.data import Analogy, SimilaritySet
from helpers.vectors import WordVectors


def similarity_scores(vectors: WordVectors, pairs: SimilaritySet) -> np.ndarray:
    """Cosine similarity of each pair of a similarity set; chapter 8 teaches it.

    Parameters
    ----------
    vectors : WordVectors
    pairs : helpers.data.SimilaritySet

    Returns
    -------
    ndarray of float, shape (number of pairs,)
        NaN where one of the words has no vector, neither as published nor in lower case.
    """
    first, second = (_rows_as_published(vectors, words) for words in (pairs.first, pairs.second))
    products = (vectors.matrix[first] * vectors.matrix[second]).sum(axis=1)
    cosines = products / vectors.lengths[first] / vectors.lengths[second]
    return np.where((first < 0) | (second < 0), np.nan, cosines)


def rank_correlation(vectors: WordVectors, pairs: SimilaritySet) -> tuple[float, float]:
    """Spearman correlation of cosines with people's scores, and the share of pairs it is over.

    Compare two sets of vectors on the pairs that both cover, or on one vocabulary. Chapter 8
    teaches it.

    Parameters
    ----------
    vectors : WordVectors
    pairs : helpers.data.SimilaritySet

    Returns
    -------
    correlation : float
        From -1 to 1; NaN when fewer than two pairs are covered.
    coverage : float
        From 0 to 1.
    """
    scores = similarity_scores(vectors, pairs)
    covered = ~np.isnan(scores)
    if covered.sum() < 2:
        return float("nan"), float(covered.mean())
    correlation = stats.spearmanr(scores[covered], pairs.scores[covered]).statistic
    return float(correlation), float(covered.mean())


def answer_analogies(
    vectors: WordVectors,
    analogies: Sequence[Analogy],
    method: str = "3CosAdd",
    exclude_inputs: bool = True,
) -> list[str | None]:
    """Answer *a is to b as c is to ?* for each analogy; chapter 8 teaches it.

    Parameters
    ----------
    vectors : WordVectors
        The answer is sought among all its words.
    analogies : sequence of helpers.data.Analogy
    method : {"3CosAdd", "3CosMul"}
        Mikolov et al. (2013), and Levy and Goldberg (2014).
    exclude_inputs : bool
        Whether a, b and c are barred as answers.

    Returns
    -------
    list of str or None, one for each analogy
        None where a, b or c has no vector, neither as published nor in lower case. The answer is
        spelled as the vectors spell it: mind the case when comparing it with d.

    Raises
    ------
    ValueError
        When the method is neither.
    """
    if method not in ("3CosAdd", "3CosMul"):
        raise ValueError(f"method must be '3CosAdd' or '3CosMul', not {method!r}.")
    unit = vectors.matrix / vectors.lengths[:, None]
    asked = [_rows_as_published(vectors, question[1:4]) for question in analogies]
    rows = np.reshape(asked, (-1, 3)).astype(int)
    known = np.flatnonzero((rows >= 0).all(axis=1))
    answers: list[str | None] = [None] * len(analogies)
    for start in range(0, len(known), 512):  # (512, words) scores at a time, not all at once
        batch = rows[known[start : start + 512]]
        a, b, c = batch.T
        if method == "3CosAdd":
            scores = (unit[b] - unit[a] + unit[c]) @ unit.T
        else:
            near_a, near_b, near_c = ((unit[word] @ unit.T + 1) / 2 for word in (a, b, c))
            scores = near_b * near_c / (near_a + 0.001)
        if exclude_inputs:
            np.put_along_axis(scores, batch, -np.inf, axis=1)
        for position, answer in zip(known[start : start + 512], scores.argmax(axis=1), strict=True):
            answers[position] = vectors.words[answer]
    return answers


def _rows_as_published(vectors: WordVectors, words: Sequence[str]) -> np.ndarray:
    """Row of each word, or of its lower-case form where it has none itself, or -1."""
    index = vectors.index
    return np.array([index.get(word, index.get(word.lower(), -1)) for word in words], dtype=int)
