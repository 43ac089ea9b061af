"""Long runs store what they found so that evidence notebooks read the same."""

import numpy as np

from book.evidence.runs import (
    bench_skipgram,
    dimensions,
    letters,
    outlook,
    sentiment,
    split_words,
    step_times,
    subwords,
    training_data,
    vector_sets,
)
from helpers import evidence
from helpers.skipgram import Corpus
from helpers.training import Trained
from helpers.vectors import WordVectors


def vectors_of(rows):
    return WordVectors([*rows], np.array([*rows.values()], dtype=np.float32))


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


def test_stored_times_are_those_that_the_design_declares():
    stored = np.load(step_times.STORED)
    assert stored["names"].tolist() == ["LSTM", "GRU"]
    assert stored["seconds"].shape == (step_times.ROUNDS, 2)
    assert (stored["seconds"] > 0).all()
    assert evidence.Claim("10.2a").entry.runs["time of a step"] == step_times.ROUNDS


def test_each_word_of_the_treebank_is_judged_once():
    bank = letters.read_treebank()
    numbers = np.array([5, 4_000, 17])
    rows = letters.cut_rows(bank, numbers)
    inner = rows[:, 1:-1].ravel()
    judged = inner[bank.owners[inner] >= 0]
    np.testing.assert_array_equal(np.sort(judged), np.flatnonzero(np.isin(bank.owners, numbers)))
    np.testing.assert_array_equal(rows[:-1, -1], rows[1:, 1])  # the neighbor is the next word
    assert bank.words[bank.owners.tolist().index(0)] == "burda"
    assert letters.lower("IŞIK İLE") == "ışık ile"


def test_stored_letters_are_those_that_the_design_declares():
    bank, stored = letters.read_treebank(), letters.load_runs()
    assert set(evidence.Claim("12.2a").entry.runs.values()) == {letters.RUNS}
    for (kind, run), tagged in stored.items():
        assert tagged.curves.shape == (len(letters.RATES), letters.EPOCHS[kind])
        test = letters.split(bank, run)[2]
        np.testing.assert_array_equal(tagged.places, np.flatnonzero(np.isin(bank.owners, test)))
        np.testing.assert_array_equal(tagged.is_new, stored["words", run].is_new)


def test_stored_subwords_are_those_that_the_program_makes():
    assert set(evidence.Claim("12.1a").entry.runs.values()) == {subwords.RUNS}
    with np.load(subwords.STORED) as stored:
        np.testing.assert_array_equal(stored["pairs"], subwords.read_pairs())
        shape = (subwords.RUNS, len(subwords.RATES), subwords.EPOCHS, len(stored["pairs"]))
        assert stored["plain"].shape == stored["fastText"].shape == shape
        is_unseen = (stored["counts"] < subwords.MIN_COUNT).any(axis=0)
        assert not stored["plain"][..., is_unseen].any()
        assert stored["fastText"][..., is_unseen].all()


def test_noise_does_to_a_text_what_it_says():
    rng = np.random.default_rng(0)
    paragraphs = [
        f"word{'abcdefghij'[row]} of a paragraph , with 9 words" for row in range(10)
    ] * 20
    counts = [len(paragraph.split()) for paragraph in paragraphs]

    typos = training_data.add_noise(paragraphs, "misspelled words", 0.2, rng)
    assert [len(text.split()) for text in typos] == counts
    pairs = [
        pair
        for both in zip(paragraphs, typos, strict=True)
        for pair in zip(*map(str.split, both), strict=True)
    ]
    changed = [(old, new) for old, new in pairs if old != new]
    long_words = sum(old.isalpha() and len(old) > 1 for old, _ in pairs)
    assert 0.15 < len(changed) / long_words < 0.22  # a few errors are no change: "ll" swapped
    assert all(abs(len(old) - len(new)) <= 1 and old.isalpha() for old, new in changed)

    shuffled = training_data.add_noise(paragraphs, "shuffled words", 0.5, rng)
    assert [sorted(text.split()) for text in shuffled] == [sorted(t.split()) for t in paragraphs]
    same = np.mean([one == two for one, two in zip(paragraphs, shuffled, strict=True)])
    assert 0.4 < same < 0.6

    tagged = training_data.add_noise(["a b c d e f g h i j k"], "markup", 5, rng)
    assert tagged == ["a b c d e <br /> f g h i j <br /> k"]

    copies = training_data.add_noise(list("abcdefghijklmnopqrst"), "duplicates", 10, rng)
    assert sorted(map(copies.count, set(copies))) == [1] * 18 + [10] * 2


def test_shared_neighbors_by_hand():
    words = [*"abcdefghijklm"]
    angles = np.linspace(0, 2, len(words))
    one = WordVectors(words, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    turned = WordVectors(words[::-1], one.matrix[::-1, ::-1])
    assert training_data.shared_neighbors(one, turned, ["a", "g"], words).tolist() == [1, 1]
    moved = one.matrix.copy()
    moved[0] = one.matrix[-1] + 0.01  # "a" goes to the other end
    shared = training_data.shared_neighbors(one, WordVectors(words, moved), ["a"], words)
    assert shared.tolist() == [0.8]  # of twelve, each end leaves out the two farthest


def test_halves_share_no_paragraph_and_have_the_words_asked_for():
    paragraphs = [f"number {'x' * row} and it's five words" for row in range(1, 60)]
    halves = training_data.cut_halves(paragraphs, np.random.default_rng(0), 100)
    assert not {*halves[0]} & {*halves[1]}
    assert [sum(map(training_data.count_words, half)) for half in halves] == [102, 102]


def test_stored_training_data_is_what_the_program_makes():
    for claim_id in ("16.1a", "16.2a", "16.3a"):
        assert set(evidence.Claim(claim_id).entry.runs.values()) == {training_data.RUNS}
    assert [*evidence.Claim("16.1a").entry.cases] == [*training_data.NOISE]
    with np.load(training_data.STORED) as stored:
        names = {*stored.files}
        for run in range(training_data.RUNS):
            settings = [
                training_data.CLEAN,
                *((k, d) for k, degrees in training_data.NOISE.items() for d in degrees),
            ]
            for kind, degree in settings:
                is_claimed = training_data.CLAIMED.get(kind, degree) == degree
                name = f"noise|{kind}|{degree}|{run}|cosines"
                assert (name in names) == (is_claimed or run == 0)
            for share in training_data.SHARES:
                assert np.isfinite(stored[f"size|{share}|{run}|cosines"]).any()
                assert (f"size|{share}|{run}|other text" in names) == (share < 1 and run == 0)
            words = stored[f"domain|{run}|words"]
            pairs = [name for name in names if name.startswith(f"domain|{run}|") and " " in name]
            assert len(pairs) == 15
            assert all(stored[name].shape == words.shape for name in pairs)
    assert all(d in training_data.NOISE[kind] for kind, d in training_data.CLAIMED.items())


def test_time_runs_to_the_best_epoch_and_stops_behind_it():
    asked = []

    def method(_):
        for score in (0.5, 0.7, 0.6, 0.9):
            asked.append(score)
            yield lambda score=score: score

    seconds, accuracy, epoch = outlook.time_to_best_epoch(method, None, 0)
    assert (accuracy, epoch) == (0.7, 2)
    assert asked == [0.5, 0.7, 0.6]
    assert seconds >= 0


def test_glove_averages_weigh_what_they_count(monkeypatch):
    vectors = vectors_of({"rust": [1, 0], "iron": [0, 1], "Iron": [5, 5]})
    monkeypatch.setattr(outlook.data, "load_glove_840b", lambda: vectors)
    glove = outlook.Glove()
    counts = glove.count(["Rust, rust and iron", "nothing known"])
    plain = glove.average(counts, np.ones(2))
    np.testing.assert_allclose(plain, [[2 / 3, 1 / 3], [0, 0]], atol=1e-6)
    weighted = glove.average(counts, np.array([1.0, 2.0]))
    np.testing.assert_allclose(weighted, [[0.5, 0.5], [0, 0]], atol=1e-6)


def test_rare_words_weigh_more():
    vectors = outlook.sparse.csr_matrix([[1, 0], [2, 1], [1, 0]])
    common, rare = outlook.idf(vectors)
    assert common == 1
    assert np.isclose(rare, np.log(2) + 1)


def test_shuffled_words_are_the_same_words():
    text = "one two three four five six seven eight"
    [shuffled] = outlook.shuffle_words([text], seed=0)
    assert shuffled != text
    assert sorted(shuffled.split()) == sorted(text.split())


def test_stored_outlook_is_the_one_that_the_designs_declare():
    assert set(evidence.Claim("18a").entry.cases) == set(outlook.LOADERS)
    assert set(evidence.Claim("18a").entry.runs.values()) == {outlook.RUNS}
    assert set(evidence.Claim("18c").entry.runs.values()) == {outlook.ROUNDS}
    with np.load(outlook.STORED) as stored:
        assert stored["times"].shape == (outlook.ROUNDS, len(outlook.METHODS), 3)
        for task in outlook.LOADERS:
            items = {
                stored[f"{task}/{kind}/draws/right"].shape
                for kind in ("MiniLM", "GloVe", "GloVe, idf", "distilled")
            }
            assert len(items) == 1
            assert items.pop()[0] == outlook.RUNS
        for task in outlook.DRAWN_TASKS:
            for kind in outlook.NETWORKS:
                assert stored[f"{task}/{kind}/right"].shape[0] == outlook.RUNS
                assert (stored[f"{task}/{kind}/costs"] > 0).all()
        for task in outlook.LONG_TASKS:
            whole, part = (
                stored[f"{task}/GloVe/{texts}/right"].shape for texts in ("draws", "beginnings")
            )
            assert whole == part
        questions = stored["TREC/MiniLM/draws/right"].shape
        assert stored["TREC/MiniLM, shuffled/draws/right"].shape == questions


def test_stored_sets_of_vectors_are_those_that_the_program_draws():
    rng = np.random.default_rng(0)
    settings = [vector_sets.draw_setting(rng) for _ in range(vector_sets.SETS)]
    for claim_id in ("17.1a", "17.2a"):
        entry = evidence.Claim(claim_id).entry
        assert entry.cases == tuple(vector_sets.TASKS)
        assert f"{vector_sets.SETS} sets" in entry.over
    with np.load(vector_sets.STORED) as stored:
        assert [tuple(each) for each in stored["settings"].tolist()] == settings
        assert stored["cosines"].shape == (vector_sets.SETS, len(stored["pairs"]))
        assert set(stored["pairs"]["set"]) == set(vector_sets.SIMILARITY)
        assert stored["answered"].shape == (vector_sets.SETS, len(stored["questions"]))
        for name in vector_sets.TASKS:
            texts = len(stored[f"{name}, labels"])
            assert stored[f"{name}, answers"].shape == (vector_sets.SETS, texts)


def test_text_of_a_set_has_the_length_that_was_drawn():
    paragraphs = [f"{number} {number} {number}" for number in range(10)]
    taken = vector_sets.take_words(paragraphs, 7, np.random.default_rng(0))
    assert len(set(taken)) == len(taken) == 3  # the third takes it past seven words


def test_pairs_of_neighbors_follow_the_words():
    rows = sentiment.add_pairs(np.array([[7, 8, 0], [8, 7, 8]]), vocab_size=20)
    np.testing.assert_array_equal(rows[:, :3], [[7, 8, 0], [8, 7, 8]])
    assert rows[0, 3] == 20 + (7 * 10_007 + 8) % sentiment.NUM_PAIRS
    assert rows[0, 4] == 0  # a pair with padding is padding
    assert rows[1, 4] == rows[0, 3] != rows[1, 3]  # the same pair again; its order counts


def test_stored_opinions_are_those_that_the_design_declares():
    assert set(evidence.Claim("15.1a").entry.runs.items()) == {
        (name, sentiment.RUNS) for name in sentiment.SETTINGS
    }


def test_stored_opinions_are_those_that_the_program_makes():
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


def test_bench_hands_gensim_the_same_paragraphs(tmp_path):
    word_ids, paragraph_ids = np.array([1, 0, 2, 0, 1]), np.array([0, 0, 3, 3, 3])
    corpus = Corpus(["king", "man", "woman"], np.array([2, 2, 1]), word_ids, paragraph_ids)
    bench_skipgram.write_lines(corpus, tmp_path / "lines.txt")
    assert (tmp_path / "lines.txt").read_text() == "man king\nwoman king man\n"


def test_bench_counts_right_answers_of_known_questions():
    rows = {"man": (1, 1, 0), "woman": (1, 3, 0), "king": (4, 1, 1), "queen": (4, 3, 1)}
    vectors = vectors_of(rows | {"tree": (0, 0, 9)})
    corpus = Corpus(vectors.words, None, None, None)
    questions = bench_skipgram.known_questions(corpus, "google")
    assert {*questions[0][1:]} <= {*rows}
    right = bench_skipgram.answer(vectors, questions)
    assert right.shape == (len(questions),) and right.any()


def test_bench_judges_by_other_data_than_it_tunes_on():
    assert not {*bench_skipgram.TUNING} & {*bench_skipgram.SIMILARITY}


def test_splitting_leaves_each_occurrence_in_one_half():
    word_ids = np.arange(400, dtype=np.int32) % 4
    corpus = Corpus([*"abcd"], np.bincount(word_ids), word_ids, np.zeros(400, np.int32))
    split = split_words.split_words(corpus, np.array([3, 1]), np.random.default_rng(0))
    assert split.words == [*"abcd", "d'", "b'"]
    back = np.array([0, 1, 2, 3, 3, 1])[split.word_ids]
    np.testing.assert_array_equal(back, word_ids)
    assert split.counts[[0, 2]].tolist() == [100, 100]
    assert (split.counts[[1, 3]] + split.counts[[5, 4]]).tolist() == [100, 100]
    assert 25 < split.counts[4] < 75


def test_halves_are_compared_with_each_other_and_with_the_nearest_other_word():
    matrix = np.array([[1, 0], [3, 4], [0, 2], [4, 3]], dtype=float)
    to_half, to_other = split_words.cosines_of_halves(matrix, np.array([[0, 3]]))
    np.testing.assert_allclose(to_half, [[0.8, 0.8]])
    np.testing.assert_allclose(to_other, [[0.6, 0.96]])


def test_stored_halves_are_those_that_the_design_declares():
    design = evidence.Claim("8.3a").entry
    stored = np.load(split_words.STORED)
    assert (*split_words.BANDS,) == design.cases
    assert design.items == (split_words.PER_BAND,) * len(split_words.BANDS)
    assert set(design.runs.values()) == {split_words.RUNS}
    shape = split_words.RUNS, sum(design.items), 2
    assert stored["to_half"].shape == stored["to_other"].shape == shape
