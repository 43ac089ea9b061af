"""Designs, intervals, verdicts, and how they are shown."""

import json

import numpy as np
import pytest
from scipy import stats

from helpers import evidence
from helpers.evidence import Estimate


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Write a catalogue of our own; returns a function that adds claims to it."""
    path = tmp_path / "claims.toml"
    monkeypatch.setattr(evidence, "CATALOGUE", path)

    def add(claim_id="1b", **design):
        design = {"wording": "Cats are near dogs.", "measure": "share in order", **design}
        if not {"at_least", "at_most"} & design.keys():
            design["at_least"] = 0.75
        lines = [
            f"{key} = " + json.dumps(value).replace('":', '" =') for key, value in design.items()
        ]
        previous = path.read_text() if path.exists() else ""
        path.write_text(previous + "\n".join([f'["{claim_id}"]', *lines, ""]))
        evidence._read_catalogue.cache_clear()
        return claim_id

    yield add
    evidence._read_catalogue.cache_clear()


def claim(catalogue, **design):
    return evidence.Claim(catalogue(**design))


GOOD, BAD, OPEN = Estimate(0.9, 0.8, 1, 1), Estimate(0.5, 0.4, 0.6, 1), Estimate(0.75, 0.7, 0.8, 1)
GOOD, BAD, OPEN = (each._replace(confidence=0.999) for each in (GOOD, BAD, OPEN))


# The book's own catalogue


def test_catalogue_has_every_chapter_and_unique_wordings():
    entries = evidence.load_claims()
    assert {entry.chapter for entry in entries} == set(range(1, 19))
    assert len({entry.wording for entry in entries}) == len(entries)
    by_id = {entry.id: entry for entry in entries}
    assert (by_id["2.1a"].chapter, by_id["2.1a"].section) == (2, "2.1")
    assert (by_id["10.3a"].chapter, by_id["10.3a"].section) == (10, "10.3")


@pytest.mark.parametrize("entry", evidence.load_claims(), ids=lambda entry: entry.id)
def test_every_design_can_be_stated(entry):
    if entry.measure:
        stated = evidence.Claim(entry.id)
        assert entry.over and entry.criterion
        assert set(entry.runs) <= set(entry.cases)
        assert entry.measure in repr(stated)
    else:
        with pytest.raises(ValueError, match=f"Claim {entry.id} has no design"):
            evidence.Claim(entry.id)


# Intervals


def test_interval_over_seeds_by_hand():
    # Mean 2, standard error 1/sqrt(3), and Student's t for two degrees of freedom is 4.3027.
    estimate = evidence.over_seeds([1, 2, 3])
    assert estimate.value == pytest.approx(2)
    assert estimate.high - 2 == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert 2 - estimate.low == pytest.approx(estimate.high - 2)
    assert (estimate.confidence, estimate.runs, estimate.items) == (0.95, 3, None)
    wider = evidence.over_seeds([1, 2, 3], 0.99)
    assert wider.high - 2 == pytest.approx(9.9248 / np.sqrt(3), rel=1e-4)


def test_difference_of_independent_runs_is_welchs():
    a, b = [0.8, 0.9, 0.7, 0.85], [0.5, 0.52, 0.51]
    estimate = evidence.over_seeds(a, minus=b)
    variances = np.var(a, ddof=1) / 4, np.var(b, ddof=1) / 3
    degrees = sum(variances) ** 2 / (variances[0] ** 2 / 3 + variances[1] ** 2 / 2)
    margin = stats.t.ppf(0.975, degrees) * np.sqrt(sum(variances))
    assert estimate.value == pytest.approx(np.mean(a) - np.mean(b))
    assert estimate.high - estimate.value == pytest.approx(margin)
    assert estimate.runs == 3


def test_two_seeds_are_no_interval():
    with pytest.raises(ValueError, match="at least three runs, not 2"):
        evidence.over_seeds([0.8, 0.9])
    with pytest.raises(ValueError, match="at least three runs, not 2"):
        evidence.over_seeds([0.8, 0.9, 0.7], minus=[1, 2])


def test_bootstrap_agrees_with_theory():
    sample = np.random.default_rng(1).normal(size=1000)
    estimate = evidence.bootstrap(sample)
    margin = 1.96 * sample.std() / np.sqrt(1000)
    assert estimate.value == sample.mean()
    assert estimate.high - estimate.value == pytest.approx(margin, rel=0.1)
    assert estimate.items == 1000 and estimate.runs is None
    assert evidence.bootstrap(sample) == estimate
    wider = evidence.bootstrap(sample, confidence=0.99)
    assert wider.high - wider.value == pytest.approx(margin * 2.576 / 1.96, rel=0.1)


def test_bootstrap_keeps_pairs_together():
    x = np.random.default_rng(1).normal(size=200)
    correlation = evidence.bootstrap(x, 2 * x, statistic=lambda a, b: np.corrcoef(a, b)[0, 1])
    assert correlation.low == pytest.approx(1)


def test_items_of_one_cluster_are_no_new_evidence():
    sample = np.random.default_rng(1).normal(size=100)
    alone = evidence.bootstrap(sample)
    repeated = evidence.bootstrap(np.repeat(sample, 9), clusters=np.repeat(np.arange(100), 9))
    assert repeated.value == pytest.approx(alone.value)
    assert repeated.low == pytest.approx(alone.low, abs=1e-9)
    blind = evidence.bootstrap(np.repeat(sample, 9))
    assert (repeated.high - repeated.low) / (blind.high - blind.low) == pytest.approx(3, rel=0.1)


def test_pairs_that_share_words_vary_with_the_words():
    # The score of a pair is the sum of its words' own: over n words with all their pairs, the
    # mean has the variance 4 s²/n, however many pairs there are.
    own = np.random.default_rng(1).normal(size=60)
    pairs = np.array([(i, j) for i in range(60) for j in range(i)])
    scores = own[pairs].sum(axis=1)
    estimate = evidence.bootstrap(scores, clusters=pairs)
    margin = 1.96 * np.sqrt(4 * own.var(ddof=1) / 60)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(margin, rel=0.15)


def test_crossed_interval_has_the_luck_of_runs_and_of_items():
    rng = np.random.default_rng(1)
    runs, items = rng.normal(scale=0.3, size=(40, 1)), rng.normal(scale=1, size=(1, 400))
    estimate = evidence.crossed(runs + items)
    variance = runs.var(ddof=1) / 40 + items.var(ddof=1) / 400
    assert (estimate.high - estimate.low) / 2 == pytest.approx(2 * np.sqrt(variance), rel=0.1)
    assert (estimate.runs, estimate.items) == (40, 400)
    only_runs = evidence.over_seeds((runs + items).mean(axis=1))
    only_items = evidence.bootstrap((runs + items).mean(axis=0))
    assert estimate.low < min(only_runs.low, only_items.low)


def test_crossed_intervals_cover_what_they_should():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(60):
        table = 0.5 + rng.normal(scale=0.1, size=(5, 1)) + rng.normal(scale=1, size=(1, 100))
        estimate = evidence.crossed(table)
        hits += estimate.low <= 0.5 <= estimate.high
    assert hits >= 54


def test_few_clusters_widen_the_interval_and_fewer_are_refused():
    values = np.random.default_rng(3).normal(size=8)
    estimate = evidence.bootstrap(np.repeat(values, 20), clusters=np.repeat(np.arange(8), 20))
    student = evidence.over_seeds(values)
    assert (estimate.high - estimate.low) / (student.high - student.low) == pytest.approx(
        1, abs=0.1
    )
    with pytest.raises(ValueError, match="4 clusters are too few"):
        evidence.bootstrap(np.ones(8), clusters=[0, 0, 1, 1, 2, 2, 3, 3])


def test_part_without_width_is_not_joined():
    with pytest.raises(ValueError, match="without width cannot be joined"):
        evidence.join(evidence.over_seeds([1, 2, 3]), evidence.exactly(2))


def test_proportion_is_exact_and_counts_whole_ones():
    # All of n: the lower end is (alpha / 2) ** (1 / n).
    assert evidence.proportion(15, 15).low == pytest.approx(0.025 ** (1 / 15))
    assert evidence.proportion(15, 15).high == 1
    assert evidence.proportion(0, 10, 0.99).high == pytest.approx(1 - 0.005 ** (1 / 10))
    with pytest.raises(ValueError, match=r"4\.5 successes of 10: count whole ones"):
        evidence.proportion(4.5, 10)
    with pytest.raises(ValueError, match="11 successes of 10"):
        evidence.proportion(11, 10)


def test_smallest_of_several_numbers():
    a, b = Estimate(0.3, 0.1, 0.5, 0.975, 5), Estimate(0.2, 0.15, 0.25, 0.975, 10)
    assert evidence.smallest(a, b)[:3] == (0.2, 0.1, 0.25)
    assert evidence.smallest(a, b).confidence == pytest.approx(0.95)
    assert evidence.smallest(a, b).runs == 5


# Verdicts


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
def test_verdict_follows_from_interval_and_threshold(catalogue, threshold, low, high, verdict):
    estimate = Estimate((low + high) / 2, low, high)
    reported = claim(catalogue, **threshold, to_decide="more pairs").report(estimate)
    assert reported.verdict == reported.kind == verdict


@pytest.mark.parametrize(
    ("outcomes", "verdict", "kind"),
    [
        ([GOOD, GOOD, GOOD], "holds", "holds"),
        ([GOOD, BAD, OPEN], "holds in 1 of 3", "holds in part"),
        ([GOOD, GOOD, OPEN], "holds in 2 of 3", "holds in part"),
        ([BAD, BAD, BAD], "does not hold", "does not hold"),
        ([BAD, OPEN, OPEN], "does not hold", "does not hold"),
        ([OPEN, OPEN, OPEN], "not decided here", "not decided here"),
    ],
)
def test_verdict_over_declared_cases(catalogue, outcomes, verdict, kind):
    stated = claim(catalogue, cases=["a", "b", "c"], to_decide="more")
    reported = stated.report(dict(zip("abc", outcomes, strict=True)))
    assert (reported.verdict, reported.kind) == (verdict, kind)
    assert [each["name"] for each in reported.estimates] == ["a", "b", "c"]


def test_cases_are_those_declared_and_no_others(catalogue):
    stated = claim(catalogue, cases=["GloVe", "word2vec"])
    with pytest.raises(ValueError, match=r"declares the cases \['GloVe', 'word2vec'\], not"):
        stated.report({"GloVe": GOOD})
    with pytest.raises(ValueError, match="declares the cases"):
        stated.report({"GloVe": GOOD, "word2vec": GOOD, "random": GOOD})


def test_all_intervals_of_a_claim_hold_together(catalogue):
    stated = claim(catalogue, cases=list("abcde"))
    assert stated.confidence == pytest.approx(0.99)
    cases = dict.fromkeys("abcde", GOOD)
    with pytest.raises(ValueError, match=r"case 'c': an interval of 0\.95 where .* ask for 0\.99"):
        stated.report(cases | {"c": Estimate(0.9, 0.8, 1)})
    wide = Estimate(0.9, 0.8, 1, 0.991)
    assert stated.report(cases | {"c": wide}).verdict == "holds"


def test_what_is_exact_is_declared(catalogue):
    sampled, exact = evidence.over_seeds([0.9, 0.91, 0.92], 0.99), evidence.exactly(1)
    stated = claim(catalogue, cases=["counted", "timed"], exact=["counted"], runs={"timed": 3})
    assert stated.report({"counted": exact, "timed": sampled}).verdict == "holds"
    with pytest.raises(ValueError, match="case 'timed': it is declared to be sampled"):
        stated.report({"counted": exact, "timed": exact})
    with pytest.raises(ValueError, match="case 'counted': it is declared to be exact"):
        stated.report({"counted": sampled, "timed": sampled})
    everything = evidence.Claim(catalogue("1c", cases=["a", "b"], exact=True))
    assert everything.report({"a": exact, "b": exact}).verdict == "holds"


def test_sampled_interval_without_width_is_refused(catalogue):
    with pytest.raises(ValueError, match="without width; use exactly"):
        claim(catalogue).report(Estimate(1, 1, 1))


def test_numbers_that_are_none_are_refused(catalogue):
    with pytest.raises(ValueError, match="is not finite"):
        claim(catalogue).report(Estimate(float("nan"), 0, 1))


def test_design_fixes_the_number_of_runs_and_items(catalogue):
    stated = claim(catalogue, runs=5)
    with pytest.raises(ValueError, match="over 3 runs, not 5"):
        stated.report(evidence.over_seeds([0.9, 0.91, 0.92]))
    assert stated.report(evidence.over_seeds([0.9, 0.91, 0.92, 0.9, 0.9])).kind == "holds"
    by_case = evidence.Claim(catalogue("1c", cases=["a", "b"], runs={"a": 3}))
    with pytest.raises(ValueError, match="case 'b': over 3 runs, not None"):
        by_case.report(dict.fromkeys("ab", evidence.over_seeds([0.9, 0.91, 0.92], 0.99)))
    counted = evidence.Claim(catalogue("2a", items=[40]))
    with pytest.raises(ValueError, match="over 39 items, not 40"):
        counted.report(evidence.proportion(39, 39))


def test_case_that_a_perfect_score_cannot_pass_is_refused_when_stated(catalogue):
    with pytest.raises(ValueError, match=r"case '': even a perfect score over 15 items, 1\.000 \["):
        claim(catalogue, at_least=0.9, items=[15])
    assert evidence.Claim(catalogue("1c", at_least=0.9, items=[36]))
    with pytest.raises(ValueError, match="case 'b': even a perfect score over 36 items"):
        evidence.Claim(catalogue("2a", at_least=0.9, cases=["a", "b"], items=[60, 36]))
    with pytest.raises(ValueError, match="even a perfect score over 15 items"):
        evidence.Claim(catalogue("2b", at_most=0.1, items=[15]))


def test_undecided_owes_what_would_decide(catalogue):
    with pytest.raises(ValueError, match="say in its to_decide"):
        claim(catalogue).report(OPEN)


def test_unknown_claims_and_wrong_thresholds_are_refused(catalogue):
    catalogue("1a", measure="")
    with pytest.raises(ValueError, match=r"no claim '99z' in claims\.toml"):
        evidence.Claim("99z")
    with pytest.raises(ValueError, match="no design"):
        evidence.Claim("1a")
    with pytest.raises(ValueError, match="exactly one"):
        claim(catalogue, at_least=0, at_most=1)


# How they are shown


def test_verdict_is_readable_as_text_and_escaped_as_html(catalogue):
    stated = claim(catalogue, measure="a < b", over="412 triples", conditions="only nouns")
    shown = stated.report(Estimate(0.874, 0.831, 0.902))._repr_mimebundle_()
    assert "Verdict: HOLDS\n  0.874 [0.831, 0.902]" in shown["text/plain"]
    assert "Condition: only nouns" in shown["text/plain"]
    assert 'class="verdict verdict-holds" id="claim-1b"' in shown["text/html"]
    assert "a &lt; b" in shown["text/html"]


def test_stated_claim_shows_its_design(catalogue):
    shown = claim(catalogue, cases=["a", "b"])._repr_mimebundle_()
    assert "at least 0.75, over the whole 97.5 % interval, for each of: a; b" in shown["text/plain"]
    assert shown["text/html"].startswith('<div class="claim">')
    assert shown[evidence.CLAIM_TYPE] == {"id": "1b"}


def store(folder, name, *verdicts):
    outputs = [{"output_type": "display_data", "data": v._repr_mimebundle_()} for v in verdicts]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    return path


def test_verdicts_are_collected_from_notebooks_once(catalogue, tmp_path):
    verdict = claim(catalogue).report(GOOD)
    first = store(tmp_path / "chapters", "01-one", verdict)
    second = store(tmp_path / "evidence", "01-one", verdict)
    collected = evidence.collect_verdicts([first])
    assert collected["1b"]["verdict"] == "holds"
    assert (collected["1b"]["notebook"], collected["1b"]["anchor"]) == (
        "chapters/01-one",
        "claim-1b",
    )
    assert evidence.collect_verdicts([second])["1b"]["notebook"] == "book/evidence/01-one"
    with pytest.raises(ValueError, match="1b is reported twice"):
        evidence.collect_verdicts([first, second])
    stranger = store(tmp_path / "chapters", "03-three", verdict)
    stranger.write_text(stranger.read_text().replace('"id": "1b"', '"id": "99z"'))
    with pytest.raises(ValueError, match="99z, not in"):
        evidence.collect_verdicts([stranger])


@pytest.mark.parametrize(
    ("outcomes", "tally"),
    [
        ("holds holds", ""),
        ("does_not_hold not_decided_here not_decided_here", " Cases: 1 fails, 2 open."),
        ("holds does_not_hold holds does_not_hold", " Cases: 2 hold, 2 fail."),
    ],
)
def test_closed_card_counts_the_cases_unless_they_agree(catalogue, outcomes, tally):
    estimates = [{"verdict": each.replace("_", " ")} for each in outcomes.split()]
    verdict = claim(catalogue).report(GOOD)._replace(estimates=estimates)
    assert evidence._tally(verdict) == tally


def test_chapter_shows_what_the_evidence_notebook_stores(catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    verdict = claim(catalogue, conditions="only < nouns").report(GOOD)
    with pytest.raises(LookupError, match="make run CHAPTER=01"):
        evidence.show("1b")
    store(tmp_path / "chapters", "01-one", verdict)
    assert evidence.show("1b").link == "../chapters/01-one.ipynb#claim-1b"
    store(tmp_path / "book" / "evidence", "01-one", verdict)
    card = evidence.show("1b")
    shown = card._repr_mimebundle_()
    assert "Measured: share in order; it holds if that is at least 0.75." in shown["text/plain"]
    assert card.link == "../book/evidence/01-one.ipynb#claim-1b"
    assert f'<a href="{card.link}">' in shown["text/html"]
    assert "only &lt; nouns" in shown["text/html"]
    assert "id=" not in shown["text/html"]  # the anchor is the evidence notebook's
    assert "Verdict: HOLDS\n  0.900 [0.800, 1.000]" in shown["text/plain"]
    assert shown[evidence.CARD_TYPE] == verdict._asdict()
    assert evidence.MIME_TYPE not in shown  # or the claim would be reported twice
    with pytest.raises(LookupError, match="'99z'"):
        evidence.show("99z")


def test_figure_is_shown_as_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    metadata = {"mystnb": {"figure": {"name": "fig-e01-rows"}}}
    output = {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<F>"}}
    cells = [{"cell_type": "markdown", "metadata": {}, "source": []}]
    cells.append({"cell_type": "code", "metadata": metadata, "outputs": [output]})
    folder = tmp_path / "book" / "evidence"
    folder.mkdir(parents=True)
    (folder / "01-one.ipynb").write_text(json.dumps({"cells": cells}))
    assert evidence.show_figure("fig-e01-rows")._repr_mimebundle_()["image/png"] == "iVBOR"
    with pytest.raises(LookupError, match="fig-e01-columns"):
        evidence.show_figure("fig-e01-columns")
