"""The stored run of evidence 15.1 is the one that its program and its design declare."""

import numpy as np

from book.evidence.runs import sentiment
from helpers import evidence


def test_pairs_of_neighbors_follow_the_words():
    rows = sentiment.add_pairs(np.array([[7, 8, 0], [8, 7, 8]]), vocab_size=20)
    np.testing.assert_array_equal(rows[:, :3], [[7, 8, 0], [8, 7, 8]])
    assert rows[0, 3] == 20 + (7 * 10_007 + 8) % sentiment.NUM_PAIRS
    assert rows[0, 4] == 0  # a pair with padding is padding
    assert rows[1, 4] == rows[0, 3] != rows[1, 3]  # the same pair again; its order counts


def test_stored_run_is_the_one_that_the_design_declares():
    assert set(evidence.Claim("15.1a").entry.runs.items()) == {
        (name, sentiment.RUNS) for name in sentiment.SETTINGS
    }


def test_stored_run_is_the_one_that_the_program_makes():
    stored = sentiment.load_runs()
    for (name, kind), answers in stored.items():
        _, validation, test = sentiment.LOADERS[name]()
        assert answers.validation.shape == (sentiment.RUNS, len(validation.texts))
        assert answers.test.shape == (sentiment.RUNS, len(test.texts))
        assert ((answers.test >= 0) & (answers.test <= 1)).all()
        setting = sentiment.SETTINGS[name]
        first, second = answers.chosen.T
        if kind == "counting":
            assert set(first) <= set(sentiment.FEWEST)
            assert set(second) <= set(sentiment.STRENGTHS)
        else:
            assert set(first) <= set(np.float32(setting.rates))
            assert set(second) <= set(range(1, setting.epochs + 1))
        # Better than guessing, by far: the answers belong to these texts, in this order.
        assert np.mean((answers.test > 0.5) == test.labels) > 0.7
