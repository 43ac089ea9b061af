"""Text without classes: encyclopedia, articles, licenses, dialogues, translations, treebanks."""

import gzip
import json
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from helpers import wheels
from helpers.data.texts import first_rows


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
    folder = wheels.derived("pubmed", _keep_abstracts, ABSTRACTS_VERSION)
    records = json.loads((folder / "abstracts.json").read_text(encoding="utf-8"))
    return [Abstract(*record) for record in records]


ABSTRACTS_VERSION = 1  # raise it when what _keep_abstracts writes changes


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
    return [texts[row] for row in first_rows(texts)]


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
