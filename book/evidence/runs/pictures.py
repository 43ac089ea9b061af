"""Pictures of words and of questions by t-SNE: the long run of evidence 9.

``make long-run RUN=pictures`` draws five pictures of each of three sets of
word vectors, trains 50 small classifiers of questions and draws what each
of them sees (about ten minutes), and writes ``pictures.npz`` beside this
file: the places of the words, and for each question whether it is answered
wrong and what points to that. Evidence 9 judges that, and repeats a part.
To see whether its verdicts stand from other starts::

    cd book/evidence/runs
    python pictures.py --first-run 1000 --output other.npz
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from helpers import data, training
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

STORED = Path(__file__).with_suffix(".npz")
RUNS, FOLDS = 5, 5
SIMILARITY = ("men", "simlex999", "rg65", "wordsim353")
VERSIONS = ("as annotated", "one kind misfiled")
VOCAB_SIZE, SEQUENCE_LENGTH = 5_000, 20
EPOCHS, BATCH_SIZE, RATE = 6, 128, 5e-3


def draw_tsne(
    points: np.ndarray, seed: int, init: str = "random", **settings: float
) -> np.ndarray:
    """Draw points in the plane, with scikit-learn's own 1,000 steps.

    One thread: on a busy machine several wait for each other.
    """
    method = TSNE(init=init, random_state=seed, **settings)
    with threadpool_limits(1, user_api="openmp"):
        return method.fit_transform(points)


def nearest_rows(points: np.ndarray, k: int = 10) -> np.ndarray:
    """Row numbers of each point's k nearest others, shape (points, k)."""
    nearest = NearestNeighbors(n_neighbors=k).fit(points)
    return nearest.kneighbors(return_distance=False)


def read_words() -> tuple[list[str], np.ndarray]:
    """Read the words that people rated, and their GloVe vectors."""
    glove = data.load_glove_840b()
    rated = set()
    for name in SIMILARITY:
        pairs = data.load_similarity(name)
        rated.update(pairs.first, pairs.second)
    words = sorted(word for word in rated if word in glove)
    return words, np.array([glove[word] for word in words])


class Vocabulary(NamedTuple):
    """The words that characterize a newsgroup.

    Attributes
    ----------
    words : ndarray of str, shape (words,)
    topics : ndarray of int, shape (words,)
        The newsgroup that holds most posts with the word.
    names : list of str
        Of the newsgroups.
    posts : ndarray of int, shape (newsgroups, words)
        How many posts of each newsgroup have the word.
    spaces : dict of str to ndarray, shape (words, 50)
        Vectors of length 1, learned from the posts, and GloVe's.
    share : float
        Of all words that occur in 20 posts.
    """

    words: np.ndarray
    topics: np.ndarray
    names: list[str]
    posts: np.ndarray
    spaces: dict[str, np.ndarray]
    share: float


def read_vocabulary() -> Vocabulary:
    """Find the words more than half of whose posts are of one newsgroup."""
    news, glove = data.load_newsgroups(), data.load_glove()
    tfidf = TfidfVectorizer(
        token_pattern="[a-z]{3,}", min_df=20, sublinear_tf=True
    )
    weights = tfidf.fit_transform(news.train.texts)
    labels = news.train.labels[:, None] == np.arange(len(news.class_names))
    posts = ((weights > 0).astype(int).T @ labels.astype(int)).T
    words = tfidf.get_feature_names_out()
    has_vector = np.array([word in glove for word in words])
    is_ours = (posts.max(axis=0) > posts.sum(axis=0) / 2) & has_vector
    svd = TruncatedSVD(50, random_state=0).fit(weights)
    learned = svd.components_.T * svd.singular_values_
    return Vocabulary(
        words[is_ours],
        posts[:, is_ours].argmax(axis=0),
        news.class_names,
        posts[:, is_ours],
        {
            "posts": normalize(learned[is_ours]),
            "GloVe": normalize([glove[word] for word in words[is_ours]]),
        },
        float(is_ours.mean()),
    )


class Questions(NamedTuple):
    """All questions of TREC, with two versions of their labels."""

    texts: list[str]
    labels: np.ndarray
    misfiled: np.ndarray
    is_how_many: np.ndarray


def read_questions() -> Questions:
    """Read the questions, and file those about *how many* under another."""
    trec = data.load_trec()
    texts = [text for part in trec[:3] for text in part.texts]
    labels = np.concatenate([part.labels for part in trec[:3]])
    is_how_many = np.array(
        [text.lower().startswith("how many") for text in texts]
    )
    description = trec.class_names.index("description")
    return Questions(
        texts,
        labels,
        np.where(is_how_many, description, labels),
        is_how_many,
    )


class Trainer:
    """An average of embeddings, compiled once and trained many times."""

    def __init__(self) -> None:
        ids = keras.Input((SEQUENCE_LENGTH,), dtype="int32")
        x = keras.layers.Embedding(VOCAB_SIZE, 64, mask_zero=True)(ids)
        x = keras.layers.GlobalAveragePooling1D()(x)
        hidden = keras.layers.Dense(64, "relu")(x)
        answer = keras.layers.Dense(6, "softmax")(hidden)
        self.model = keras.Model(ids, answer)
        self.model.compile(
            keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy"
        )
        self.both = keras.Model(ids, [hidden, answer])
        self.train_epoch = training.compile_epoch(self.model)

    def train(self, ids: np.ndarray, labels: np.ndarray, seed: int) -> None:
        """Train a fresh copy."""
        training.restart(self.model, seed)
        rng = np.random.default_rng(seed)
        rows = np.arange(len(labels))
        for _ in range(EPOCHS):
            drawn = training.cut_batches(rows, BATCH_SIZE, rng)
            self.train_epoch(ids[drawn], labels[drawn])


def split_questions(number: int, run: int) -> list[np.ndarray]:
    """Draw five parts of all questions."""
    # As in letters.py, `make reseed` must not change a stored run's split.
    order = np.random.Generator(np.random.PCG64(run)).permutation(number)
    return np.array_split(order, FOLDS)


def errors_nearby(places: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Share of errors among the ten nearest checked questions.

    Parameters
    ----------
    places : ndarray, shape (questions, dimension)
        The checked questions first.
    wrong : ndarray of bool, shape (checked questions,)
    """
    near = NearestNeighbors(n_neighbors=10).fit(places[: len(wrong)])
    rows = near.kneighbors(places[len(wrong) :], return_distance=False)
    return wrong[rows].mean(axis=1)


def errors_of_class(predicted: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Share of errors among checked questions of the same predicted class.

    Where there is none, the share among all checked questions.
    """
    rates = np.full(6, wrong.mean())
    for label in np.unique(predicted[: len(wrong)]):
        rates[label] = wrong[predicted[: len(wrong)] == label].mean()
    return rates[predicted[len(wrong) :]]


class Study(NamedTuple):
    """What one trained copy says of its checked and its asked questions.

    Attributes
    ----------
    rows : ndarray of int, shape (checked and asked,)
        Which questions, the checked ones first.
    wrong : ndarray of bool, shape (checked and asked,)
    places : ndarray of float32, shape (checked and asked, 2)
        The picture of the hidden layer.
    scores : dict of str to ndarray, shape (asked,)
        What points to an error.
    kept : float
        The picture's neighbor preservation.
    """

    rows: np.ndarray
    wrong: np.ndarray
    places: np.ndarray
    scores: dict[str, np.ndarray]
    kept: float


SCORES = (
    "picture",
    "low confidence",
    "predicted class",
    "hidden layer",
)


def study_fold(
    trainer: Trainer,
    questions: Questions,
    version: str,
    run: int,
    fold: int,
) -> Study:
    """Train on three parts, check the errors of one, and judge another."""
    parts = split_questions(len(questions.labels), run)
    turned = parts[fold:] + parts[:fold]
    asked, checked, train = turned[0], turned[1], np.concatenate(turned[2:])
    labels = questions.labels
    if version == "one kind misfiled":
        labels = questions.misfiled
    vectorize = keras.layers.TextVectorization(
        VOCAB_SIZE, output_sequence_length=SEQUENCE_LENGTH
    )
    vectorize.adapt([questions.texts[row] for row in train])
    ids = vectorize(questions.texts).numpy().astype("int32")
    seed = 100 * run + fold
    trainer.train(ids[train], labels[train], seed)

    rows = np.concatenate([checked, asked])
    hidden, answer = (each.numpy() for each in trainer.both(ids[rows]))
    predicted = answer.argmax(axis=1)
    wrong = predicted != questions.labels[rows]
    known = wrong[: len(checked)]
    space = normalize(hidden)
    places = draw_tsne(space, seed)
    shared = [
        len({*before} & {*after}) / 10
        for before, after in zip(
            nearest_rows(space), nearest_rows(places), strict=True
        )
    ]
    scores = (
        errors_nearby(places, known),
        1 - answer.max(axis=1)[len(checked) :],
        errors_of_class(predicted, known),
        errors_nearby(space, known),
    )
    return Study(
        rows,
        wrong,
        places,
        dict(zip(SCORES, scores, strict=True)),
        float(np.mean(shared)),
    )


def study_all(runs: range) -> dict[str, np.ndarray]:
    """Study every fold of every round, in both versions of the labels."""
    questions, trainer = read_questions(), Trainer()
    shape = (len(runs), len(questions.labels))
    found: dict[str, np.ndarray] = {}
    for version in VERSIONS:
        wrong = found[f"{version}, wrong"] = np.zeros(shape, dtype=bool)
        kept = found[f"{version}, kept"] = np.zeros((len(runs), FOLDS))
        for name in SCORES:
            found[f"{version}, {name}"] = np.zeros(shape, "float32")
        for number, fold in np.ndindex(kept.shape):
            run = runs[number]
            study = study_fold(trainer, questions, version, run, fold)
            asked = study.rows[-len(study.scores["picture"]) :]
            wrong[number, asked] = study.wrong[-len(asked) :]
            kept[number, fold] = study.kept
            for name, score in study.scores.items():
                found[f"{version}, {name}"][number, asked] = score
            if (number, fold) == (0, 0):
                for field in ("rows", "wrong", "places"):
                    name = f"example, {version}, {field}"
                    found[name] = getattr(study, field)
            print(f"{version}, round {run}, part {fold}", flush=True)
    return found


def main() -> None:
    """Draw all pictures, train all copies, and store what they say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-run", type=int, default=0)
    parser.add_argument("--output", type=Path, default=STORED)
    options = parser.parse_args()
    runs = range(options.first_run, options.first_run + RUNS)
    spaces = {
        "words": normalize(read_words()[1]),
        **read_vocabulary().spaces,
    }
    found: dict[str, np.ndarray] = {}
    for name, space in spaces.items():
        found[name] = np.stack([draw_tsne(space, run) for run in runs])
        print(f"{name}: {len(space)} words drawn", flush=True)
    found["words from PCA"] = draw_tsne(spaces["words"], 0, "pca")
    np.savez_compressed(options.output, **found, **study_all(runs))


if __name__ == "__main__":
    main()
