"""A voice that babbles: harmonics shaped by vowel formants, breath for consonants, the text's own rhythm. No words."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.sandbox.art.scene import Scene

RATE = 24_000
PITCH = {"bass": 98.0, "alto": 185.0, "soprano": 262.0}
TRACT = {"bass": 0.92, "alto": 1.08, "soprano": 1.18}
# First three formants, Hz.
VOWELS = {
    "a": (750, 1200, 2550), "e": (500, 1850, 2500), "i": (310, 2200, 2950), "o": (480, 860, 2450),
    "u": (340, 780, 2350), "y": (300, 1900, 2500),
}  # fmt: skip
BREATHY = frozenset("sfhxzcvtkpqj")
SECONDS_MAX = 120
Sound = npt.NDArray[np.float64]


def speak_wav(to: Path, text: str, seed: int, voice: str) -> None:
    """Mono, 16 bit, 24 kHz. ``voice`` is one of PITCH."""
    rng = Scene(text, seed, 64, 64).generator("voice")
    pieces: list[Sound] = [np.zeros(RATE // 10)]
    for sentence in re.findall(r"[^.!?\n]+[.!?]*", text) or ["…"]:
        pieces += _sentence(sentence, voice, rng)
        pieces.append(np.zeros(int(RATE * 0.32)))
    sound = np.concatenate(pieces)[: SECONDS_MAX * RATE]
    sound = sound + 0.18 * np.concatenate([np.zeros(1100), sound])[: len(sound)]  # a small room
    sound *= 0.85 / max(1e-6, float(np.abs(sound).max()))
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def _sentence(sentence: str, voice: str, rng: np.random.Generator) -> list[Sound]:
    """Pitch falls over a statement and rises at the end of a question."""
    words = re.findall(r"[^\W_]+|,", sentence)
    asks = sentence.rstrip().endswith("?")
    pieces: list[Sound] = []
    for index, word in enumerate(words):
        if word == ",":
            pieces.append(np.zeros(int(RATE * 0.16)))
            continue
        done = index / max(1, len(words) - 1)
        lift = 1.14 - 0.22 * done + (0.42 * max(0.0, done - 0.75) / 0.25 if asks else 0.0)
        pieces += [
            _syllable(part, PITCH[voice] * lift * rng.normal(1, 0.025), TRACT[voice], rng) for part in _syllables(word)
        ]
        pieces.append(np.zeros(int(RATE * 0.045)))
    return pieces


def _syllables(word: str) -> list[str]:
    """Rough syllables: consonants up to and with a group of vowels. Letters of other scripts count as one each."""
    plain = word.lower()
    return re.findall(r"[^aeiouy]*[aeiouy]+(?:[^aeiouy]+$)?", plain) or list(plain[:12])


def _syllable(part: str, pitch: float, tract: float, rng: np.random.Generator) -> Sound:
    vowels = [letter for letter in part if letter in VOWELS] or [list(VOWELS)[ord(part[0]) % len(VOWELS)]]
    length = int(RATE * (0.10 + 0.035 * len(part)) * rng.uniform(0.9, 1.15))
    moment = np.arange(length) / RATE
    glide = np.linspace(0, 1, length)
    start, end = (np.array(VOWELS[vowel], float) * tract for vowel in (vowels[0], vowels[-1]))
    bend = pitch * (1 + 0.05 * np.sin(np.pi * glide) + 0.012 * np.sin(2 * np.pi * 5.3 * moment))
    phase = 2 * np.pi * np.cumsum(bend) / RATE
    sound = np.zeros(length)
    for harmonic in range(1, int(4500 / pitch)):
        height = harmonic * pitch
        gain = sum(
            weight / (1 + ((height - (a + (b - a) * glide)) / width) ** 2)
            for a, b, weight, width in zip(start, end, (1.0, 0.55, 0.25), (90.0, 120.0, 170.0), strict=True)
        )
        sound += gain / harmonic**0.55 * np.sin(harmonic * phase)
    envelope = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / (RATE * 0.022))
    sound *= envelope * 0.25
    breath = rng.normal(0, 1, int(RATE * 0.055)) * np.hanning(int(RATE * 0.055)) * 0.035
    breath = np.diff(breath, prepend=0.0) * 3
    return np.concatenate([breath, sound]) if part[0] in BREATHY else sound
