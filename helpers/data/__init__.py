"""Load the book's data sets, each with one function that returns plain things.

The data sheets in the book, made from `datasets.toml`, say whence each set comes, how it was
cleaned, and what it must not be used for. `python -m helpers.data` fetches all of them ahead of a
class or a journey, `python -m helpers.data imdb glove` only those. Every loader raises
`wheels.DataError` when its data cannot be had.
"""

from helpers.data.benchmarks import (
    Analogy,
    AssociationTest,
    SimilaritySet,
    load_analogies,
    load_gender_lists,
    load_similarity,
    load_weat,
    load_word_forms,
)
from helpers.data.corpora import (
    Abstract,
    Message,
    Paragraphs,
    SentencePair,
    Token,
    load_chitchat,
    load_legal,
    load_pubmed,
    load_translations,
    load_turkish,
    load_wikitext2,
)
from helpers.data.pretrained import (
    load_glove,
    load_glove_840b,
    load_word2vec,
    minilm_folder,
    smollm2_file,
)
from helpers.data.ratings import Ratings, load_movielens
from helpers.data.senses import Occurrence, read_senses
from helpers.data.texts import (
    TextSet,
    TextSplits,
    TopicSplits,
    load_imdb,
    load_newsgroups,
    load_reuters,
    load_rotten_tomatoes,
    load_trec,
)

__all__ = [
    "Abstract",
    "Analogy",
    "AssociationTest",
    "Message",
    "Occurrence",
    "Paragraphs",
    "Ratings",
    "SentencePair",
    "SimilaritySet",
    "TextSet",
    "TextSplits",
    "Token",
    "TopicSplits",
    "load_analogies",
    "load_chitchat",
    "load_gender_lists",
    "load_glove",
    "load_glove_840b",
    "load_imdb",
    "load_legal",
    "load_movielens",
    "load_newsgroups",
    "load_pubmed",
    "load_reuters",
    "load_rotten_tomatoes",
    "load_similarity",
    "load_translations",
    "load_trec",
    "load_turkish",
    "load_weat",
    "load_wikitext2",
    "load_word2vec",
    "load_word_forms",
    "minilm_folder",
    "read_senses",
    "smollm2_file",
]
