"""Prose by rules and chance: a small grammar fed with the prompt's own words. It understands nothing, and says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from apps.sandbox.art.scene import Scene
from apps.sandbox.art.words import words_of

IDLE = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "from",
        "has",
        "have",
        "he",
        "her",
        "his",
        "i",
        "in",
        "is",
        "it",
        "its",
        "like",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "she",
        "so",
        "that",
        "the",
        "their",
        "them",
        "there",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "you",
        "your",
        "write",
        "make",
        "draw",
        "about",
        "me",
        "us",
    ]
)
ADJECTIVES = [
    "quiet",
    "slow",
    "bright",
    "patient",
    "distant",
    "hidden",
    "warm",
    "silver",
    "restless",
    "gentle",
    "ancient",
    "narrow",
    "clear",
    "unhurried",
]
NOUNS = [
    "light",
    "shore",
    "window",
    "hour",
    "garden",
    "road",
    "letter",
    "lamp",
    "morning",
    "current",
    "mirror",
    "season",
    "thread",
    "horizon",
    "echo",
]
VERBS = [
    "waits",
    "turns",
    "gathers",
    "drifts",
    "listens",
    "opens",
    "settles",
    "returns",
    "glows",
    "lingers",
    "wanders",
    "softens",
]
PLACES = [
    "at the edge of the map", "between two hours", "under the same sky", "behind the glass", "where the road bends",
    "on the far bank", "in the first light", "before anybody wakes",
]  # fmt: skip
PATTERNS = [
    "The {a} {t} {v} {p}, and the {n} {v2} with it.",
    "Nobody asked the {t}, yet it {v} {p}.",
    "Think of {t} as a {a} {n}: it {v}, then it {v2}.",
    "There is a {n} in every {t}, {a} and {a2}.",
    "When the {n} {v}, the {t} {v2} {p}.",
    "One {a} {n} is enough; the {t} {v} all the same.",
    "{P}, a {t} {v} like a {a} {n}.",
    "What the {n} remembers of the {t} is {a}, and a little {a2}.",
    "So the {t} {v}; the {u} {v2} {p}.",
]
SOURCE = "(Put together by rules and chance in the Millrace sandbox.)"


@dataclass
class _Deck:
    """Draws without repeating until everything was drawn once."""

    cards: list[str]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = [self.cards[i] for i in self.rng.permutation(len(self.cards))]
        return self._left.pop()


def compose(prompt: str, seed: int, sentences: int) -> str:
    """That many sentences about the prompt's words, with a last line that says where they come from."""
    rng = Scene(prompt, seed, 64, 64).generator("prose")
    own = [word for word in dict.fromkeys(words_of(prompt)) if word not in IDLE] or ["silence"]
    decks = {"t": own, "u": own, "n": NOUNS, "a": ADJECTIVES, "v": VERBS, "p": PLACES}
    drawn = {name: _Deck(cards, rng) for name, cards in decks.items()}
    patterns = _Deck(PATTERNS, rng)
    lines = [_sentence(patterns.draw(), drawn) for _ in range(sentences)]
    breaks = [line + ("\n\n" if i % 4 == 3 and i + 1 < len(lines) else " ") for i, line in enumerate(lines)]
    return "".join(breaks).strip() + f"\n\n{SOURCE}\n"


def _sentence(pattern: str, decks: dict[str, _Deck]) -> str:
    def word(match: re.Match[str]) -> str:
        name = match[1]
        chosen = decks[name[0].lower()].draw()
        return chosen[0].upper() + chosen[1:] if name.isupper() else chosen

    text = re.sub(r"\{(\w+)\}", word, pattern)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[0].upper() + text[1:]
