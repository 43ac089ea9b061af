"""Put a claim to the test: state it before the run, report a verdict after it, show it to readers.

The catalogue, ``claims.toml``, holds each claim's wording *and its design*: what is measured, the
threshold, the declared cases, what the intervals are over. An evidence notebook states a claim,
runs, and reports one estimate for each declared case::

    claim = evidence.Claim("5g")
    ...
    claim.report({"time of a step": evidence.over_seeds(ratios, claim.confidence), ...})

The verdict follows from the intervals and the threshold alone. A chapter shows it by
``evidence.show("5g")``, which reads what the evidence notebook stores.
"""

import html
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

HOLDS = "holds"
IN_PART = "holds in part"  # worded "holds in 2 of 3"
FAILS = "does not hold"
UNDECIDED = "not decided here"
KINDS = (HOLDS, IN_PART, FAILS, UNDECIDED)

CLAIM_TYPE = "application/vnd.embeddings-book.claim+json"
MIME_TYPE = "application/vnd.embeddings-book.verdict+json"
CARD_TYPE = "application/vnd.embeddings-book.card+json"

CATALOGUE = Path(__file__).with_name("claims.toml")
ROOT = Path(__file__).resolve().parents[1]
RESAMPLES = 5_000
FEWEST_CLUSTERS, MANY_CLUSTERS = 5, 30


class CatalogEntry(NamedTuple):
    """One claim of the subject's folklore, with the design of its test.

    Attributes
    ----------
    id : str
        Section or chapter with a letter, such as "2.1a".
    chapter : int
    section : str
        "2.1", or "2" for a claim of the whole chapter.
    wording : str
    measure : str
        What is measured; empty while the claim has no design.
    at_least, at_most : float or None
        The threshold; a claim with a design has exactly one.
    cases : tuple of str
        The declared cases; one nameless case if the design names none.
    over : str
        What the intervals are over, in words.
    runs : dict of str to int
        How many runs (seeds, draws, rounds of timing) a case's interval is over, for the cases
        that are over runs.
    items : tuple of int
        For a proportion: how many items each case has. Else empty.
    exact : tuple of str
        The cases that are counted or derived, not sampled.
    conditions : str
        What restricts the claim: a domain, a size, a budget.
    to_decide : str
        What it would take to decide a case that stays open.
    """

    id: str
    chapter: int
    section: str
    wording: str
    measure: str = ""
    at_least: float | None = None
    at_most: float | None = None
    cases: tuple[str, ...] = ("",)
    over: str = ""
    runs: Mapping[str, int] = MappingProxyType({})
    items: tuple[int, ...] = ()
    exact: tuple[str, ...] = ()
    conditions: str = ""
    to_decide: str = ""

    @property
    def criterion(self) -> str:
        """The threshold in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}"


class Estimate(NamedTuple):
    """A measured number with the ends of its interval.

    `confidence` is the interval's level (1 for what is counted or derived), `runs` and `items`
    how many of each it is over, if it is.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95
    runs: int | None = None
    items: int | None = None


@cache
def _read_catalogue(path: Path) -> dict[str, CatalogEntry]:
    entries = {}
    for claim_id, design in tomllib.loads(path.read_text(encoding="utf-8")).items():
        section = claim_id.rstrip("abcdefghij")
        for key in ("cases", "items"):
            if key in design:
                design[key] = tuple(design[key])
        cases = design.get("cases", ("",))
        if isinstance(design.get("runs"), int):  # the same for every case
            design["runs"] = dict.fromkeys(cases, design["runs"])
        if "exact" in design:
            design["exact"] = cases if design["exact"] is True else tuple(design["exact"])
        entries[claim_id] = CatalogEntry(claim_id, int(section.split(".")[0]), section, **design)
    return entries


def load_claims() -> list[CatalogEntry]:
    """Return the catalogue of claims, in the order of the chapters."""
    return list(_read_catalogue(CATALOGUE).values())


def over_seeds(
    values: ArrayLike, confidence: float = 0.95, *, minus: ArrayLike | None = None
) -> Estimate:
    """Mean of one number for each run, with Student's interval.

    Parameters
    ----------
    values : array_like, shape (runs,)
        At least three.
    confidence : float
    minus : array_like, shape (other runs,), optional
        Take the difference from the mean of other, independent runs, with Welch's interval.

    Returns
    -------
    Estimate
    """
    values = np.asarray(values, dtype=float)
    others = values if minus is None else np.asarray(minus, dtype=float)
    fewest = min(len(values), len(others))
    if fewest < 3:
        raise ValueError(f"An interval over seeds needs at least three runs, not {fewest}.")
    if minus is None:
        value, test = values.mean(), stats.ttest_1samp(values, 0)
    else:
        value, test = (
            values.mean() - others.mean(),
            stats.ttest_ind(values, others, equal_var=False),
        )
    low, high = test.confidence_interval(confidence)
    return Estimate(float(value), float(low), float(high), confidence, runs=fewest)


def bootstrap(
    *samples: ArrayLike,
    statistic: Callable[..., float] = np.mean,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """A statistic of items, with its bootstrap interval.

    Parameters
    ----------
    *samples : array_like, each of shape (items, ...)
        Several samples are resampled together, item by item.
    statistic : callable
        Takes as many arrays as there are samples and returns a float.
    clusters : array_like, shape (items,) or (items, 2), optional
        Items with a mark in common are not independent: all questions of one category, all pairs
        with one word. The marks are drawn in place of the items, and an item comes as often as
        its mark was drawn; where it has two (the words of a pair), as often as the product, which
        is on the safe side: pairs with no word in common get too wide an interval.
    confidence : float

    Returns
    -------
    Estimate
        The percentile interval over 5,000 resamples, drawn with a fixed seed; with fewer than 30
        clusters it is widened as Student's t is against the normal distribution.

    Raises
    ------
    ValueError
        If there are fewer than five clusters.

    References
    ----------
    Efron and Tibshirani (1993), chapter 13; Field and Welsh (2007) for clusters; Snijders and
    Borgatti (1999) for pairs.
    """
    samples = [np.asarray(sample) for sample in samples]
    number = len(samples[0])
    marks = np.arange(number) if clusters is None else np.asarray(clusters)
    marks = np.unique(marks, return_inverse=True)[1].reshape(number, -1)
    size = marks.max() + 1
    if clusters is not None and size < FEWEST_CLUSTERS:
        raise ValueError(
            f"{size} clusters are too few for an interval; {FEWEST_CLUSTERS} would do."
        )
    draws = np.random.default_rng(0).integers(size, size=(RESAMPLES, size))
    if clusters is not None:
        times = (np.bincount(draw, minlength=size)[marks].prod(axis=1) for draw in draws)
        draws = (np.repeat(np.arange(number), each) for each in times if each.any())
    resampled = [statistic(*(sample[rows] for sample in samples)) for rows in draws]
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    value = float(statistic(*samples))
    if clusters is not None and size < MANY_CLUSTERS:
        level = (1 + confidence) / 2
        wider = stats.t.ppf(level, size - 1) / stats.norm.ppf(level) * np.sqrt(size / (size - 1))
        low, high = value + wider * (low - value), value + wider * (high - value)
    return Estimate(value, float(low), float(high), confidence, items=number)


def join(over_runs: Estimate, over_items: Estimate) -> Estimate:
    """Join the interval over runs and the interval over items of one number.

    The luck of the runs and the luck of the items are independent and add up, so the distances
    of the ends from the value add as squares. (A bootstrap that draws both at once would be too
    narrow: with five runs or so, Student's interval is needed.)

    References
    ----------
    Zou and Donner (2008), for the sum of two independent parts.
    """
    for part in (over_runs, over_items):
        if part.low == part.high:
            raise ValueError(f"A part without width cannot be joined: {part[:3]}.")
    value = over_runs.value
    low, high = (
        math.hypot(over_runs[end] - value, over_items[end] - over_items.value) for end in (1, 2)
    )
    confidence = min(over_runs.confidence, over_items.confidence)
    return Estimate(value, value - low, value + high, confidence, over_runs.runs, over_items.items)


def crossed(
    table: ArrayLike, clusters: ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """Mean over runs and items, with an interval over both.

    Parameters
    ----------
    table : array_like, shape (runs, items)
        Every run measured on the same items: for each trained model, say, whether it is right on
        each test text; or the differences of two models.
    clusters : array_like, shape (items,), optional
        As in `bootstrap`.
    confidence : float

    Returns
    -------
    Estimate
        See `join`.
    """
    table = np.asarray(table, dtype=float)
    over_items = bootstrap(table.mean(axis=0), clusters=clusters, confidence=confidence)
    return join(over_seeds(table.mean(axis=1), confidence), over_items)


def proportion(successes: float, items: int, confidence: float = 0.95) -> Estimate:
    """A share of successes, with its exact (Clopper–Pearson) interval.

    Raises
    ------
    ValueError
        If the successes are not a whole number from 0 to `items`.
    """
    if successes != round(successes) or not 0 <= successes <= items:
        raise ValueError(f"{successes} successes of {items}: count whole ones, from 0 to {items}.")
    low, high = stats.binomtest(int(successes), items).proportion_ci(confidence, method="exact")
    return Estimate(successes / items, float(low), float(high), confidence, items=items)


def smallest(*estimates: Estimate) -> Estimate:
    """The smallest of several numbers: a claim that asks for all of them at once.

    Make each with the confidence ``1 - (1 - confidence) / len(estimates)``, so that all their
    intervals hold together; the result has the remaining one.
    """
    value, low, high = (min(each[position] for each in estimates) for position in range(3))
    confidence = 1 - sum(1 - each.confidence for each in estimates)
    runs = [each.runs for each in estimates if each.runs]
    return Estimate(value, low, high, confidence, min(runs, default=None), estimates[0].items)


def exactly(value: float) -> Estimate:
    """An estimate without uncertainty: something counted or derived, not sampled."""
    return Estimate(float(value), float(value), float(value), confidence=1.0)


class Claim:
    """A claim of the catalogue, stated before the run; shows its design.

    Parameters
    ----------
    claim_id : str
        An id of ``claims.toml``, such as "2.1a".

    Attributes
    ----------
    confidence : float
        The level that each case's interval must have, so that all intervals of the claim hold
        together with 95 % (Bonferroni): 0.95 with one case, 0.99 with five.

    Raises
    ------
    ValueError
        If the id is not in the catalogue, the claim has no design, its thresholds are not exactly
        one, or a declared case could not keep the threshold even with a perfect score.
    """

    def __init__(self, claim_id: str) -> None:
        catalogue = _read_catalogue(CATALOGUE)
        if claim_id not in catalogue:
            raise ValueError(
                f"There is no claim {claim_id!r} in claims.toml; it has {[*catalogue]}."
            )
        self.entry = entry = catalogue[claim_id]
        if not entry.measure:
            raise ValueError(f"Claim {claim_id} has no design in claims.toml yet.")
        if (entry.at_least is None) == (entry.at_most is None):
            raise ValueError(f"Claim {claim_id}: give exactly one of at_least and at_most.")
        self.confidence = 1 - 0.05 / len(entry.cases)
        if entry.items and len(entry.items) != len(entry.cases):
            raise ValueError(f"Claim {claim_id}: items needs one number for each case.")
        for case, items in zip(entry.cases, entry.items, strict=False):
            best = proportion(items if entry.at_most is None else 0, items, self.confidence)
            if self.judge(best) != HOLDS:
                raise ValueError(
                    f"Claim {claim_id}, case {case!r}: even a perfect score over {items} items, "
                    f"{format_estimate(best)}, could not keep {entry.criterion}."
                )

    def judge(self, estimate: Estimate) -> str:
        """Compare one interval with the threshold: holds, does not hold, or not decided here."""
        low, high = self.entry.at_least, self.entry.at_most
        if low is not None:
            kept, broken = estimate.low >= low, estimate.high < low
        else:
            kept, broken = estimate.high <= high, estimate.low > high
        return HOLDS if kept else FAILS if broken else UNDECIDED

    def report(self, estimates: Estimate | Mapping[str, Estimate]) -> "Verdict":
        """Give the verdict on the claim.

        Parameters
        ----------
        estimates : Estimate or dict of str to Estimate
            One for each declared case; an estimate alone where the design names none.

        Returns
        -------
        Verdict

        Raises
        ------
        ValueError
            If the cases are not the declared ones, an interval is narrower than the claim's
            confidence asks, has no width though it was sampled, or is over other numbers of runs
            or items than declared; or if the verdict is open and the design does not say what
            would decide it.
        """
        entry = self.entry
        estimates = {"": estimates} if isinstance(estimates, Estimate) else estimates
        if set(estimates) != set(entry.cases):
            raise ValueError(
                f"Claim {entry.id} declares the cases {[*entry.cases]}, not {[*estimates]}."
            )
        for case, items in zip(entry.cases, entry.items or (None,) * len(entry.cases), strict=True):
            self._check(case, estimates[case], items)
        judged = {case: self.judge(estimates[case]) for case in entry.cases}
        kind, wording = _verdict(list(judged.values()))
        if kind == UNDECIDED and not entry.to_decide:
            raise ValueError(
                f"Claim {entry.id} is not decided by {estimates}: "
                "say in its to_decide, in claims.toml, what would decide it."
            )
        return Verdict(
            id=entry.id,
            kind=kind,
            verdict=wording,
            measure=entry.measure,
            criterion=entry.criterion,
            over=entry.over,
            conditions=entry.conditions,
            to_decide=entry.to_decide if UNDECIDED in judged.values() else "",
            estimates=[
                {
                    "name": case,
                    "value": round(estimates[case].value, 4),
                    "low": round(estimates[case].low, 4),
                    "high": round(estimates[case].high, 4),
                    "verdict": judged[case],
                }
                for case in entry.cases
            ],
        )

    def _check(self, case: str, estimate: Estimate, items: int | None) -> None:
        """Refuse an estimate that is not what the design declares."""
        place = f"Claim {self.entry.id}" + (f", case {case!r}" if case else "")
        if not np.isfinite(estimate[:3]).all():
            raise ValueError(f"{place}: {estimate[:3]} is not finite.")
        if (estimate.confidence == 1) != (case in self.entry.exact):
            declared = "exact" if case in self.entry.exact else "sampled"
            raise ValueError(f"{place}: it is declared to be {declared}, and did not come so.")
        if case in self.entry.exact:
            return
        if estimate.confidence < self.confidence - 1e-9:
            raise ValueError(
                f"{place}: an interval of {estimate.confidence:.4g} where the claim's "
                f"{len(self.entry.cases)} cases ask for {self.confidence:.4g} (claim.confidence)."
            )
        if estimate.low == estimate.high:
            raise ValueError(
                f"{place}: a sampled interval without width; use exactly() for what is derived."
            )
        if estimate.runs != self.entry.runs.get(case):
            raise ValueError(
                f"{place}: over {estimate.runs} runs, not {self.entry.runs.get(case)}."
            )
        if items is not None and estimate.items != items:
            raise ValueError(f"{place}: over {estimate.items} items, not {items}.")

    def __repr__(self) -> str:
        """Word the claim and its design as plain text."""
        return "\n".join(f"{name}: {text}" for name, text in self._design())

    def _design(self) -> list[tuple[str, str]]:
        entry = self.entry
        level = f"{100 * self.confidence:.4g} % interval"
        cases = f", for each of: {'; '.join(entry.cases)}" if entry.cases != ("",) else ""
        return [
            (f"Claim {entry.id}", entry.wording),
            ("Measured", entry.measure),
            ("It holds if that is", f"{entry.criterion}, over the whole {level}{cases}"),
        ]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rows = "".join(
            f"<p><strong>{name}:</strong> {html.escape(text)}</p>" for name, text in self._design()
        )
        return {
            "text/plain": repr(self),
            "text/html": f'<div class="claim">{rows}</div>',
            CLAIM_TYPE: {"id": self.entry.id},
        }


def _verdict(outcomes: Sequence[str]) -> tuple[str, str]:
    """Kind and wording of the verdict on a claim whose cases came out like this."""
    kept = outcomes.count(HOLDS)
    if kept == len(outcomes):
        return HOLDS, HOLDS
    if kept:
        return IN_PART, f"holds in {kept} of {len(outcomes)}"
    kind = FAILS if FAILS in outcomes else UNDECIDED
    return kind, kind


def format_estimate(estimate: Estimate | Mapping[str, Any]) -> str:
    """Write an estimate, or its stored form, as "0.874 [0.831, 0.902]"."""
    if not isinstance(estimate, Estimate):
        estimate = Estimate(*(estimate[key] for key in ("value", "low", "high")))
    value, low, high = estimate[:3]
    digits = 3 if abs(value) < 10 else 1
    if low == high:
        return f"{value:z.{digits}f}"
    return f"{value:z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"


class Verdict(NamedTuple):
    """A reported claim; shows itself as text, as a full card, and as stored data."""

    id: str
    kind: str
    verdict: str
    measure: str
    criterion: str
    over: str
    conditions: str
    to_decide: str
    estimates: list[dict[str, Any]]

    @property
    def wording(self) -> str:
        """The claim, as the catalogue words it."""
        return _read_catalogue(CATALOGUE)[self.id].wording

    def _cases(self) -> list[str]:
        several = len(self.estimates) > 1
        return [
            (f"{each['name']}: " if each["name"] else "")
            + format_estimate(each)
            + (f" ({each['verdict']})" if several else "")
            for each in self.estimates
        ]

    def _notes(self) -> list[str]:
        notes = [f"Condition: {self.conditions}"] if self.conditions else []
        return notes + ([f"What would decide it: {self.to_decide}"] if self.to_decide else [])

    def __repr__(self) -> str:
        """Word the verdict as plain text."""
        lines = [f"Claim {self.id}: {self.wording}", f"Verdict: {self.verdict.upper()}"]
        lines += [f"  {case}" for case in self._cases()]
        lines += [f"Measured: {self.measure}", f"Holds if: {self.criterion}"]
        return "\n".join([*lines, f"Intervals: {self.over}", *self._notes()])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        details = f"Measured: {self.measure}. Holds if {self.criterion}. Intervals: {self.over}."
        paragraphs = [html.escape(text) for text in (details, *self._notes())]
        return {
            "text/plain": repr(self),
            "text/html": f'<div class="verdict {_kind_class(self)}" id="{anchor(self.id)}">'
            f"<p>{_sentence(self)}</p>{_body(self, paragraphs)}</div>",
            MIME_TYPE: self._asdict(),
        }


class Card(NamedTuple):
    """A stored verdict as a chapter shows it: one line that opens, with a link to its notebook."""

    verdict: Verdict
    link: str

    def _measured(self) -> str:
        verdict = self.verdict
        sampled = any(each["low"] < each["high"] for each in verdict.estimates)
        brackets = " In brackets: what the data leave open (95 %, all cases together)."
        measured = f"Measured: {verdict.measure}; it holds if that is {verdict.criterion}."
        return measured + brackets if sampled else measured

    def __repr__(self) -> str:
        """Word the card as plain text."""
        verdict = self.verdict
        lines = [f"Claim {verdict.id}: {verdict.wording}", f"Verdict: {verdict.verdict.upper()}"]
        lines += [f"  {case}" for case in verdict._cases()]
        lines += [self._measured(), *verdict._notes()]
        return "\n".join([*lines, f"How we measured: {self.link}"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        verdict = self.verdict
        link = f'<a href="{self.link}">How we measured claim {verdict.id}</a>'
        paragraphs = [html.escape(text) for text in (self._measured(), *verdict._notes()[:1])]
        return {
            "text/plain": repr(self),
            "text/html": f'<details class="verdict {_kind_class(verdict)}">'
            f"<summary>{_sentence(verdict)}{_tally(verdict)}</summary>"
            f"{_body(verdict, [*paragraphs, link])}</details>",
            CARD_TYPE: verdict._asdict(),
        }


def _kind_class(verdict: Verdict) -> str:
    """The CSS class of a kind of verdict: "verdict-does-not-hold"."""
    return f"verdict-{verdict.kind.replace(' ', '-')}"


def _sentence(verdict: Verdict) -> str:
    """HTML of the verdict and its claim, in one line."""
    claim = html.escape(verdict.wording)
    return f"<strong>Claim {verdict.id}: {verdict.verdict}.</strong> {claim}"


def _tally(verdict: Verdict) -> str:
    """How the cases came out, if not all alike: " Cases: 1 fails, 2 open."."""
    outcomes = [each["verdict"] for each in verdict.estimates]
    counts = [
        f"{number} {one if number == 1 else more}"
        for kind, one, more in (
            (HOLDS, "holds", "hold"),
            (FAILS, "fails", "fail"),
            (UNDECIDED, "open", "open"),
        )
        if (number := outcomes.count(kind))
    ]
    return f" Cases: {', '.join(counts)}." if len(counts) > 1 else ""


def _body(verdict: Verdict, paragraphs: list[str]) -> str:
    """HTML of a verdict's cases and of further paragraphs, themselves HTML."""
    cases = "".join(f"<li>{html.escape(case)}</li>" for case in verdict._cases())
    return f"<ul>{cases}</ul>" + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def show(claim_id: str) -> Card:
    """Show the verdict on a claim, as the notebook that tests it stores it.

    Parameters
    ----------
    claim_id : str

    Returns
    -------
    Card
        Shows itself as HTML and as text; its link is relative to the folder of the chapters.

    Raises
    ------
    LookupError
        If no notebook of the claim's chapter stores a verdict on it.
    """
    entry = _read_catalogue(CATALOGUE).get(claim_id)
    number = f"{entry.chapter:02d}" if entry else "??"
    for folder in ("book/evidence", "chapters"):
        found = collect_verdicts((ROOT / folder).glob(f"{number}-*.ipynb"))
        if claim_id in found:
            stored = found[claim_id]
            link = f"../{stored.pop('notebook')}.ipynb#{stored.pop('anchor')}"
            return Card(Verdict(**stored), link)
    raise LookupError(
        f"No verdict on claim {claim_id!r} is stored. Execute its evidence notebook first: "
        f"make run CHAPTER={number}"
    )


class Figure(NamedTuple):
    """A figure that an evidence notebook stores, as a chapter shows it."""

    png: str

    def __repr__(self) -> str:
        """Word the figure as plain text."""
        return "<Figure of the evidence notebook>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "image/png": self.png}


def show_figure(name: str) -> Figure:
    """Show a figure as the evidence notebook that draws it stores it.

    Parameters
    ----------
    name : str
        The figure's name in the metadata of its cell, such as "fig-e05-tasks".

    Returns
    -------
    Figure

    Raises
    ------
    LookupError
        If no evidence notebook stores a figure of this name.
    """
    for notebook in sorted((ROOT / "book" / "evidence").glob("*.ipynb")):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == name:
                for output in cell["outputs"]:
                    if "image/png" in output.get("data", {}):
                        return Figure("".join(output["data"]["image/png"]))
    raise LookupError(f"No evidence notebook stores a figure called {name!r}.")


def anchor(claim_id: str) -> str:
    """The id of a verdict's card in its page: "claim-2-1a" for "2.1a"."""
    return "claim-" + claim_id.replace(".", "-")


def collect_verdicts(notebooks: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Read the verdicts that executed notebooks store.

    Parameters
    ----------
    notebooks : iterable of path-like

    Returns
    -------
    dict
        Claim id to the stored verdict (see `Verdict`), with "notebook" (its last folders and its
        name, such as "book/evidence/05-choosing") and "anchor" (the card's id) added.

    Raises
    ------
    ValueError
        If a verdict's claim is not in the catalogue, or a claim is reported twice.
    """
    known = _read_catalogue(CATALOGUE)
    verdicts: dict[str, dict[str, Any]] = {}
    for notebook in sorted(map(Path, notebooks)):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        outputs = (output for cell in cells for output in cell.get("outputs", []))
        for stored in (o["data"][MIME_TYPE] for o in outputs if MIME_TYPE in o.get("data", {})):
            claim_id = stored["id"]
            if claim_id not in known:
                raise ValueError(f"{notebook.name} reports claim {claim_id}, not in claims.toml.")
            if claim_id in verdicts:
                raise ValueError(f"Claim {claim_id} is reported twice, again in {notebook.name}.")
            folder = "book/evidence" if notebook.parent.name == "evidence" else "chapters"
            place = {"notebook": f"{folder}/{notebook.stem}", "anchor": anchor(claim_id)}
            verdicts[claim_id] = stored | place
    return verdicts
