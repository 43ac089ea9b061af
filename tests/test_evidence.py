"""Intervals, verdicts and the catalogue of claims."""

import json

import numpy as np
import pytest

from helpers import evidence


def claim(**threshold):
    return evidence.Claim("1b", measure="share in order", **(threshold or {"at_least": 0.75}))


def test_catalogue_has_every_chapter_and_unique_wordings():
    entries = evidence.load_claims()
    assert {entry.chapter for entry in entries} == set(range(1, 19))
    assert len({entry.wording for entry in entries}) == len(entries)
    by_id = {entry.id: entry for entry in entries}
    assert (by_id["2.1a"].chapter, by_id["2.1a"].section) == (2, "2.1")
    assert (by_id["10.3a"].chapter, by_id["10.3a"].section) == (10, "10.3")


def test_interval_over_seeds_by_hand():
    # Mean 2, standard error 1/sqrt(3), and Student's t for two degrees of freedom is 4.3027.
    estimate = evidence.over_seeds([1, 2, 3])
    assert estimate.value == pytest.approx(2)
    assert estimate.high - 2 == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert 2 - estimate.low == pytest.approx(estimate.high - 2)


def test_two_seeds_are_no_interval():
    with pytest.raises(ValueError, match="at least three runs, not 2"):
        evidence.over_seeds([0.8, 0.9])


def test_bootstrap_agrees_with_theory():
    sample = np.random.default_rng(1).normal(size=1000)
    estimate = evidence.bootstrap(sample)
    margin = 1.96 * sample.std() / np.sqrt(1000)
    assert estimate.value == sample.mean()
    assert estimate.high - estimate.value == pytest.approx(margin, rel=0.1)
    assert evidence.bootstrap(sample) == estimate


def test_bootstrap_keeps_pairs_together():
    x = np.random.default_rng(1).normal(size=200)
    correlation = evidence.bootstrap(x, 2 * x, statistic=lambda a, b: np.corrcoef(a, b)[0, 1])
    assert correlation.low == pytest.approx(1)


@pytest.mark.parametrize(
    ("threshold", "low", "high", "verdict"),
    [
        ({"at_least": 0.75}, 0.75, 0.9, "holds"),
        ({"at_least": 0.75}, 0.6, 0.74, "does not hold"),
        ({"at_least": 0.75}, 0.7, 0.8, "not decided here"),
        ({"at_most": 0.1}, 0.0, 0.1, "holds"),
        ({"at_most": 0.1}, 0.11, 0.3, "does not hold"),
        ({"at_most": 0.1}, 0.05, 0.3, "not decided here"),
    ],
)
def test_verdict_follows_from_interval_and_threshold(threshold, low, high, verdict):
    estimate = evidence.Estimate((low + high) / 2, low, high)
    reported = claim(**threshold).report(estimate, runs="r", would_decide="more pairs")
    assert reported.verdict == verdict


def test_cases_that_differ_are_conditions():
    good, bad = evidence.Estimate(0.9, 0.8, 1), evidence.Estimate(0.5, 0.4, 0.6)
    verdict = claim().report({"GloVe": good, "random": bad}, runs="r")
    assert verdict.verdict == "holds with conditions"
    assert "holds: GloVe; does not hold: random" in verdict.conditions


def test_author_can_restrict_but_not_raise_a_verdict():
    good, bad = evidence.Estimate(0.9, 0.8, 1), evidence.Estimate(0.5, 0.4, 0.6)
    restricted = claim().report(good, runs="r", conditions="only nouns")
    assert restricted.verdict == "holds with conditions"
    assert claim().report(bad, runs="r", conditions="only nouns").verdict == "does not hold"


def test_undecided_owes_what_would_decide():
    with pytest.raises(ValueError, match="say in would_decide"):
        claim().report(evidence.Estimate(0.75, 0.7, 0.8), runs="r")


def test_unknown_claim_and_wrong_thresholds_are_refused():
    with pytest.raises(ValueError, match=r"no claim '99z' in claims\.toml"):
        evidence.Claim("99z", measure="m", at_least=1)
    for threshold in ({}, {"at_least": 0, "at_most": 1}):
        with pytest.raises(ValueError, match="exactly one"):
            evidence.Claim("1b", measure="m", **threshold)


def test_verdict_is_readable_as_text_and_escaped_as_html():
    verdict = evidence.Claim("1b", measure="a < b", at_least=0.75).report(
        evidence.Estimate(0.874, 0.831, 0.902), runs="412 triples"
    )
    shown = verdict._repr_mimebundle_()
    assert "Verdict: HOLDS\n  0.874 [0.831, 0.902]" in shown["text/plain"]
    assert 'class="verdict verdict-holds" id="claim-1b"' in shown["text/html"]
    assert "a &lt; b" in shown["text/html"]


def store(folder, name, *verdicts):
    outputs = [{"output_type": "display_data", "data": v._repr_mimebundle_()} for v in verdicts]
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    return path


def test_verdicts_are_collected_from_notebooks_once(tmp_path):
    verdict = claim().report(evidence.Estimate(0.9, 0.8, 1), runs="r")
    first, second = store(tmp_path, "01-one", verdict), store(tmp_path, "02-two", verdict)
    collected = evidence.collect_verdicts([first])
    assert collected["1b"]["verdict"] == "holds"
    assert (collected["1b"]["chapter"], collected["1b"]["anchor"]) == ("01-one", "claim-1b")
    with pytest.raises(ValueError, match="1b is reported twice"):
        evidence.collect_verdicts([first, second])
    with pytest.raises(ValueError, match="99z, not in"):
        evidence.collect_verdicts([store(tmp_path, "03-three", verdict._replace(id="99z"))])
