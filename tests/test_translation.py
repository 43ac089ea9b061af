"""The masks of page 15.3, broken one by one; its split; and the long run that it stores."""

import keras
import numpy as np
import pytest
import sacrebleu

from book.evidence.runs import translation
from helpers import evidence

WORDS = 4  # of the sentences below; the rest of a row is padding
ROOM = translation.LENGTH


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {
        "ENGLISH_VOCAB": 50,
        "SPANISH_VOCAB": 60,
        "DIM": 16,
        "HIDDEN": 32,
        "HEADS": 2,
    }.items():
        monkeypatch.setattr(translation, name, value)
    keras.utils.set_random_seed(0)


def make_rows():
    rng = np.random.default_rng(0)
    source = rng.integers(4, 50, (3, ROOM))
    target = rng.integers(4, 60, (3, ROOM))
    source[:, WORDS:] = translation.PADDING
    target[:, WORDS:] = translation.PADDING
    target[:, 0] = translation.START
    labels = np.zeros_like(target)
    labels[:, : WORDS - 1], labels[:, WORDS - 1] = target[:, 1:WORDS], translation.END
    return source, target, labels


def scores_of(model, source, target):
    return keras.ops.convert_to_numpy(model([source, target]))


def change_by_later_words(model):
    """How much the scores of two places move when the words after them do."""
    source, target, _ = make_rows()
    later = target.copy()
    later[:, 2:] = 7
    before, after = scores_of(model, source, target), scores_of(model, source, later)
    assert np.abs(before[:, 2:] - after[:, 2:]).max() > 0.01  # they do count from there on
    return np.abs(before[:, :2] - after[:, :2]).max()


def change_by_english_padding(model):
    """How much the scores move when what stands in the place of padding does."""
    source, target, _ = make_rows()
    before = scores_of(model, source, target)
    [table] = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Embedding)
        and layer.input_dim == translation.ENGLISH_VOCAB
    ]
    vectors = table.get_weights()[0]
    vectors[translation.PADDING] = 5 * np.random.default_rng(1).normal(size=translation.DIM)
    table.embeddings.assign(vectors)
    return np.abs(before - scores_of(model, source, target)).max()


def forget(monkeypatch, setting):
    """Let attention layers ignore one of their settings."""
    original = keras.layers.MultiHeadAttention.__call__

    def call(self, *args, **settings):
        settings.pop(setting, None)
        return original(self, *args, **settings)

    monkeypatch.setattr(keras.layers.MultiHeadAttention, "__call__", call)


def test_a_future_word_changes_no_earlier_score():
    assert change_by_later_words(translation.build_model()) < 1e-5


def test_without_the_causal_mask_it_would(monkeypatch):
    forget(monkeypatch, "use_causal_mask")
    assert change_by_later_words(translation.build_model()) > 1e-2


def test_english_padding_changes_no_score():
    assert change_by_english_padding(translation.build_model()) < 1e-5


def test_without_the_attention_mask_it_would(monkeypatch):
    forget(monkeypatch, "attention_mask")
    assert change_by_english_padding(translation.build_model()) > 1e-2


def test_spanish_padding_changes_no_score_of_a_word():
    source, target, _ = make_rows()
    model = translation.build_model()
    other = np.where(target == translation.PADDING, 9, target)
    before, after = scores_of(model, source, target), scores_of(model, source, other)
    np.testing.assert_allclose(before[:, :WORDS], after[:, :WORDS], atol=1e-5)


@pytest.mark.parametrize("measure", ["masked_loss", "masked_accuracy"])
def test_padding_is_left_out(measure):
    source, target, labels = make_rows()
    scores = scores_of(translation.build_model(), source, target)
    measure = getattr(translation, measure)
    of_words = float(measure(labels[:, :WORDS], scores[:, :WORDS]))
    np.testing.assert_allclose(float(measure(labels, scores)), of_words, rtol=1e-5)
    # What is scored at the places of padding does not matter, and what is scored at words does.
    for places, matters in ((labels == 0, False), (labels != 0, True)):
        others = scores.copy()
        right = np.eye(60)[labels[places]]
        others[places] += 20 * right
        assert np.isclose(float(measure(labels, others)), of_words, rtol=1e-4) != matters


def test_counting_padding_would_be_seen():
    _, _, labels = make_rows()
    lazy = np.zeros((*labels.shape, 60), dtype="float32")
    lazy[..., translation.PADDING] = 9  # answers padding everywhere
    assert float(translation.masked_accuracy(labels, lazy)) == 0
    plain = keras.metrics.sparse_categorical_accuracy(labels, lazy)
    assert np.mean(plain) == pytest.approx(1 - WORDS / ROOM)
    plain_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, lazy)
    assert float(translation.masked_loss(labels, lazy)) > 1.5 * float(plain_loss)


def test_gradients_of_padding_are_zero():
    source, target, labels = make_rows()
    model = translation.build_model()
    model.compile("sgd", translation.masked_loss)
    before = model.get_weights()
    model.train_on_batch([source, target], np.zeros_like(labels))  # nothing but padding
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_frozen_tables_are_those_of_words_alone():
    names = {True: 0, False: 0}
    for trainable in names:
        model = translation.build_model(trainable=trainable)
        names[trainable] = len(model.trainable_variables)
        frozen = [v for layer in model.layers for v in layer.weights if not v.trainable]
        shapes = [] if trainable else [(50, 16), (60, 16)]
        assert [tuple(v.shape) for v in frozen] == shapes
    assert names[True] == names[False] + 2


def test_greedy_writing_reads_its_own_words():
    model = translation.build_model()
    source = make_rows()[0]
    rows = translation.compile_translator(model)(source)
    written = np.column_stack([np.full(len(rows), translation.START), rows[:, :-1]])
    scores = scores_of(model, source, written)
    scores[..., : translation.END] = -np.inf
    np.testing.assert_array_equal(rows, scores.argmax(axis=-1))


def test_attention_maps_leave_out_padding():
    source, target, _ = make_rows()
    maps = translation.attention_map(translation.build_model(), source, target)
    assert maps.shape == (3, ROOM, ROOM)
    np.testing.assert_allclose(maps[..., :WORDS].sum(axis=-1), 1, rtol=1e-5)
    assert not maps[..., WORDS:].any()


def test_families_are_joined_by_chains():
    pairs = [("a", "x"), ("b", "y"), ("a", "z"), ("c", "z"), ("x", "q"), ("d", "y")]
    family = translation.find_families(pairs)
    # a-x, a-z, c-z; b-y, d-y; and English "x" is not Spanish "x".
    groups = [[0, 2, 3], [1, 5], [4]]
    assert {tuple(np.flatnonzero(family == f)) for f in family} == {*map(tuple, groups)}


def test_no_sentence_is_on_two_sides():
    splits = translation.split_pairs(translation.read_pairs())
    for side in translation.Pairs._fields:
        parts = [set(getattr(part, side)) for part in splits]
        assert sum(map(len, parts)) == len(set.union(*parts))
    assert len(splits.test.english) == len(splits.validation.english) == translation.HELD_OUT
    assert max(len(text.split()) for text in splits.train.spanish) == translation.MAX_WORDS


def test_a_sentence_comes_back_as_it_was():
    language = translation.Language(["el perro come", "el gato"], 60)
    rows = language.number(translation.end(["el gato", "el ratón come"]))
    assert language.read(rows) == ["el gato", "el [UNK] come"]
    assert language.number(["el"])[0].tolist() == [4] + [0] * (ROOM - 1)


def test_stored_translations_are_those_that_the_design_declares():
    splits = translation.split_pairs(translation.read_pairs())
    assert set(evidence.Claim("15.3a").entry.runs.values()) == {translation.RUNS}
    with np.load(translation.STORED) as stored:
        assert stored["english"].tolist() == splits.test.english
        assert stored["spanish"].tolist() == splits.test.spanish
        assert stored["maps"].shape == (translation.MAPS, ROOM, ROOM)
        for kind in translation.KINDS:
            for run in range(translation.RUNS):
                curves = stored[f"{kind}_{run}_curves"]
                rate, place = stored[f"{kind}_{run}_chosen"]
                assert curves.shape == (len(translation.RATES), translation.ROUNDS, 3)
                assert curves[rate, place, 2] == np.nanmax(curves[..., 2])
                # Both kinds take equally many steps, and try all rates.
                tried = (~np.isnan(curves[..., 2])).sum(axis=1)
                assert sorted(tried) == [translation.TRIAL, translation.ROUNDS]
                answers = stored[f"{kind}_{run}_translations"].tolist()
                score = sacrebleu.corpus_chrf(answers, [splits.test.spanish]).score
                assert abs(score - curves[rate, place, 2]) < 5
