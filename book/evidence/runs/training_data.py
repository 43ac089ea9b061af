"""What the text does to its vectors: the long run of evidence 16.

``make long-run RUN=training_data`` trains some seventy sets of vectors
(a quarter of an hour) and writes ``training_data.npz`` beside this file. It
has three parts: noise in the text, the size of the text, and its domain;
``--part noise`` runs one of them and keeps the others. Evidence 16 judges
what is stored, and repeats a piece of it. To see whether its verdicts stand
with other draws::

    cd book/evidence/runs
    python training_data.py --first-run 1000 --output other.npz
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
from helpers import data, scores, skipgram
from helpers.vectors import WordVectors

STORED = Path(__file__).with_suffix(".npz")
RUNS, EPOCHS = 3, 5
NUM_NEIGHBORS = 10
NUM_CANDIDATES = (
    1_000  # the most frequent words, among which they are sought
)
NUM_WORDS = 3_000  # whose neighbors are compared
LETTERS = [*"abcdefghijklmnopqrstuvwxyz"]

# Part one: each kind of noise, by degrees.
NOISE = {
    "misspelled words": (0.2, 0.5),  # this share of the words
    "shuffled words": (0.5, 1.0),  # in this share of the paragraphs
    "markup": (5, 2),  # a tag after every so many words
    "duplicates": (3, 10),  # so often one paragraph in ten
}
CLAIMED = {  # the degree of the claim
    "misspelled words": 0.2,
    "shuffled words": 1.0,
    "markup": 5,
    "duplicates": 10,
}
CLEAN = ("clean", 0)

# Part two.
SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)
TENTH = 0.1

# Part three.
DOMAINS = ("medical", "legal", "general")
MIN_COUNT_SHARED = 20  # in every half


def misspell(word: str, rng: np.random.Generator) -> str:
    """Lose, double, swap or replace one letter."""
    if len(word) < 2 or not word.isalpha():
        return word
    at = rng.integers(len(word) - 1)
    one, two = word[at : at + 2]
    changed = (one, one + one + two, two + one, one + rng.choice(LETTERS))
    return word[:at] + changed[rng.integers(4)] + word[at + 2 :]


def add_noise(
    paragraphs: Sequence[str],
    kind: str,
    degree: float,
    rng: np.random.Generator,
) -> list[str]:
    """Spoil a text; see `NOISE` for the kinds and their degrees."""
    if kind == "clean":
        return [*paragraphs]
    if kind == "duplicates":
        chosen = rng.permutation(len(paragraphs))[: len(paragraphs) // 10]
        again = [paragraphs[place] for place in chosen]
        return [*paragraphs, *again * (int(degree) - 1)]
    spoiled = []
    for paragraph in paragraphs:
        words = paragraph.split()
        if kind == "misspelled words":
            for place in np.flatnonzero(rng.random(len(words)) < degree):
                words[place] = misspell(words[place], rng)
        elif kind == "shuffled words":
            if rng.random() < degree:
                words = rng.permutation(words).tolist()
        else:  # markup
            step = int(degree)
            for place in range(len(words) // step * step, 0, -step):
                words.insert(place, "<br />")
        spoiled.append(" ".join(words))
    return spoiled


def train(
    paragraphs: Sequence[str], seed: int, epochs: int = EPOCHS
) -> tuple[skipgram.Corpus, WordVectors]:
    """Train vectors of 100 dimensions."""
    corpus = skipgram.read_corpus(paragraphs)
    return corpus, skipgram.train_skipgram(corpus, 100, epochs, seed=seed)


def cosines(vectors: WordVectors) -> np.ndarray:
    """Cosine of each pair of MEN; NaN where a word has no vector."""
    pairs = data.load_similarity("men")
    return scores.similarity_scores(vectors, pairs).astype(np.float16)


def shared_neighbors(
    first: WordVectors,
    second: WordVectors,
    words: Sequence[str],
    candidates: Sequence[str],
) -> np.ndarray:
    """Share of each word's ten nearest candidates that two sets share."""
    found = []
    is_same = np.array(words)[:, None] == np.array(candidates)
    for vectors in (first, second):
        unit = vectors.matrix / vectors.lengths[:, None]
        rows = [vectors.index[word] for word in words]
        columns = [vectors.index[word] for word in candidates]
        near = np.where(is_same, -np.inf, unit[rows] @ unit[columns].T)
        top = np.argpartition(-near, NUM_NEIGHBORS, axis=1)
        found.append([{*each} for each in top[:, :NUM_NEIGHBORS].tolist()])
    both = zip(*found, strict=True)
    return np.array([len(one & two) for one, two in both]) / NUM_NEIGHBORS


def words_of_men() -> list[str]:
    """List the words of MEN's pairs."""
    pairs = data.load_similarity("men")
    return sorted({*pairs.first, *pairs.second})


def run_noise(runs: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield cosines, neighbors shared with clean, and sizes, by setting."""
    paragraphs = data.load_wikitext2().train
    asked = np.array(words_of_men())
    settings = [CLEAN, *((k, d) for k in NOISE for d in NOISE[k])]
    clean = {
        run: train(paragraphs, run)[1] for run in [*runs, runs[-1] + 1]
    }
    for (kind, degree), run in product(settings, runs):
        if CLAIMED.get(kind, degree) != degree and run != runs[0]:
            continue  # the other degree once
        if kind == "clean":
            corpus, vectors = skipgram.read_corpus(paragraphs), clean[run]
        else:
            rng = np.random.default_rng(run)
            spoiled = add_noise(paragraphs, kind, degree, rng)
            corpus, vectors = train(spoiled, run)
        # Another clean start, so that all have another start.
        other = clean[run + 1]
        has_both = [word in vectors and word in other for word in asked]
        kept = np.full(len(asked), np.nan, np.float16)
        candidates = [word for word in vectors.words if word in other]
        kept[has_both] = shared_neighbors(
            vectors, other, asked[has_both], candidates
        )
        name = f"noise|{kind}|{degree}|{run - runs[0]}"
        yield f"{name}|cosines", cosines(vectors)
        yield f"{name}|kept", kept
        yield f"{name}|size", np.array([len(corpus.word_ids), len(vectors)])


def agreement(
    corpus: skipgram.Corpus, first: WordVectors, second: WordVectors
) -> np.ndarray:
    """Counts and shared neighbors of some words, shape (2, words)."""
    rng = np.random.default_rng(0)
    rows = [row for row, word in enumerate(corpus.words) if word in second]
    candidates = [corpus.words[row] for row in rows[:NUM_CANDIDATES]]
    drawn = np.sort(rng.permutation(rows)[:NUM_WORDS])
    words = [corpus.words[row] for row in drawn]
    same = shared_neighbors(first, second, words, candidates)
    return np.array([corpus.counts[drawn], same], dtype=np.float32)


def read_whole() -> list[str]:
    """Read WikiText-2 and the IMDB reviews."""
    reviews = data.load_imdb()
    paragraphs = [*data.load_wikitext2().train]
    return paragraphs + [text for part in reviews for text in part.texts]


def draw_parts(
    paragraphs: Sequence[str], share: float, run: int
) -> list[list[str]]:
    """Draw two parts of this share, without a common paragraph."""
    order = np.random.default_rng(run).permutation(len(paragraphs))
    number = round(share * len(paragraphs))
    parts = order[:number], order[number : 2 * number]
    return [[paragraphs[place] for place in part] for part in parts]


def run_size(runs: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield cosines, sizes and agreement of neighbors, by share."""
    paragraphs = read_whole()
    asked = words_of_men()
    for share, run in product(SHARES, runs):
        part, other_part = draw_parts(paragraphs, share, run)
        corpus, vectors = train(part, run)
        name = f"size|{share}|{run - runs[0]}"
        yield f"{name}|cosines", cosines(vectors)
        yield f"{name}|size", np.array([len(corpus.word_ids), len(vectors)])
        counts = [
            corpus.counts[vectors.index[word]] if word in vectors else 0
            for word in asked
        ]
        yield f"{name}|counts", np.array(counts)
        if run == runs[0] and other_part:  # once, and not for the whole
            again = skipgram.train_skipgram(
                corpus, 100, EPOCHS, seed=run + 10_000
            )
            found = agreement(corpus, vectors, again)
            yield f"{name}|other start", found
            other = train(other_part, run + 10_000)[1]
            found = agreement(corpus, vectors, other)
            yield f"{name}|other text", found
        if share == TENTH:
            epochs = round(EPOCHS / share)
            longer = skipgram.train_skipgram(corpus, 100, epochs, seed=run)
            yield f"{name}|long|cosines", cosines(longer)


def read_domain(name: str) -> list[str]:
    """Read the paragraphs of one of `DOMAINS`."""
    if name == "medical":
        return [abstract.text for abstract in data.load_pubmed()]
    if name == "general":
        return data.load_wikitext2().train
    # Licenses copy from one another: each paragraph counts once.
    found = {}
    for text in data.load_legal():
        for paragraph in text.split("\n\n"):
            words = re.findall(r"[^\W\d_]+", paragraph.lower())
            found.setdefault(" ".join(words), paragraph)
    return [*found.values()]


def count_words(paragraph: str) -> int:
    """Count the words of a paragraph as `read_corpus` cuts them."""
    return len(re.findall(r"[^\W\d_]+", paragraph.replace("'", "")))


def cut_halves(
    paragraphs: Sequence[str], rng: np.random.Generator, num_words: int
) -> list[list[str]]:
    """Draw two parts of a text, without a common paragraph."""
    order = iter(rng.permutation(len(paragraphs)))
    halves = []
    for _ in range(2):
        half, total = [], 0
        while total < num_words:
            half.append(paragraphs[next(order)])
            total += count_words(half[-1])
        halves.append(half)
    return halves


def run_domain(runs: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield shared neighbors of shared words, for pairs of halves."""
    texts = {name: read_domain(name) for name in DOMAINS}
    totals = [sum(map(count_words, text)) for text in texts.values()]
    num_words = int(0.49 * min(totals))
    for run in runs:
        trained = {}
        for name, text in texts.items():
            rng = np.random.default_rng(run)
            for half, part in enumerate(cut_halves(text, rng, num_words)):
                trained[name, half] = train(part, 10 * run + half)
        counts = [
            dict(zip(corpus.words, corpus.counts, strict=True))
            for corpus, _ in trained.values()
        ]
        words = [
            word
            for word in sorted(counts[0])
            if all(each.get(word, 0) >= MIN_COUNT_SHARED for each in counts)
        ]
        place = f"domain|{run - runs[0]}"
        yield f"{place}|words", np.array(words)
        sizes = [len(corpus.word_ids) for corpus, _ in trained.values()]
        yield f"{place}|sizes", np.array(sizes)
        for one, two in combinations(trained, 2):
            name = f"{place}|{one[0]} {one[1]}|{two[0]} {two[1]}"
            sets = trained[one][1], trained[two][1]
            same = shared_neighbors(*sets, words, candidates=words)
            yield name, same.astype(np.float16)


PARTS = {"noise": run_noise, "size": run_size, "domain": run_domain}


def main() -> None:
    """Run the parts and store what they yield."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    found = dict(np.load(options.output)) if options.output.exists() else {}
    runs = range(options.first_run, options.first_run + RUNS)
    for part in options.part or PARTS:
        found = {k: v for k, v in found.items() if k.split("|")[0] != part}
        for name, array in PARTS[part](runs):
            found[name] = array
            print(name, flush=True)
    np.savez_compressed(options.output, **found)


if __name__ == "__main__":
    main()
