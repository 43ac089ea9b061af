"""Put a claim to the test: state it before the run, report a verdict after it.

A chapter states a claim together with the number that it has to reach, and only then runs::

    claim = evidence.Claim("1b", measure="share of triples in people's order", at_least=0.75)
    claim
    ...
    claim.report(evidence.bootstrap(in_order), runs="412 triples from MEN")

The verdict follows from the interval and the threshold. An author can only weaken it, by naming
conditions.
The wordings stand in ``claims.toml``; the book's Evidence page is made from the verdicts that
the notebooks store.
"""

import html
import json
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

HOLDS = "holds"
CONDITIONS = "holds with conditions"
FAILS = "does not hold"
UNDECIDED = "not decided here"

MIME_TYPE = "application/vnd.embeddings-book.verdict+json"


class CatalogEntry(NamedTuple):
    """One claim of the subject's folklore: `id` ("2.1a"), `chapter`, `section`, `wording`."""

    id: str
    chapter: int
    section: str
    wording: str


class Estimate(NamedTuple):
    """A measured number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def load_claims():
    """Return the catalogue of claims, in the order of the chapters.

    Returns
    -------
    list of CatalogEntry
    """
    table = tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))
    return [
        CatalogEntry(
            claim_id,
            int(claim_id.rstrip("abcdefghij").split(".")[0]),
            claim_id.rstrip("abcdefghij"),
            wording,
        )
        for claim_id, wording in table["claims"].items()
    ]


def over_seeds(values):
    """Mean of one number per seed, with Student's 95 % interval.

    Parameters
    ----------
    values : sequence of float, shape (n_seeds,)
        At least three.

    Returns
    -------
    Estimate
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 3:
        raise ValueError(f"An interval over seeds needs at least three runs, not {len(values)}.")
    mean = values.mean()
    margin = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return Estimate(float(mean), float(mean - margin), float(mean + margin))


def bootstrap(*samples, statistic=np.mean):
    """A statistic of one sample, or of paired samples, with its bootstrap 95 % interval.

    Parameters
    ----------
    *samples : array_like, each of shape (n,)
        Several samples are resampled together, row by row.
    statistic : callable
        Takes as many arrays as there are samples and returns a float.

    Returns
    -------
    Estimate
        The percentile interval over 2,000 resamples, drawn with a fixed seed.

    References
    ----------
    Efron and Tibshirani (1993), chapter 13.
    """
    samples = [np.asarray(sample) for sample in samples]
    rows = np.random.default_rng(0).integers(len(samples[0]), size=(2000, len(samples[0])))
    resampled = [statistic(*(sample[row] for sample in samples)) for row in rows]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(float(statistic(*samples)), float(low), float(high))


def exactly(value):
    """An estimate without uncertainty: something counted or derived, not sampled."""
    return Estimate(float(value), float(value), float(value))


class Claim:
    """A claim of the catalogue with its threshold, stated before the run.

    Parameters
    ----------
    claim_id : str
        An id of ``claims.toml``, such as "2.1a".
    measure : str
        What will be measured, in words.
    at_least, at_most : float
        The threshold; exactly one of the two. The claim holds if the whole interval keeps it.

    Raises
    ------
    ValueError
        If the id is not in the catalogue, or the thresholds are not exactly one.
    """

    def __init__(self, claim_id, measure, *, at_least=None, at_most=None):
        entries = {entry.id: entry for entry in load_claims()}
        if claim_id not in entries:
            raise ValueError(f"There is no claim {claim_id!r} in claims.toml; it has {[*entries]}.")
        if (at_least is None) == (at_most is None):
            raise ValueError(f"Claim {claim_id}: give exactly one of at_least and at_most.")
        self.entry = entries[claim_id]
        self.measure = measure
        self.at_least = at_least
        self.at_most = at_most

    @property
    def criterion(self):
        """The threshold in words."""
        if self.at_most is None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}"

    def judge(self, estimate):
        """Compare one estimate's interval with the threshold and return the verdict."""
        if self.at_most is None:
            kept, broken = estimate.low >= self.at_least, estimate.high < self.at_least
        else:
            kept, broken = estimate.high <= self.at_most, estimate.low > self.at_most
        return HOLDS if kept else FAILS if broken else UNDECIDED

    def report(self, estimates, *, runs, conditions="", would_decide=""):
        """Give the verdict on the claim.

        Parameters
        ----------
        estimates : Estimate or dict of str to Estimate
            One number, or one for each named case. Where some cases keep the threshold and
            others do not, the claim holds with conditions: for the cases that keep it.
        runs : str
            What the intervals are over: how many seeds, pairs, reviews.
        conditions : str
            What restricts a claim that the numbers support.
        would_decide : str
            What it would take to decide; owed where the verdict is "not decided here".

        Returns
        -------
        Verdict
        """
        if isinstance(estimates, Estimate):
            estimates = {"": estimates}
        judged = {name: self.judge(estimate) for name, estimate in estimates.items()}
        outcomes = set(judged.values())
        if outcomes == {HOLDS}:
            verdict = CONDITIONS if conditions else HOLDS
        elif HOLDS in outcomes:
            verdict = CONDITIONS
            where = "; ".join(
                f"{outcome}: {', '.join(name for name in judged if judged[name] == outcome)}"
                for outcome in (HOLDS, FAILS, UNDECIDED)
                if outcome in outcomes
            )
            conditions = f"{where}. {conditions}".strip()
        elif outcomes == {FAILS}:
            verdict = FAILS
        else:
            verdict = UNDECIDED
            if not would_decide:
                raise ValueError(
                    f"Claim {self.entry.id} is not decided by {estimates}: "
                    "say in would_decide what would decide it."
                )
            conditions = f"{conditions} To decide it: {would_decide}".strip()
        return Verdict(
            id=self.entry.id,
            wording=self.entry.wording,
            verdict=verdict,
            measure=self.measure,
            criterion=self.criterion,
            runs=runs,
            conditions=conditions,
            estimates=[
                {
                    "name": name,
                    "value": round(estimate.value, 4),
                    "low": round(estimate.low, 4),
                    "high": round(estimate.high, 4),
                    "verdict": judged[name],
                }
                for name, estimate in estimates.items()
            ],
        )

    def __repr__(self):
        return (
            f"Claim {self.entry.id}: {self.entry.wording}\n"
            f"Measured: {self.measure}\n"
            f"It holds if that is {self.criterion}, over the whole 95 % interval."
        )

    def _repr_html_(self):
        return (
            f'<div class="claim"><p><strong>Claim {self.entry.id}.</strong> '
            f"{html.escape(self.entry.wording)}</p>"
            f"<p>Measured: {html.escape(self.measure)}. "
            f"It holds if that is <strong>{self.criterion}</strong>, "
            "over the whole 95 % interval.</p></div>"
        )


def format_estimate(estimate):
    """Write an estimate (a dict with value, low and high) as "0.874 [0.831, 0.902]"."""
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    digits = 3 if abs(value) < 10 else 1
    if low == high:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


class Verdict(NamedTuple):
    """A reported claim; shows itself as text, as a card on the site, and as stored data."""

    id: str
    wording: str
    verdict: str
    measure: str
    criterion: str
    runs: str
    conditions: str
    estimates: list

    def __repr__(self):
        lines = [f"Claim {self.id}: {self.wording}", f"Verdict: {self.verdict.upper()}"]
        for estimate in self.estimates:
            name = f"{estimate['name']}: " if estimate["name"] else ""
            lines.append(f"  {name}{format_estimate(estimate)}")
        lines += [f"Measured: {self.measure}", f"Holds if: {self.criterion}", f"Runs: {self.runs}"]
        if self.conditions:
            lines.append(f"Note: {self.conditions}")
        return "\n".join(lines)

    def _repr_html_(self):
        rows = "".join(
            f"<li>{html.escape(estimate['name'])} {format_estimate(estimate)}"
            + (f" ({estimate['verdict']})" if len(self.estimates) > 1 else "")
            + "</li>"
            for estimate in self.estimates
        )
        conditions = f"<p>Note: {html.escape(self.conditions)}</p>" if self.conditions else ""
        return (
            f'<div class="verdict verdict-{self.verdict.replace(" ", "-")}" id="{anchor(self.id)}">'
            f"<p><strong>Claim {self.id}: {self.verdict}.</strong> {html.escape(self.wording)}</p>"
            f"<ul>{rows}</ul>"
            f"<p>Measured: {html.escape(self.measure)}. Holds if {self.criterion}. "
            f"Runs: {html.escape(self.runs)}.</p>{conditions}</div>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        stored = {key: value for key, value in self._asdict().items() if key != "wording"}
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            MIME_TYPE: stored,
        }


def anchor(claim_id):
    """The id of a claim's card in the chapter's page: "claim-2-1a" for "2.1a"."""
    return "claim-" + claim_id.replace(".", "-")


def collect_verdicts(notebooks):
    """Read the verdicts that executed notebooks store.

    Parameters
    ----------
    notebooks : iterable of path-like

    Returns
    -------
    dict
        Claim id to the stored verdict (id, verdict, measure, criterion, runs, conditions,
        estimates), with "chapter" (the file's stem) and "anchor" (the card's id) added.

    Raises
    ------
    ValueError
        If a verdict's claim is not in the catalogue, or a claim is reported twice.
    """
    known = {entry.id for entry in load_claims()}
    verdicts = {}
    for notebook in map(Path, notebooks):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        outputs = (output for cell in cells for output in cell.get("outputs", []))
        for stored in (o["data"][MIME_TYPE] for o in outputs if MIME_TYPE in o.get("data", {})):
            claim_id = stored["id"]
            if claim_id not in known:
                raise ValueError(f"{notebook.name} reports claim {claim_id}, not in claims.toml.")
            if claim_id in verdicts:
                raise ValueError(f"Claim {claim_id} is reported twice, again in {notebook.name}.")
            place = {"chapter": notebook.stem, "anchor": anchor(claim_id)}
            verdicts[claim_id] = stored | place
    return verdicts
