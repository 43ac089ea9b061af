"""Figures that several chapters draw.

Every function draws one message into `ax` (a new figure's axes if none is given) and returns it,
so that a chapter can add its own title, labels and notes.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike


def use_book_style() -> None:
    """Apply the book's one style file; the setup cell of every chapter calls this."""
    plt.style.use(Path(__file__).with_name("book.mplstyle"))


def plot_history(history: Any, metric: str = "accuracy", ax: Axes | None = None) -> Axes:
    """Draw a metric on training and validation data over the epochs, and mark the best epoch.

    Parameters
    ----------
    history : keras.callbacks.History or dict of str to list of float
        What ``model.fit`` returns, with validation data.
    metric : str
        A key of the history: "loss", "accuracy", ...
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    KeyError
        If the history has no such metric, or none on validation data.
    """
    values = getattr(history, "history", history)
    for key in (metric, f"val_{metric}"):
        if key not in values:
            raise KeyError(f"The history has no {key!r}; it has {sorted(values)}.")
    ax = ax or plt.subplots()[1]
    epochs = np.arange(1, len(values[metric]) + 1)
    for key, name, style in ((metric, "training", "--"), (f"val_{metric}", "validation", "-")):
        ax.plot(epochs, values[key], style, marker="o", label=name)
    validation = np.asarray(values[f"val_{metric}"])
    best = validation.argmin() if "loss" in metric else validation.argmax()
    ax.plot(epochs[best], validation[best], "o", ms=11, mfc="none", color="#222222")
    ax.set(xlabel="epoch", ylabel=metric, xticks=epochs)
    return label_lines(ax)


def label_lines(ax: Axes) -> Axes:
    """Write each labeled line's label at its right end, in its color, labels kept apart.

    Call it last, when scales and limits are set.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Lines whose label starts with an underscore (Matplotlib's own) are left out.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax.autoscale_view()
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]
    ends = [ax.transData.transform(line.get_xydata()[-1]) for line in lines]
    gap = 1.3 * plt.rcParams["font.size"] * ax.figure.dpi / 72  # one line of text, in pixels
    lowest = -np.inf
    for index in np.argsort([y for _, y in ends]):
        line, (_, y) = lines[index], ends[index]
        lowest = max(y, lowest + gap)
        ax.annotate(
            line.get_label(),
            line.get_xydata()[-1],
            xytext=(8, (lowest - y) * 72 / ax.figure.dpi),
            textcoords="offset points",
            va="center",
            color=_for_text(line.get_color()),
            annotation_clip=False,
        )
    return ax


def _for_text(color: Any) -> tuple[float, ...]:
    """Darken a color of the palette until letters in it can be read on white."""
    return tuple(0.65 * np.array(to_rgb(color)))


def plot_words(
    points: ArrayLike,
    words: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw words as labeled points in the plane, with labels that do not cover each other.

    Parameters
    ----------
    points : array_like, shape (n_words, 2)
    words : sequence of str, length n_words
    groups : sequence of hashable, length n_words, optional
        Words of one group share a color and a marker.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `points` is not two-dimensional data with one row a word.
    """
    points = np.asarray(points)
    if points.shape != (len(words), 2):
        raise ValueError(
            f"{len(words)} words need points of shape ({len(words)}, 2), not {points.shape}."
        )
    ax = ax or plt.subplots(figsize=(6.4, 4.8))[1]
    groups = np.asarray(["words"] * len(words) if groups is None else groups)
    labels = []
    for group, marker in zip(dict.fromkeys(groups), "os^DvPX" * len(words), strict=False):
        rows = np.flatnonzero(groups == group)
        dots = ax.scatter(*points[rows].T, marker=marker, label=group)
        color = _for_text(dots.get_facecolor()[0])
        labels += [ax.text(*points[row], words[row], color=color, fontsize=10) for row in rows]
    ax.margins(0.1)
    adjust_text(
        labels,
        ax=ax,
        expand=(1.2, 1.6),
        iter_lim=300,  # by steps, not by the clock: the same picture on a slow machine
        arrowprops={"arrowstyle": "-", "color": "#999999", "lw": 0.6},
    )
    return ax


def plot_similarity(matrix: ArrayLike, words: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw a matrix of cosine similarities as a heat map, with the numbers written in.

    Parameters
    ----------
    matrix : array_like, shape (n_words, n_words)
        Cosine similarities, from -1 to 1.
    words : sequence of str, length n_words
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the matrix does not have one row and one column a word.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(words), len(words)):
        raise ValueError(
            f"{len(words)} words need a matrix of shape {(len(words),) * 2}, not {matrix.shape}."
        )
    ax = ax or plt.subplots(figsize=(5.6, 4.6))[1]
    # Zero is a meaningful middle: no similarity.
    image = ax.imshow(matrix, cmap="RdBu", vmin=-1, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        value = matrix[row, column]
        color = "white" if abs(value) > 0.6 else "#222222"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=9)
    ax.set_xticks(range(len(words)), words, rotation=45, ha="right")
    ax.set_yticks(range(len(words)), words)
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label="cosine similarity")
    return ax


def plot_seed_band(x: ArrayLike, values: ArrayLike, label: str, ax: Axes | None = None) -> Axes:
    """Draw a curve measured with several seeds: the mean, and the range from lowest to highest.

    Parameters
    ----------
    x : array_like, shape (n_points,)
    values : array_like, shape (n_seeds, n_points)
    label : str
        `label_lines` writes it at the right end of the curve.
    ax : matplotlib.axes.Axes, optional
        Call again with the same axes for further curves, then `label_lines` once.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `values` does not have one column a point.
    """
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != len(x):
        raise ValueError(
            f"{len(x)} points need values of shape (n_seeds, {len(x)}), not {values.shape}."
        )
    ax = ax or plt.subplots()[1]
    (line,) = ax.plot(x, values.mean(axis=0), marker="o", label=label)
    ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2)
    return ax


def plot_estimates(estimates: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Draw estimates as dots with their intervals, the values written beside them.

    Parameters
    ----------
    estimates : dict of str to sequence of float
        Value, low and high end, as in `helpers.evidence.Estimate`; drawn from top to bottom.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or plt.subplots(figsize=(6.4, 0.8 + 0.42 * len(estimates)))[1]
    values, lows, highs = np.transpose([each[:3] for each in estimates.values()])
    positions = np.arange(len(estimates))
    errors = [values - lows, highs - values]
    ax.errorbar(values, positions, xerr=errors, fmt="o", ms=7, capsize=4, color="#0072B2")
    for position, value, high in zip(positions, values, highs, strict=True):
        ax.annotate(
            f"{value:.3f}",
            (high, position),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    ax.set_yticks(positions, [*estimates])
    ax.set_ylim(len(estimates) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.margins(x=0.12)
    return ax
