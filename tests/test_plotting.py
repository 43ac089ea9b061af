"""What the figures draw, and that they return their axes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from helpers import plotting
from helpers.evidence import Estimate


@pytest.fixture(autouse=True)
def book_style():
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    with plt.rc_context():
        plotting.use_book_style()
        yield
    plt.close("all")
    plt.switch_backend(before)


def label_boxes(ax):
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.canvas.draw()
    return [text.get_window_extent(renderer) for text in ax.texts]


def overlapping(boxes):
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


def test_every_function_draws_into_the_given_axes():
    words, points = ["cat", "dog"], np.eye(2)
    history = {"loss": [2, 1], "val_loss": [2, 3]}
    for draw in (
        lambda ax: plotting.plot_history(history, "loss", ax=ax),
        lambda ax: plotting.plot_words(points, words, ax=ax),
        lambda ax: plotting.plot_similarity(points, words, ax=ax),
        lambda ax: plotting.plot_seed_band([1, 2], points, "GloVe", ax=ax),
        lambda ax: plotting.plot_estimates({"a": Estimate(1, 0, 2)}, ax=ax),
    ):
        ax = plt.subplots()[1]
        assert draw(ax) is ax
        assert draw(None) is not ax


def test_history_marks_the_best_epoch():
    ax = plotting.plot_history({"loss": [3, 2, 1], "val_loss": [3, 1, 2]}, "loss")
    assert ax.lines[-1].get_xydata().tolist() == [[2, 1]]
    ax = plotting.plot_history({"accuracy": [0.5, 0.6], "val_accuracy": [0.5, 0.7]})
    assert ax.lines[-1].get_xydata().tolist() == [[2, 0.7]]


def test_history_without_validation_says_what_is_missing():
    with pytest.raises(KeyError, match="val_loss"):
        plotting.plot_history({"loss": [1, 2]}, "loss")


def test_labels_of_crowded_words_do_not_overlap():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(scale=0.15, size=(8, 2)), [[2, 2], [-2, -2]]])
    ax = plotting.plot_words(points, [f"word{i}" for i in range(10)])
    assert not overlapping(label_boxes(ax))


def test_labels_of_lines_that_end_together_do_not_overlap():
    ax = plt.subplots()[1]
    for name in ("one", "two", "three"):
        plotting.plot_seed_band([1, 2], np.array([[0, 1], [0, 1.01]]), name, ax=ax)
    plotting.label_lines(ax)
    assert len(ax.texts) == 3
    assert not overlapping(label_boxes(ax))


def test_seed_band_spans_lowest_to_highest():
    ax = plotting.plot_seed_band([1, 2], np.array([[0, 1], [2, 5], [1, 3]]), "GloVe")
    assert ax.lines[0].get_ydata().tolist() == [1, 3]
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (0, 5)


def test_estimates_draw_their_intervals():
    ax = plotting.plot_estimates({"a": Estimate(0.5, 0.4, 0.8), "b": Estimate(0.2, 0.1, 0.3)})
    assert ax.lines[0].get_xydata().tolist() == [[0.5, 0], [0.2, 1]]
    ends = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert np.allclose(ends, [[0.4, 0.8], [0.1, 0.3]])


def contrast_with_white(color):
    """WCAG 2's contrast ratio."""
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def test_labels_in_every_color_can_be_read():
    _, ax = plt.subplots()
    groups = list("abcdefg")
    plotting.plot_words(np.random.default_rng(0).normal(size=(7, 2)), groups, groups, ax=ax)
    for number in range(7):
        ax.plot([0, 1], [number, number], label=f"line {number}")
    plotting.label_lines(ax)
    assert len(ax.texts) == 14
    assert min(contrast_with_white(text.get_color()) for text in ax.texts) > 4.5


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plotting.plot_words(np.zeros((2, 3)), ["a", "b"]), r"shape \(2, 2\)"),
        (lambda: plotting.plot_similarity(np.zeros((3, 3)), ["a", "b"]), r"shape \(2, 2\)"),
        (lambda: plotting.plot_seed_band([1, 2], np.zeros((5, 3)), "x"), r"\(n_seeds, 2\)"),
    ],
)
def test_wrong_shapes_are_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
