"""Long runs store what they found so that evidence notebooks read the same."""

import numpy as np

from book.evidence.runs import dimensions
from helpers import evidence
from helpers.training import Trained


def test_runs_are_loaded_as_they_were_saved(tmp_path):
    rng = np.random.default_rng(0)
    networks = [Trained(0.5 + 0.1 * run, rng.random(13) < 0.5, 0.01, run) for run in range(3)]
    path = tmp_path / "runs.npz"
    dimensions.save_runs({("IMDB", 3_000, 600, 8): networks}, path)
    loaded = dimensions.load_runs(path)["IMDB", 3_000, 600][8]
    np.testing.assert_array_equal(loaded.right, [each.right for each in networks])
    np.testing.assert_allclose(loaded.validation, [0.5, 0.6, 0.7])
    np.testing.assert_array_equal(loaded.epochs, [0, 1, 2])
    np.testing.assert_allclose(loaded.rates, 0.01)


def test_stored_run_is_the_one_that_the_program_makes():
    stored = dimensions.load_runs()
    wanted = {
        (task, vocab_size, dimensions.MANY_LABELS): dims
        for task in dimensions.TASKS
        for vocab_size, dims in dimensions.DIMS.items()
    } | {(task, 10_000, dimensions.FEW_LABELS): dimensions.FEW_DIMS for task in dimensions.TASKS}
    assert {experiment: tuple(by_dim) for experiment, by_dim in stored.items()} == wanted
    for by_dim in stored.values():
        for runs in by_dim.values():
            assert len(runs.right) == dimensions.RUNS
            assert set(runs.rates) <= set(dimensions.RATES)


def test_stored_run_is_the_one_that_the_designs_declare():
    for claim_id in ("5a", "5b", "5c", "5e", "5h"):
        runs = evidence.Claim(claim_id).entry.runs
        assert {runs[case] for case in runs if "similarity" not in case} == {dimensions.RUNS}
