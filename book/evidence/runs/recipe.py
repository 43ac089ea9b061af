"""The recipe of chapter 4 with another window: a long run of evidence 4.

``make long-run RUN=recipe`` trains it on the first 400 words of each review
in place of the last 50, three times (a quarter of an hour), and writes
``recipe.npz`` beside this file.
"""

from pathlib import Path

import keras
import numpy as np
from helpers import data
from keras.utils import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

STORED = Path(__file__).with_suffix(".npz")
SEQUENCE_LENGTH = 400
RUNS, EPOCHS = 3, 5


def build_recipe() -> keras.Model:
    """Build the recipe's network for rows of 400 ids."""
    model = keras.Sequential(
        [
            keras.Input((SEQUENCE_LENGTH,), dtype="int32"),
            keras.layers.Embedding(10_000, 128),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model


def main() -> None:
    """Train all runs and store which reviews each gets right, by epoch."""
    reviews = data.load_imdb()
    tokenizer = Tokenizer(num_words=10_000)
    tokenizer.fit_on_texts(reviews.train.texts)
    train, validation, test = (
        pad_sequences(
            tokenizer.texts_to_sequences(part.texts),
            maxlen=SEQUENCE_LENGTH,
            padding="post",
            truncating="post",
        )
        for part in reviews
    )
    validated, right = [], []
    for run in range(RUNS):
        keras.utils.set_random_seed(run)
        model = build_recipe()
        for epoch in range(EPOCHS):
            model.fit(
                train, reviews.train.labels, batch_size=128, verbose=0
            )
            for rows, labels, found in (
                (validation, reviews.validation.labels, validated),
                (test, reviews.test.labels, right),
            ):
                answers = model.predict(rows, batch_size=512, verbose=0)
                found.append((answers[:, 0] > 0.5) == labels)
            score = validated[-1].mean()
            print(f"run {run}, epoch {epoch + 1}: {score:.3f}", flush=True)
    shape = (RUNS, EPOCHS, -1)
    np.savez_compressed(
        STORED,
        validation=np.reshape(validated, shape),
        test=np.reshape(right, shape),
    )


if __name__ == "__main__":
    main()
