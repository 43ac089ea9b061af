"""Fetch data ahead, so that no chapter needs the network.

``python -m helpers.data`` fetches everything, ``python -m helpers.data imdb glove`` only those
data sets, and with paths of notebooks what these load.
"""

import re
import sys
from pathlib import Path

from helpers import data, wheels

# What each loader needs, and what it makes from the wheel once and keeps.
LOADERS = {
    "load_analogies": "analogies",
    "load_chitchat": "chitchat",
    "load_gender_lists": "gender_bias",
    "load_glove": "glove",
    "load_glove_840b": "glove_840b",
    "load_imdb": "imdb",
    "load_legal": "legal",
    "load_movielens": "movielens",
    "load_newsgroups": "newsgroups",
    "load_pubmed": "pubmed",
    "load_reuters": "reuters",
    "load_rotten_tomatoes": "rotten_tomatoes",
    "load_similarity": "similarity",
    "load_translations": "translations",
    "load_trec": "trec",
    "load_turkish": "turkish",
    "load_weat": "weat",
    "load_wikitext2": "wikitext2",
    "load_word2vec": "word2vec",
    "minilm_folder": "minilm",
    "smollm2_file": "smollm2",
}
# These keep something beside their wheel, and make it when they are called.
KEPT = {
    "glove": data.load_glove,
    "glove_840b": data.load_glove_840b,
    "minilm": data.minilm_folder,
    "pubmed": data.load_pubmed,
    "smollm2": data.smollm2_file,
    "word2vec": data.load_word2vec,
}


def loaded_by(notebook: Path) -> set[str]:
    """Names of the data sets that a notebook's code loads."""
    called = re.findall(r"data\.(\w+)\(", notebook.read_text(encoding="utf-8"))
    return {LOADERS[name] for name in called if name in LOADERS}


def main(arguments: list[str]) -> None:
    """Fetch the named data sets, those that the named notebooks load, or all of them."""
    known = [name for name, dataset in wheels.catalogue().items() if dataset.wheel]
    notebooks = [argument for argument in arguments if argument.endswith(".ipynb")]
    wanted = {argument for argument in arguments if argument not in notebooks}
    if unknown := sorted(wanted - set(known)):
        raise SystemExit(f"No data set {', '.join(unknown)}; there are: {', '.join(known)}.")
    for notebook in notebooks:
        wanted |= loaded_by(Path(notebook))
    try:
        for name in known if not arguments else sorted(wanted):
            path = wheels.fetch(name)
            if name in KEPT:
                KEPT[name]()
            print(f"{name}: {path}")
    except wheels.DataError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
