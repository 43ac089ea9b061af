"""Long runs store what they found so that evidence notebooks read the same."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import sparse

from book.evidence.runs import (
    bench_skipgram,
    chatbots,
    consumers,
    dimension_times,
    dimensions,
    freezing,
    learning_curves,
    letters,
    one_hot_times,
    outlook,
    pictures,
    pretrained,
    sentiment,
    small_files,
    split_words,
    step_times,
    subwords,
    table_times,
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


def test_stored_consumers_are_those_that_the_program_makes():
    claim = evidence.Claim("3.3a").entry
    assert set(claim.runs.values()) == {consumers.RUNS}
    trained = consumers.load_runs()
    assert tuple(trained) == claim.cases
    for runs in trained.values():
        assert runs.validation.shape == (consumers.RUNS, len(consumers.RATES), consumers.EPOCHS)
        assert runs.right.shape[0] == consumers.RUNS
        assert runs.right.dtype == bool


def test_stored_freezing_is_what_the_designs_declare():
    with np.load(freezing.STORED) as stored:
        for claim_id in ("6.1a", "6.2b", "6.2c", "6.2d", "6a"):
            assert set(evidence.Claim(claim_id).entry.runs.values()) == {freezing.RUNS}
        for kind in freezing.NUM_POOL:
            for num_labels, setting in freezing.SETTINGS.items():
                for regime in freezing.REGIMES:
                    key = f"{kind}, {num_labels}, {regime}"
                    assert len(stored[f"{key}, right"]) == freezing.RUNS
                    rates, steps = stored[f"{key}, chosen"].T
                    assert set(rates) <= set(freezing.RATES[regime])
                    assert (steps % setting.steps == 0).all()
                    best = stored[f"{key}, curves"].max(axis=(1, 2))
                    assert (best > 0.5).all()


def test_a_frozen_table_stays_and_draws_do_not_overlap():
    rng = np.random.default_rng(0)
    ids = rng.integers(1, freezing.VOCAB_SIZE, size=(1_300, 4))
    rows = np.repeat(np.arange(1_300), 4)
    shape = 1_300, freezing.VOCAB_SIZE
    shares = sparse.csr_matrix((np.full(5_200, 0.25), (rows, ids.ravel())), shape, np.float32)
    table = rng.normal(size=(freezing.VOCAB_SIZE, freezing.PRETRAINED_DIM)).astype(np.float32)
    texts = freezing.Texts(ids, shares, ids[:, 0] % 2, 1_100, [], table, table[:, 0] > 0)
    drawn = freezing.draw(texts, 100, 0)
    assert len(set(drawn.train) | set(drawn.validation)) == 1_100
    assert not set(drawn.test) & (set(drawn.train) | set(drawn.validation))

    start = freezing.starting_weights(texts, "warm start", 0)
    for trainable in (False, True):
        model = freezing.Average(freezing.PRETRAINED_DIM, trainable)
        model.restart(start, 0.01)
        batch = ids[None, :20] if trainable else (shares[:20] @ table)[None]
        labels = texts.labels[None, :20].astype(np.float32)
        model.take_steps(batch, labels, np.int32(0))
        moved = (model.weights().table != start.table).any(axis=1)
        assert not np.allclose(model.weights().output, start.output)
        expected = np.unique(ids[:20]) if trainable else []
        np.testing.assert_array_equal(np.flatnonzero(moved), expected)


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


def small_reviews():
    """Four reviews over the words 0, 1 and 2; the last one is for testing."""
    return learning_curves.Reviews(
        names=np.array(["the", "good", "bad"], dtype=object),
        ids=np.array([0, 1, 0, 1, 2, 0, 2, 1, 2]),
        owners=np.array([0, 0, 0, 0, 1, 2, 2, 3, 3]),
        labels=np.array([1, 0, 0, 1]),
        num_train=2,
        num_pool=3,
    )


def test_words_and_pairs_are_counted_review_by_review():
    reviews = small_reviews()
    words = learning_curves.count_words(reviews, num_words=2)
    np.testing.assert_array_equal(words.toarray(), [[2, 2], [0, 0], [1, 0], [0, 1]])
    # "the good" twice, "good the" and "the bad" once; no pair crosses the end of a review.
    pairs = learning_curves.count_pairs(reviews, num_pairs=3)
    np.testing.assert_array_equal(pairs.toarray(), [[2, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])


def test_draws_of_labels_are_balanced_nested_and_apart_from_validation():
    labels = np.tile([0, 1], 1_200)
    few, validation = learning_curves.draw(labels, 100, run=3)
    many, same = learning_curves.draw(labels, 400, run=3)
    np.testing.assert_array_equal(validation, same)
    assert len(set(many)) == 400
    assert labels[few].mean() == labels[many].mean() == labels[validation].mean() == 0.5
    assert {*few} < {*many}
    assert not {*many} & {*validation}
    assert {*learning_curves.draw(labels, 100, run=4)[0]} != {*few}


def test_stored_curves_are_those_that_the_designs_declare():
    for claim_id in ("2b", "2.4a"):
        assert set(evidence.Claim(claim_id).entry.runs.values()) == {learning_curves.RUNS}
    stored = learning_curves.load_runs()
    models = {*learning_curves.REGRESSIONS, *learning_curves.NETWORKS} - {"bigram network"}
    wanted = {(model, size) for model in models for size in learning_curves.SETTINGS}
    assert set(stored) == wanted | {("bigram network", 20_000)}
    assert {runs.right.shape for runs in stored.values()} == {(learning_curves.RUNS, 2_451)}
    for (model, _), runs in stored.items():
        is_network = model in learning_curves.NETWORKS
        allowed = learning_curves.RATES if is_network else learning_curves.STRENGTHS
        assert set(runs.settings) <= set(allowed)
        assert (runs.validation > 0.45).all()


@pytest.fixture(scope="module")
def judged():
    """What the run of the chatbots is about: chats, candidates, what is asked."""

    def shifted(_):
        raise AssertionError("`make reseed` would shift this seed, and lose what is stored")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "default_rng", shifted)
        chats = chatbots.read_chats()
        parts = chatbots.CANDIDATE_SEEDS
        candidates = {part: chatbots.draw_candidates(chats, part) for part in parts}
        return chats, candidates, chatbots.draw_asked(chats)


def test_messages_meet_replies_of_other_conversations_and_their_own(judged):
    chats, drawn, _ = judged
    numbers = {part: {*chats.conversation_of[rows]} for part, rows in chats.parts.items()}
    assert not numbers["train"] & (numbers["validation"] | numbers["test"])
    assert not numbers["validation"] & numbers["test"]
    assert sum(map(len, chats.parts.values())) == len(chats.messages) == len(chats.replies)
    assert {*drawn} == {"validation", "test"}
    for part, places in drawn.items():
        owners = chats.conversation_of[chats.parts[part]]
        np.testing.assert_array_equal(places[:, 0], np.arange(len(owners)))
        assert places.shape == (len(owners), 100)
        assert (owners[places[:, 1:]] != owners[:, None]).all()
    assert chatbots.tidy("You’re “late”, 2 days?!") == ["you're", "late", "2", "days", "?", "!"]


def test_own_reply_is_among_the_first_if_few_scores_are_higher():
    candidates = np.tile(np.arange(100), (2_300, 1))
    above = np.arange(2_300) % 20  # so many wrong replies score higher

    def score(rows, columns):
        return np.where(columns == 0, 0.5, columns <= above[rows, None])

    first, in_ten = chatbots.is_among_first(score, candidates)
    np.testing.assert_array_equal(first, above < 1)
    np.testing.assert_array_equal(in_ten, above < 10)
    some = chatbots.is_among_first(score, candidates, range(3, 2_300, 4))
    np.testing.assert_array_equal(some, [first[3::4], in_ten[3::4]])
    by_lot = chatbots.is_among_first(lambda _, columns: 0 * columns, candidates)
    np.testing.assert_allclose(by_lot.mean(axis=1), [0.01, 0.1], atol=0.03)
    with pytest.raises(ValueError, match="finite"):
        chatbots.is_among_first(lambda _, columns: columns * np.nan, candidates)


def test_nonsense_is_as_long_as_the_messages_and_sayings_are_short(judged):
    texts, sayings = judged[2]
    assert tuple(texts) == (*chatbots.TO_CHOOSE, *chatbots.TO_TEST)
    assert {len(each) for each in texts.values()} == {chatbots.NUM_ASKED}
    lengths = [*map(len, texts["real messages"])]
    for kind in ("random letters", "salads"):
        assert [*map(len, texts[kind])] == lengths
    for kind in ("other licenses", "PubMed"):
        assert all(len(one) <= size for one, size in zip(texts[kind], lengths, strict=True))
    salads, real = (
        {word for words in texts[kind] for word in words} for kind in ("salads", "real messages")
    )
    assert salads < real
    assert len({*map(tuple, sayings)}) == len(sayings) == chatbots.NUM_SAYINGS
    assert {*map(len, sayings)} == {*range(3, 16)}


def test_towers_start_as_an_average_and_read_pairs_of_a_batch():
    words = [*"abcdefgh"]
    texts = [[words[row % 8], words[row % 7]] for row in range(9)]
    parts = {"train": np.arange(9), "validation": np.arange(2), "test": np.arange(2)}
    chats = chatbots.Chats(np.arange(9), texts, texts[::-1], parts)
    rng = np.random.default_rng(0)
    known = vectors_of({word: rng.normal(size=4) for word in words[:-1]})  # "h" has none
    towers, again, other = (chatbots.Towers(chats, known, seed) for seed in (3, 3, 4))
    ids = towers.encode([["a", "b"], ["z"] * 40])
    assert ids.shape == (2, chatbots.LENGTH)
    assert not ids[0, 2:].any() and (ids[1] == chatbots.UNKNOWN).all()
    table = towers.table.get_weights()[0]
    average = chatbots.to_unit(table[ids[0, :2]].mean(axis=0))
    left, right = towers.predict(0, ids), towers.predict(1, ids)
    for vectors in (left, right):
        np.testing.assert_allclose(vectors[0], average, atol=1e-5)
    scores = towers.model.predict([ids, ids], verbose=0)
    np.testing.assert_allclose(scores, chatbots.SCALE * left @ right.T, atol=1e-4)
    np.testing.assert_array_equal(again.table.get_weights()[0], table)
    row = towers.index["h"]
    assert not np.allclose(other.table.get_weights()[0][row], table[row], rtol=0.1)


def test_stored_chatbots_are_those_that_the_design_declares():
    entry = evidence.Claim("15.2a").entry
    assert set(entry.runs.values()) == {chatbots.RUNS}
    assert entry.cases == ("first of 100", "among ten of 100")
    assert (chatbots.OTHERS + 1, *chatbots.FIRST) == (100, 1, 10)


def test_stored_chatbots_are_those_that_the_program_makes(judged, monkeypatch):
    chats, candidates, asked = judged
    found = chatbots.load_runs(*judged)
    assert found.hits.shape == (chatbots.RUNS, 2, len(candidates["test"]))
    assert found.curve.shape == (chatbots.RUNS, chatbots.EPOCHS, 2)
    assert found.cosines.shape == (chatbots.RUNS, len(asked.texts), chatbots.NUM_ASKED)
    first, in_ten = found.hits[:, 0], found.hits[:, 1]
    assert in_ten[first].all()
    best = found.curve[range(chatbots.RUNS), found.curve.mean(axis=2).argmax(axis=1)]
    np.testing.assert_allclose(found.hits.mean(axis=2), best, atol=0.03)  # a like share
    # The hits belong to these messages, in this order: what shares words is found more often.
    shares = [{*m} & {*r} != set() for m, r in zip(*chats.sides("test"), strict=True)]
    assert (first[:, shares].mean(axis=1) > first[:, np.invert(shares)].mean(axis=1) + 0.05).all()
    empty = [[not words for words in texts] for texts in asked.texts.values()]
    np.testing.assert_array_equal(found.cosines[0] == 0, empty)
    # ... and the cosines to these kinds of texts: no saying is near to letters.
    kinds = dict(zip(asked.texts, found.cosines.mean(axis=(0, 2)), strict=True))
    assert min(kinds, key=kinds.get) == "random letters"
    monkeypatch.setattr(chatbots, "EPOCHS", chatbots.EPOCHS + 1)
    with pytest.raises(ValueError, match="RUN=chatbots"):
        chatbots.load_runs(*judged)


def test_chatbots_of_other_texts_are_not_loaded(judged):
    chats, candidates, asked = judged
    swapped = {**candidates, "test": candidates["test"][:, [0, 2, 1, *range(3, 100)]]}
    with pytest.raises(ValueError, match="other texts"):
        chatbots.load_runs(chats, swapped, asked)


def test_errors_nearby_by_hand():
    checked = [[0.0, row] for row in range(10)] + [[9.0, row] for row in range(10)]
    wrong = np.repeat([True, False], 10)
    shares = pictures.errors_nearby(np.array([*checked, [1, 5], [8, 5], [4.5, 4.4]]), wrong)
    np.testing.assert_allclose(shares, [1, 0, 0.5])
    by_class = pictures.errors_of_class(np.repeat([0, 1, 0, 1, 2], [10, 10, 1, 1, 1]), wrong)
    np.testing.assert_allclose(by_class, [1, 0, 0.5])  # class 2 was never checked


def test_each_question_is_asked_once_in_a_round():
    parts = pictures.split_questions(103, run=2)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(103))
    assert [len(part) for part in parts] == [21, 21, 21, 20, 20]
    assert not np.array_equal(parts[0], pictures.split_questions(103, run=3)[0])


def test_stored_pictures_are_those_that_the_designs_declare():
    for claim_id in ("9.1a", "9.1b", "9.1c", "9.1d"):
        assert set(evidence.Claim(claim_id).entry.runs.values()) == {pictures.RUNS}
    questions = pictures.read_questions()
    number = len(questions.labels)
    assert f"{number:,} questions" in evidence.Claim("9.1c").entry.over
    assert evidence.Claim("9.1c").entry.cases == pictures.VERSIONS
    with np.load(pictures.STORED) as stored:
        shape = (pictures.RUNS, len(pictures.read_words()[0]), 2)
        assert stored["words"].shape == shape
        for version in pictures.VERSIONS:
            wrong = stored[f"{version}, wrong"]
            assert wrong.shape == (pictures.RUNS, number)
            for name in pictures.SCORES:
                assert stored[f"{version}, {name}"].shape == wrong.shape
            # By far better than guessing, and the planted error shows: the rows are in order.
            assert wrong.mean() < 0.3
            is_misled = version == "one kind misfiled"
            assert (wrong[:, questions.is_how_many].mean() > 0.5) == is_misled
            first = pictures.split_questions(number, 0)
            rows = stored[f"example, {version}, rows"]
            np.testing.assert_array_equal(rows, np.concatenate([first[1], first[0]]))


def test_stored_answers_of_small_files_are_those_that_the_design_declares():
    design = evidence.Claim("18d").entry
    stored = small_files.load_runs()
    wanted = {(task, kind) for task in design.cases for kind in small_files.KINDS}
    assert set(stored) == wanted
    for (task, _), right in stored.items():
        assert right.shape == (design.runs[task], {"IMDB": 2_451, "TREC": 587}[task])
        assert right.mean(axis=1).min() > 0.7 and right.mean(axis=1).max() < 1
        assert len(np.unique(right, axis=0)) == len(right), "each run has its own start"


class OwnTask:
    """Four texts of two words, and a fifth that is new; 0 is padding."""

    def __init__(self):
        self.name, self.vocabulary = "questions", [*"abcdefghijkl"]
        self.ids = np.array([[2, 3, 0], [4, 5, 0], [6, 7, 0], [8, 9, 0]], dtype="int32")
        self.labels = [np.array([0, 1, 0, 1]), np.array([0]), np.array([0])]
        new = np.array([[2, 10, 0]])
        self.shares = [pretrained.shares_of_words(each, 12) for each in (self.ids, new, new)]

    def draw(self, size, run):
        return np.arange(4)


def test_shares_of_words_are_what_an_average_weighs():
    shares = pretrained.shares_of_words(np.array([[2, 3, 2, 0], [1, 0, 0, 0]]), 5)
    assert sparse.issparse(shares)
    np.testing.assert_allclose(shares.toarray(), [[0, 0, 2 / 3, 1 / 3, 0], [0, 1, 0, 0, 0]])


def test_sparse_steps_train_what_keras_trains(monkeypatch):
    monkeypatch.setitem(pretrained.SCHEDULES, 4, (4, 1))
    task, rng = OwnTask(), np.random.default_rng(0)
    start = rng.normal(size=(12, 3)).astype("float32")
    adams = []
    monkeypatch.setattr(pretrained.Adam, "read", remember(pretrained.Adam.read, adams))
    method = pretrained.Trained(task, 4, start)
    model = pretrained.build_average(12, 3, 2)
    for run in range(3):  # no word occurs twice, so Keras has one gradient a row
        answer = method.fit(np.arange(4), 0.1, run)
        model.set_weights(method.first_weights(run))
        model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
        model.train_on_batch(task.ids, task.labels[0])
        table, *others = model.get_weights()
        for trained, expected in zip(adams[-1], [table[2:10], *others], strict=True):
            np.testing.assert_allclose(trained, expected, atol=1e-5)
        np.testing.assert_array_equal(table[[0, 1, 10, 11]], start[[0, 1, 10, 11]])
        by_keras = model.predict(np.array([[2, 10, 0]]), verbose=0).argmax(axis=1)
        np.testing.assert_array_equal(answer(pretrained.TEST, slice(None)), by_keras)


def remember(method, results):
    """Wrap a method so that copies of what it returns are kept."""

    def wrapped(self):
        found = method(self)
        results.append([each.copy() for each in found])
        return found

    return wrapped


def test_stored_contest_is_the_one_that_the_designs_declare():
    stored = pretrained.load_runs()
    for (name, size, who), answers in stored.items():
        assert answers.right.shape[0] == len(answers.validation) == pretrained.DRAWS[size]
        assert answers.right.shape[1] == {"reviews": 2_451, "questions": 587}[name]
        settings = pretrained.STRENGTHS
        if who == "bag of bigrams":
            settings = pretrained.SVM_STRENGTHS
        elif who == "from scratch" or "trained on" in who:
            settings = pretrained.RATES
        assert set(answers.setting) <= set(settings)
    for case, runs in evidence.Claim("7a").entry.runs.items():
        assert pretrained.DRAWS[int(case.split()[1].replace(",", ""))] == runs
    assert set(evidence.Claim("7b").entry.runs.values()) == {pretrained.DRAWS[10_000]}
    assert pretrained.DRAWS[10_000] == pretrained.DRAWS[4_000]


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


def test_bench_stores_the_rounds_of_each_side():
    rows = {"man": (1, 1, 0), "woman": (1, 3, 0), "king": (4, 1, 1), "queen": (4, 3, 1)}
    vectors = vectors_of(rows | {"tree": (0, 0, 9)})
    corpus = Corpus(vectors.words, None, None, None)
    trainers = {
        "ours": lambda corpus, seed, rate: (10 * seed + rate, vectors),
        "gensim": lambda corpus, seed, rate: (100 * seed + rate, vectors),
    }
    found = bench_skipgram.run_rounds(corpus, trainers, {"ours": 1, "gensim": 2})
    np.testing.assert_array_equal(found["seconds"], [[11, 21, 31, 41], [102, 202, 302, 402]])
    assert found["rg65"].shape == (2, len(bench_skipgram.SEEDS), 65)
    assert found["analogies"].shape[:2] == (2, 4) and found["analogies"].any()


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


def test_stored_step_times_of_tables_are_those_that_the_design_declares():
    design = evidence.Claim("6.2a").entry
    times = table_times.load_times()
    assert design.runs["a step"] == design.runs["a step, averages cached"] == table_times.ROUNDS
    assert {each.shape for each in times.values()} == {(table_times.ROUNDS,)}
    assert set(times) == {"trainable", "frozen", "cached"}
    assert (np.array([*times.values()]) > 0).all()


def slow_models(monkeypatch, program, seconds_of_a_step):
    """Stand-ins for models; a step of theirs moves the program's clock by so much."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(program, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    order = []

    def model(name, seconds):
        def train_on_batch(batch, answers):
            order.append(name)
            clock.now += seconds

        return SimpleNamespace(train_on_batch=train_on_batch)

    return {name: model(name, s) for name, s in seconds_of_a_step.items()}, order


def test_one_hot_times_are_those_of_their_network(monkeypatch):
    seconds = {"embedding": 3.0, "dense": 2.0}
    models, order = slow_models(monkeypatch, one_hot_times, seconds)
    times = one_hot_times.time_steps(models, 20, rounds=2, steps=4)
    for kind, each in times.items():
        np.testing.assert_array_equal(each, np.full((2, 4), seconds[kind]))
    turns = [order[2:][step : step + 2] for step in range(0, 16, 2)]
    assert turns == [["dense", "embedding"], ["embedding", "dense"]] * 4


def test_stored_one_hot_times_are_those_that_the_design_declares():
    design = evidence.Claim("13d").entry
    assert design.cases == tuple(f"{size} categories" for size in one_hot_times.SIZES)
    assert set(design.runs.values()) == {one_hot_times.ROUNDS}
    times = one_hot_times.load_times()
    assert tuple(times) == one_hot_times.SIZES
    for by_kind in times.values():
        assert set(by_kind) == {"embedding", "dense"}
        for seconds in by_kind.values():
            assert seconds.shape == (one_hot_times.ROUNDS, one_hot_times.STEPS)
            assert (seconds > 0).all()


def test_dimension_times_are_those_of_their_model(monkeypatch):
    models, order = slow_models(monkeypatch, dimension_times, {8: 1.0, 300: 4.0})
    times = dimension_times.time_steps(models, rounds=2, steps=3)
    for dim, seconds in ((8, 1), (300, 4)):
        np.testing.assert_array_equal(times[dim], np.full((2, 3), seconds))
    assert order == [8, 300] + [8, 8, 8, 300, 300, 300] * 2


def test_stored_dimension_times_are_those_that_the_designs_declare():
    for claim_id in ("5f", "5g"):
        assert evidence.Claim(claim_id).entry.runs["time of a step"] == dimension_times.ROUNDS
    times = dimension_times.load_times()
    assert tuple(times) == dimension_times.DIMS
    for seconds in times.values():
        assert seconds.shape == (dimension_times.ROUNDS, dimension_times.STEPS)
    fastest = [times[dim].min() for dim in (32, 100, 300)]
    assert 0 < fastest[0] < fastest[1] < fastest[2]
