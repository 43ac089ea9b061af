"""Who rated what, and when."""

import re
from typing import NamedTuple

import numpy as np

from helpers import wheels


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
    ages : ndarray of int64, shape (number of users,)
        In years.
    genders, occupations : list of str
        One entry a user; the gender as "M" or "F".
    """

    users: np.ndarray
    films: np.ndarray
    ratings: np.ndarray
    times: np.ndarray
    titles: list[str]
    years: list[int]
    genres: list[list[str]]
    ages: np.ndarray
    genders: list[str]
    occupations: list[str]


def load_movielens() -> Ratings:
    """Load MovieLens 100K: 100,000 ratings of 1,682 films by 943 users.

    Source: Harper and Konstan (2015).
    """
    users, films, ratings, times = zip(*_read_atomic("ratings"), strict=True)
    described = sorted(_read_atomic("films"), key=lambda row: int(row[0]))  # ids 1, 2, 3 …
    people = sorted(_read_atomic("users"), key=lambda row: int(row[0]))
    _, ages, genders, occupations, _ = zip(*people, strict=True)
    years = [re.search(r"\d{4}", f"{year} {title} 0000")[0] for _, title, year, _ in described]
    return Ratings(
        np.array(users, dtype=np.int64) - 1,
        np.array(films, dtype=np.int64) - 1,
        np.array(ratings, dtype=np.float32),
        np.array(times, dtype=np.int64),
        [title.replace("unkonwn", "unknown") for _, title, _, _ in described],
        [int(year) for year in years],
        [genres.split() for _, _, _, genres in described],
        np.array(ages, dtype=np.int64),
        [*genders],
        [*occupations],
    )


def _read_atomic(key: str) -> list[list[str]]:
    lines = wheels.member("movielens", key).read_text(encoding="utf-8").split("\n")[1:]
    return [line.split("\t") for line in lines if line]
