"""Made-up reviews: a few opinions, some with a "not" before them, and much about nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

GOOD = ("good", "great", "lovely", "moving", "clever", "funny")
BAD = ("bad", "dull", "awful", "boring", "silly", "poor")
_FILLER = (
    "the film was shot in paris and the story is set on a train where people talk about their "
    "work some scenes take place at night others in the morning we see a house and a dog and "
    "there is music by a band that i had heard before my friend came along too"
)
FILLER = _FILLER.split()


def review(rng: np.random.Generator, n_words: int) -> tuple[str, bool]:
    """A text, and whether most of its five opinions are in favour.

    `not` turns the word after it round, so that counting words is not enough.
    """
    text = list(rng.choice(FILLER, size=n_words))
    in_favour = rng.random(5) < rng.choice([0.2, 0.8])
    places = np.sort(rng.choice(n_words - 1, size=5, replace=False))
    for place, favour in zip(places[::-1], in_favour, strict=True):  # from the end: indices hold
        negated = rng.random() < 0.4
        word = rng.choice(GOOD if favour != negated else BAD)
        text[place:place] = ["not", word] if negated else ["very", word]
    return " ".join(text), bool(in_favour.sum() >= 3)


def reviews(n_train: int, n_test: int, n_words: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """(part, pos or neg, text), as for IMDb."""
    rng = np.random.default_rng(seed)
    for part, n in (("train", n_train), ("test", n_test)):
        for _ in range(n):
            text, in_favour = review(rng, n_words)
            yield part, "pos" if in_favour else "neg", text
