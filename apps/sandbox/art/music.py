"""Small pieces of music: a scale and a pace from the words, chords, a bass and a tune by chance from the seed."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.sandbox.art.scene import Scene

RATE = 32_000
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Degrees of the scale, a chord for each bar.
TURNS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (0, 2, 3, 4))
SAD = ("sad", "night", "dark", "rain", "storm", "winter", "lonely", "minor", "melancholy")
SLOW = ("calm", "slow", "ambient", "sleep", "sea", "lullaby", "peaceful", "ballad")
FAST = ("fast", "dance", "upbeat", "energetic", "storm", "rock", "happy", "party")
Sound = npt.NDArray[np.float64]


def compose_wav(to: Path, *, prompt: str, seed: int, seconds: float) -> None:
    """Stereo, 16 bit, 32 kHz."""
    scene = Scene(prompt, seed, 64, 64)
    rng = scene.generator("music")
    scale = MINOR if scene.says(*SAD) else MAJOR
    beat = 60 / _pace(scene, rng)
    root = int(rng.integers(45, 57))
    turn = TURNS[int(rng.integers(len(TURNS)))]
    tune = [int(rng.integers(0, 8)) for _ in range(8)]  # repeated, so that it is a tune
    sound = np.zeros((2, int(seconds * RATE)))
    for bar in range(int(np.ceil(seconds / (4 * beat)))):
        _bar(sound, bar * 4 * beat, beat, _Key(root, scale, turn[bar % len(turn)]), tune, rng)
    _finish(to, sound)


@dataclass(frozen=True)
class _Key:
    """A scale on a root, and the degree of the chord."""

    root: int
    scale: tuple[int, ...]
    degree: int

    def height(self, step: int, octaves: int = 0) -> float:
        """Hertz, so many steps above the chord's own degree."""
        turns, place = divmod(self.degree + step, len(self.scale))
        return float(440 * 2 ** ((self.root + 12 * (turns + octaves) + self.scale[place] - 69) / 12))


def _pace(scene: Scene, rng: np.random.Generator) -> float:
    """Beats in a minute."""
    low, high = (58, 74) if scene.says(*SLOW) else (120, 140) if scene.says(*FAST) else (84, 108)
    return float(rng.uniform(low, high))


def _bar(sound: Sound, start: float, beat: float, key: _Key, tune: list[int], rng: np.random.Generator) -> None:
    """A chord that lies, a bass that walks, and the tune above them."""
    for step in (0, 2, 4):
        _add(sound, start, 4 * beat, key.height(step), 0.10, pan=0.35 + 0.15 * step / 2, soft=True)
    for half in (0, 2):
        _add(sound, start + half * beat, 2 * beat, key.height(0, -1), 0.20, pan=0.5)
    for eighth in range(8):
        if rng.random() < 0.68:
            step = tune[eighth] if eighth % 2 else (0, 2, 4)[tune[eighth] % 3]
            _add(sound, start + eighth * beat / 2, beat * 0.9, key.height(step, 1), 0.15, pan=0.62)


def _add(
    sound: Sound, start: float, length: float, height: float, level: float, *, pan: float, soft: bool = False
) -> None:
    """One note: a few harmonics under an envelope, at its place between left and right."""
    first = int(start * RATE)
    count = min(int(length * RATE), sound.shape[1] - first)
    if count <= 0:
        return
    moment = np.arange(count) / RATE
    note = np.zeros(count)
    for number, weight in ((1, 1.0), (2, 0.4), (3, 0.16), (5, 0.05)):
        note += weight * np.sin(2 * np.pi * height * number * moment)
    rise = np.minimum(1, moment / (0.18 if soft else 0.008))
    fall = np.exp(-moment * (0.5 if soft else 2.6)) * np.minimum(1, (count - np.arange(count)) / (0.03 * RATE))
    note *= rise * fall * level
    sound[0, first : first + count] += note * np.sqrt(1 - pan)
    sound[1, first : first + count] += note * np.sqrt(pan)


def _finish(to: Path, sound: Sound) -> None:
    for delay, echo in ((0.11, 0.22), (0.23, 0.13)):
        shift = int(delay * RATE)
        if sound.shape[1] > shift:
            sound[:, shift:] += echo * sound[::-1, :-shift].copy()
    tail = min(sound.shape[1], RATE)
    sound[:, -tail:] *= np.linspace(1, 0, tail)
    sound *= 0.85 / max(1e-6, float(np.abs(sound).max()))
    with wave.open(str(to), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound.T * 32767).astype("<i2").tobytes())
