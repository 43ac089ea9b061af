"""The loaders, on the real data: counts, cleaning, and splits without leakage."""

import functools
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from helpers import data, wheels
from helpers.data import __main__ as fetch

ROOT = Path(__file__).parents[1]
SPLITS = {
    "imdb": (data.load_imdb, [20_000, 2_451, 2_451], "abaad6a1425fb4f9"),
    "rotten_tomatoes": (data.load_rotten_tomatoes, [6_824, 853, 853], "2e41e3d73bcb19d9"),
    "trec": (data.load_trec, [4_695, 587, 587], "bcc53711299619e5"),
    "newsgroups": (data.load_newsgroups, [10_145, 1_128, 7_514], "97436bcb3aaae648"),
    "r8": (lambda: data.load_reuters("r8"), [4_880, 543, 2_172], "f27a1762b7cf0246"),
    "r52": (lambda: data.load_reuters("r52"), [5_805, 645, 2_547], "b68617b2c5df6a5f"),
}


@functools.cache
def load(name):
    return SPLITS[name][0]()


@pytest.mark.parametrize("name", SPLITS)
def test_split_is_the_same_everywhere(name):
    _, sizes, digest = SPLITS[name]
    parts = load(name)[:3]
    assert [len(part.texts) for part in parts] == sizes
    content = repr([(part.texts, part.labels.tolist()) for part in parts]).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", SPLITS)
def test_no_text_occurs_twice(name):
    texts = [text for part in load(name)[:3] for text in part.texts]
    keys = {tuple(re.sub(r"<[^<>]*>", " ", text).lower().split()) for text in texts}
    assert len(keys) == len(texts)
    assert all(text and text == text.strip() for text in texts)


@pytest.mark.parametrize("name", SPLITS)
def test_parts_have_the_same_shares_of_classes(name):
    splits = load(name)
    count = len(getattr(splits, "class_names", ["negative", "positive"]))
    assert all(part.labels.dtype == np.int64 for part in splits[:3])
    train, validation, test = (
        np.bincount(part.labels, minlength=count) / len(part.texts) for part in splits[:3]
    )
    assert train.min() > 0
    np.testing.assert_allclose(validation, train, atol=0.002)
    if name not in ("newsgroups", "r8", "r52"):  # there, the official test part is kept
        np.testing.assert_allclose(test, train, atol=0.002)
    labels = splits.train.labels
    chance = (train**2).sum()  # that two neighbors share a class, if the texts are shuffled
    assert np.mean(labels[1:] == labels[:-1]) == pytest.approx(chance, abs=0.03)


def test_imdb_is_clean():
    splits = load("imdb")
    texts = [text for part in splits for text in part.texts]
    assert not any(re.search(r"<br|\n|\s\s", text) for text in texts)
    assert 170 < np.median([len(text.split()) for text in texts]) < 178
    praised = splits.train.labels[["wonderful" in text for text in splits.train.texts]]
    assert praised.mean() > 0.75  # label 1 is positive


def test_class_names_fit_the_texts():
    def share(name, part, class_name, word):
        splits = load(name)
        texts, labels = splits[part]
        chosen = labels[[word in text.split() for text in texts]]
        return np.mean(chosen == splits.class_names.index(class_name))

    assert share("trec", 0, "human", "Who") > 0.9
    assert share("trec", 0, "location", "Where") > 0.7
    assert share("trec", 0, "number", "many") > 0.8
    assert share("trec", 0, "abbreviation", "stand") > 0.8
    assert share("newsgroups", 2, "sci.space", "orbit") > 0.8
    assert share("r52", 2, "coffee", "coffee") > 0.7
    assert [len(load(name).class_names) for name in ("newsgroups", "r8", "r52")] == [20, 8, 52]


@pytest.mark.parametrize(
    ("load", "shape", "word", "neighbor", "cosine"),
    [
        (data.load_glove, (400_000, 50), "king", "prince", 0.824),
        (data.load_word2vec, (26_423, 300), "king", "kings", 0.714),
        (data.load_glove_840b, (33_860, 300), "king", "kings", 0.788),
    ],
)
def test_vectors(load, shape, word, neighbor, cosine):
    vectors = load()
    assert vectors.matrix.shape == shape and vectors.matrix.dtype == np.float32
    assert type(vectors.matrix) is np.ndarray
    assert isinstance(vectors.matrix.base, np.memmap)  # opened, not read
    assert len(vectors) == len(vectors.index) == shape[0]
    assert vectors.nearest(word, k=1) == [(neighbor, pytest.approx(cosine, abs=5e-4))]


@pytest.mark.parametrize(
    ("name", "pairs", "low", "high", "glove"),
    [
        ("men", 2_997, 0, 50, 0.657),
        ("rare_words", 2_034, 0, 10, None),
        ("rg65", 65, 0, 4, 0.583),
        ("mturk", 770, 1, 5, None),
        ("simlex999", 999, 0, 10, 0.265),
        ("wordsim353", 353, 0, 10, 0.503),
    ],
)
def test_similarity_sets(name, pairs, low, high, glove):
    similarity = data.load_similarity(name)
    assert len(similarity.first) == len(similarity.second) == len(similarity.scores) == pairs
    assert similarity.scores.min() >= low and similarity.scores.max() <= high
    if glove:
        vectors = data.load_glove()
        cosines, scores = [], []
        for first, second, score in zip(*similarity[1:], strict=True):
            if first.lower() in vectors and second.lower() in vectors:
                a, b = vectors[first.lower()], vectors[second.lower()]
                cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
                scores.append(score)
        assert spearmanr(cosines, scores).statistic == pytest.approx(glove, abs=0.002)


def test_analogies():
    google = data.load_analogies("google")
    assert len(google) == 19_544 and len({each.category for each in google}) == 14
    assert data.Analogy("family", "boy", "girl", "king", "queen") in google
    assert len(data.load_analogies("msr")) == 8_000
    with pytest.raises(ValueError, match="no 'bats'; there are google, msr"):
        data.load_analogies("bats")


def test_bias_lists():
    tests = data.load_weat()
    assert [len(test.first_target) for test in tests] == [25, 25, 32, 16, 16, 8, 8, 8, 6, 8]
    assert all(len(test.first_target) == len(test.second_target) for test in tests)
    assert tests[0].name == "Flowers, Insects, Pleasant, Unpleasant"
    assert tests[0].human_effect == 1.35 and math.isnan(tests[3].human_effect)
    lists = data.load_gender_lists()
    assert ["she", "he"] in lists["definitional_pairs"]
    assert {rating for name, rating, _ in lists["professions"] if name == "actress"} == {-1}
    assert [len(lists[name]) for name in ("definitional_pairs", "equalize_pairs")] == [10, 52]


def test_word_forms():
    german = data.load_word_forms("de")
    assert len(german) > 1_100_000 and german["Häuser"] == "Haus"
    with pytest.raises(ValueError, match="xx"):
        data.load_word_forms("xx")


def test_wikitext2():
    parts = data.load_wikitext2()
    tokens = [sum(len(paragraph.split()) for paragraph in part) for part in parts]
    assert tokens == [2_051_910, 213_886, 241_211]
    assert parts.train[0] == "= Valkyria Chronicles III ="
    assert all(parts.train)


def test_pubmed():
    abstracts = data.load_pubmed()
    assert len(abstracts) == 14_832
    assert sum(len(abstract.text.split()) for abstract in abstracts) == 1_865_991
    assert {abstract.year for abstract in abstracts} == {1976, 1977, 1978, 1979}
    assert abstracts[0].headings[:2] == ["Abattoirs", "Animals"]
    assert abstracts[0].title.startswith("Monitoring of bacteriological contamination")


def test_legal():
    texts = data.load_legal()
    assert len(texts) == 2_228
    assert sum(len(text.split()) for text in texts) == 2_207_804
    assert not any(re.search(r"^(minimum_coverage|short_name): ", text, re.M) for text in texts)
    assert np.mean([" the " in text for text in texts]) > 0.9  # English


def test_chitchat():
    conversations = data.load_chitchat()
    assert len(conversations) == 7_168
    assert sum(map(len, conversations)) == 258_145
    assert conversations[0][:3] == [
        (0, "Hello"),
        (0, "How are you doing today?"),
        (1, "whats up MD"),
    ]
    assert {message.speaker for messages in conversations for message in messages} == {0, 1}
    assert sum(len({each.speaker for each in messages}) == 1 for messages in conversations) == 3_150


@pytest.mark.parametrize(
    ("language", "count", "hello"),
    [("spanish", 140_868, "Hola."), ("ukrainian", 158_174, "Вітаю!")],
)
def test_translations(language, count, hello):
    pairs = data.load_translations(language)
    assert len(pairs) == count
    assert ("Hi.", hello) in {pair[:2] for pair in pairs}
    assert all("tatoeba.org" in pair.attribution for pair in pairs)


def test_turkish():
    sentences = data.load_turkish()
    assert len(sentences) == 4_851
    tokens = [token for sentence in sentences for token in sentence]
    assert len(tokens) == 81_370
    assert sentences[0][4][:3] == ("kiloyla", "kilo", "VERB")
    assert sentences[1][1][:3] == ("la", "", "VERB")
    assert len({token.part_of_speech for token in tokens}) == 14


def test_movielens():
    ratings = data.load_movielens()
    assert len(ratings.users) == len(ratings.films) == len(ratings.times) == 100_000
    assert np.unique(ratings.users).tolist() == list(range(943))
    assert np.unique(ratings.films).tolist() == list(range(1_682))
    assert set(ratings.ratings.tolist()) == {1, 2, 3, 4, 5}
    assert len(ratings.titles) == len(ratings.years) == len(ratings.genres) == 1_682
    star_wars = ratings.titles.index("Star Wars")
    assert ratings.years[star_wars] == 1977 and "Sci-Fi" in ratings.genres[star_wars]
    assert (ratings.films == star_wars).sum() == 583
    assert ratings.titles[266] == "unknown" and ratings.years[266] == 0
    assert min(year for year in ratings.years if year) == 1922
    assert len(ratings.ages) == len(ratings.genders) == len(ratings.occupations) == 943
    first_user = (ratings.ages[0], ratings.genders[0], ratings.occupations[0])
    assert first_user == (24, "M", "technician")
    assert ratings.occupations[195] == "writer"  # user 196, who wrote the file's first line
    assert (ratings.ages.min(), ratings.ages.max()) == (7, 73)
    assert len(set(ratings.occupations)) == 21 and ratings.genders.count("F") == 273


def test_models_are_unpacked_whole():
    folder = data.minilm_folder()
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 384
    assert (folder / "model.safetensors").stat().st_size == 90_868_376
    assert len((folder / "vocab.txt").read_text(encoding="utf-8").split("\n")) >= 30_522
    model = data.smollm2_file()
    assert model.stat().st_size == 98_362_432
    with model.open("rb") as file:
        assert file.read(4) == b"GGUF"


def test_registry_is_complete():
    catalogue = wheels.catalogue()
    used = {dataset.wheel.distribution for dataset in catalogue.values() if dataset.wheel}
    text = wheels.REGISTRY.read_text(encoding="utf-8")
    assert sorted(used) == sorted(re.findall(r"^\[wheels\.(.*)\]", text, re.MULTILINE))
    for dataset in catalogue.values():
        for field in ("source", "citation", "terms", "contents", "cleaning", "not_for"):
            assert re.search(r"[.?]$", getattr(dataset, field)), (dataset.name, field)
        for key in dataset.members:
            assert wheels.member(dataset.name, key).exists()


def test_no_code_of_the_wheels_is_imported():
    script = (
        "import sys; from helpers import data; data.load_similarity('rg65'); print(*sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    packages = {each.wheel.file.split("-")[0] for each in wheels.catalogue().values() if each.wheel}
    assert not packages & set(output)
    assert "helpers.data" in output


def test_command_line_fetches_what_is_named(capsys):
    fetch.main(["imdb", "glove"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["glove", "imdb"]
    assert all(os.path.exists(line.split(": ", 1)[1]) for line in lines)
    with pytest.raises(SystemExit, match=r"No data set imbd; there are: imdb, rotten_tomatoes, "):
        fetch.main(["imbd"])


def test_labeled_senses_point_at_their_words():
    sets = data.load_wikitext2(), data.load_imdb(), data.load_newsgroups()
    for word, senses in (
        ("bank", {"river", "money"}),
        ("spring", {"season", "leap"}),
        ("plant", {"living", "works"}),
    ):
        found = data.read_senses(word, *sets, context=6)
        assert {each.sense for each in found} == senses
        assert all(re.sub(r"\W", "", each.form.lower()) == word for each in found)
        assert all(len(each.before.split()) <= 6 for each in found)
        texts = [(each.before, each.after) for each in found]
        assert len(set(texts)) == len(texts)
    with pytest.raises(ValueError, match="'table' is labeled; bank, spring and plant are"):
        data.read_senses("table", *sets)


def test_command_line_fetches_what_a_notebook_loads(tmp_path, capsys):
    notebook = tmp_path / "one.ipynb"
    notebook.write_text('{"source": ["x = data.load_trec()", "data.TextSet(), data.load_weat()"]}')
    fetch.main([str(notebook)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["trec", "weat"]


def test_every_loader_says_what_it_loads():
    loaders = {name for name in data.__all__ if name.islower()} - {"load_word_forms", "read_senses"}
    assert fetch.LOADERS.keys() == loaders
    shipped = {name for name, each in wheels.catalogue().items() if each.wheel}
    assert set(fetch.LOADERS.values()) == shipped


def test_command_line_fails_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMBEDDINGS_BOOK_DATA", str(tmp_path / "file"))
    with pytest.raises(SystemExit, match=r"^IMDB movie reviews \(.*EMBEDDINGS_BOOK_DATA"):
        fetch.main(["imdb"])
