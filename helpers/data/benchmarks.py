"""Words and what people say of them: similarity, analogies, associations, lemmas."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from helpers import wheels


class SimilaritySet(NamedTuple):
    """Word pairs that people rated: `scores`, shape (number of pairs,), on the set's own scale."""

    name: str
    first: list[str]
    second: list[str]
    scores: np.ndarray


class Analogy(NamedTuple):
    """A question: `a` is to `b` as `c` is to `d`."""

    category: str
    a: str
    b: str
    c: str
    d: str


class AssociationTest(NamedTuple):
    """A WEAT: `human_effect` is the effect size (Cohen's d) with people, NaN if not reported."""

    name: str
    first_target: list[str]
    second_target: list[str]
    first_attribute: list[str]
    second_attribute: list[str]
    human_effect: float


def load_similarity(name: str) -> SimilaritySet:
    """Load word pairs with people's ratings, as published (case included).

    Parameters
    ----------
    name : {"men", "rare_words", "rg65", "mturk", "simlex999", "wordsim353"}
    """
    text = wheels.member("similarity", name).read_text(encoding="utf-8")
    pairs = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    first, second, scores = zip(*pairs, strict=True)
    return SimilaritySet(name, list(first), list(second), np.array(scores, dtype=float))


def load_analogies(name: str) -> list[Analogy]:
    """Load analogy questions, as published (case included).

    Parameters
    ----------
    name : {"google", "msr"}
    """
    questions = []
    category = ""
    for line in wheels.member("analogies", name).read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            category = line.removeprefix(":").strip()
        elif line:
            questions.append(Analogy(category, *line.split()))
    return questions


def load_weat() -> list[AssociationTest]:
    """Load the ten association tests, without the names that the authors removed as too rare.

    Source: Caliskan, Bryson and Narayanan (2017).
    """
    tests = []
    for record in json.loads(wheels.member("weat", "tests").read_text(encoding="utf-8")):
        lists = [record[field] for field in AssociationTest._fields[1:5]]
        words = [
            [word for word in each["words"] if word not in each.get("remove", [])] for each in lists
        ]
        effect = float(record["original_finding"]["d"] or "nan")
        tests.append(AssociationTest(", ".join(each["name"] for each in lists), *words, effect))
    return tests


def load_gender_lists() -> dict[str, list]:
    """Load word lists on gender. Source: Bolukbasi et al. (2016).

    Returns
    -------
    dict
        "definitional_pairs", each (female, male); "equalize_pairs", in either order;
        "specific_full" and the shorter "specific_seed", words that have a gender; "professions",
        each with a definitional and a stereotypical rating from -1 (female) to 1 (male).
    """
    return json.loads(wheels.member("gender_bias", "lists").read_text(encoding="utf-8"))["gender"]


def load_word_forms(language: str) -> Mapping[str, str]:
    """Load the lemma of each word form of a language, from the simplemma library.

    Parameters
    ----------
    language : str
        ISO code: "fi" (Finnish, 3.55 million forms, some seconds), "hu", "tr", "de", "en" …
    """
    from simplemma.strategies import DefaultDictionaryFactory  # used in one chapter only

    return DefaultDictionaryFactory().get_dictionary(language)
