"""Measure the book's skip-gram trainer against gensim's and against one pair at a time.

``make bench`` runs it in one process: the learning rates are chosen, ours and gensim's alike, on
WikiText-2 and by scores that are not used afterward; then all are compared over three seeds on one
corpus, WikiText-2 and the IMDB reviews. Nothing else should run on the machine meanwhile.
"""

import time
from functools import partial
from itertools import product

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from gensim.models import Word2Vec
from tqdm import tqdm

from helpers import data, scores, skipgram, vectors

SEEDS = (1, 2, 3)
EPOCHS = 5
DIM = 100
WINDOW = 5
NUM_NEGATIVES = 5
SAMPLE = 1e-3
RATES = (0.025, 0.05, 0.075, 0.1)  # at a pair; the first is gensim's default
SHARE = 50  # of the paragraphs, every fiftieth: one pair at a time takes that long


def paragraphs_of(corpus):
    """Cut the word ids of the corpus into paragraphs."""
    return np.split(corpus.word_ids, np.flatnonzero(np.diff(corpus.paragraph_ids)) + 1)


def train_ours(corpus, seed, rate):
    """Train with `helpers.skipgram`; seconds (compilation included) and vectors."""
    start = time.perf_counter()
    trained = skipgram.train_skipgram(
        corpus,
        DIM,
        EPOCHS,
        window=WINDOW,
        num_negatives=NUM_NEGATIVES,
        sample=SAMPLE,
        learning_rate=rate,
        seed=seed,
    )
    return time.perf_counter() - start, trained


def train_gensim(corpus, seed, rate):
    """Train gensim's C code with two workers; seconds (without counting words) and vectors."""
    words = np.array(corpus.words, dtype=object)
    sentences = [words[ids].tolist() for ids in paragraphs_of(corpus)]
    model = Word2Vec(
        vector_size=DIM,
        window=WINDOW,
        negative=NUM_NEGATIVES,
        sample=SAMPLE,
        sg=1,
        alpha=rate,
        min_count=1,
        workers=2,
        seed=seed,
    )
    model.build_vocab(sentences)
    start = time.perf_counter()
    model.train(sentences, total_examples=len(sentences), epochs=EPOCHS)
    seconds = time.perf_counter() - start
    return seconds, vectors.WordVectors(model.wv.index_to_key, model.wv.vectors)


def train_pairs(corpus, seed):
    """Train as tutorials do, with Keras' `skipgrams`; seconds and vectors.

    Chapter 8 shows another common form, with a list of random words for each pair; here each
    pair, real or random, is an example of its own.
    """
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    skipgrams = tf.keras.preprocessing.sequence.skipgrams
    size = len(corpus.words)
    table = tf.keras.preprocessing.sequence.make_sampling_table(size + 1, SAMPLE)
    target, context = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    word = keras.layers.Embedding(size + 1, DIM)
    vector_of_context = keras.layers.Embedding(size + 1, DIM)(context)
    score = keras.layers.Dot(axes=-1)([word(target), vector_of_context])
    model = keras.Model([target, context], score)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    pairs, labels = [], []
    for paragraph in paragraphs_of(corpus):
        # Word 0 is padding to `skipgrams`.
        found = skipgrams(paragraph + 1, size + 1, WINDOW, NUM_NEGATIVES, sampling_table=table)
        pairs += found[0]
        labels += found[1]
    pairs, labels = np.array(pairs, dtype="int32"), np.array(labels, dtype="float32")
    model.fit([pairs[:, 0], pairs[:, 1]], labels, batch_size=1024, epochs=EPOCHS, verbose=0)
    seconds = time.perf_counter() - start
    return seconds, vectors.WordVectors(corpus.words, word.embeddings.numpy()[1:])


def quality(trained, similarity=("wordsim353", "simlex999", "men"), analogies="google"):
    """Score vectors on similarity sets (Spearman) and on analogies (share right)."""
    scores = {
        name: scores.rank_correlation(trained, data.load_similarity(name))[0] for name in similarity
    }
    questions = [
        question
        for question in data.load_analogies(analogies)
        if all(word.lower() in trained for word in question[1:])
    ]
    answers = scores.answer_analogies(trained, questions)
    right = [a == question.d.lower() for a, question in zip(answers, questions, strict=True)]
    return scores | {f"{analogies} analogies": float(np.mean(right))}


def tune(corpus, trainers):
    """Choose each trainer's rate by MTurk and Microsoft's analogies, which `compare` leaves out."""
    runs = []
    for name, train in trainers.items():
        for rate, seed in tqdm([*product(RATES, SEEDS)], desc=f"rates of {name}", unit="run"):
            scores = quality(train(corpus, seed, rate)[1], ["mturk"], "msr")
            runs.append({"": name, "rate": rate, **scores, "sum": sum(scores.values())})
    table = pd.DataFrame(runs).groupby(["", "rate"], sort=False).mean()
    chosen = {name: float(table.loc[name]["sum"].idxmax()) for name in trainers}
    print(f"\nTuning on {len(corpus.word_ids):,} words, {len(SEEDS)} seeds; chosen: {chosen}")
    print(table.round(3).to_string())
    return chosen


def compare(corpus, contenders):
    """Train each contender with each seed; print speed and quality, and ours divided by theirs."""
    runs = []
    for seed in tqdm(SEEDS, desc=" / ".join(contenders), unit="seed"):
        for name, train in contenders.items():
            seconds, trained = train(corpus, seed)
            speed = len(corpus.word_ids) * EPOCHS / seconds
            runs.append({"": name, "seed": seed, "words/s": speed, **quality(trained)})
    table = pd.DataFrame(runs).set_index(["", "seed"])
    names = [*contenders]
    ratios = {f"ours : {name}": table.loc["ours"] / table.loc[name] for name in names[1:]}
    print(f"\n{len(corpus.word_ids):,} words, {len(corpus.words):,} in the vocabulary, ", end="")
    print(f"{EPOCHS} epochs, {DIM} dimensions, {len(SEEDS)} seeds: mean (lowest to highest)")
    shown = {name: table.loc[name] for name in names} | ratios
    print(pd.DataFrame({name: part.apply(_spread) for name, part in shown.items()}).T.to_string())


def _spread(values):
    digits = ",.0f" if values.mean() > 100 else ".3f"
    return f"{values.mean():{digits}} ({values.min():{digits}} to {values.max():{digits}})"


def main():
    """Compare with gensim on the whole corpus, with single pairs on a share of its paragraphs."""
    wikitext = [*data.load_wikitext2().train]
    paragraphs = wikitext + [text for part in data.load_imdb() for text in part.texts]
    rates = tune(skipgram.read_corpus(wikitext), {"ours": train_ours, "gensim": train_gensim})
    ours = partial(train_ours, rate=rates["ours"])
    contenders = {
        "ours": ours,
        "gensim, as it comes": partial(train_gensim, rate=RATES[0]),
        "gensim, tuned": partial(train_gensim, rate=rates["gensim"]),
    }
    compare(skipgram.read_corpus(paragraphs, min_count=10), contenders)
    share = skipgram.read_corpus(paragraphs[::SHARE])
    compare(share, {"ours": ours, "pair by pair": train_pairs})


if __name__ == "__main__":
    main()
