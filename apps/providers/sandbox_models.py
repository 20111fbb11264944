"""The sandbox vendor's models as forms and prices. The vendor checks for itself; a test holds the two together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

CREDIT = 1_000_000
MEGAPIXEL = 1024 * 1024

STYLES = {
    "auto": "Let the prompt decide",
    "ridges": "Mountain ridges",
    "sea": "Open sea",
    "dunes": "Dunes",
    "aurora": "Northern lights",
    "nebula": "Nebula",
    "skyline": "City after dark",
    "bloom": "Flowers",
    "strands": "Flowing ribbons",
    "marble": "Liquid marble",
}
FAULTS = {
    "": "None",
    "refuse": "Refuse the request",
    "error": "Break while running",
    "lost": "Lose the answer",
    "moderated": "Withhold the result",
}


def _prompt(title: str, description: str, length: int = 4000) -> dict[str, Any]:
    return {
        "type": "string",
        "title": title,
        "description": description,
        "format": "multiline",
        "pattern": r"\S",
        "maxLength": length,
        "x-required": True,
    }


def _side(title: str, default: int, low: int, high: int, step: int) -> dict[str, Any]:
    return {
        "type": "integer",
        "title": title,
        "description": f"Pixels, a multiple of {step}.",
        "default": default,
        "minimum": low,
        "maximum": high,
        "multipleOf": step,
    }


SEED = {
    "type": "integer",
    "title": "Seed",
    "description": "The same prompt and seed make the same thing again. Empty: a new one each time.",
    "format": "seed",
    "minimum": 0,
    "maximum": 2**31 - 1,
}
STYLE = {
    "type": "string",
    "title": "Style",
    "description": "What the picture is made of.",
    "default": "auto",
    "enum": list(STYLES),
    "x-enum-titles": list(STYLES.values()),
}
SECONDS = {
    "type": "number",
    "title": "Length",
    "description": "Seconds, in steps of half a second.",
    "default": 4,
    "minimum": 1,
    "maximum": 10,
    "multipleOf": 0.5,
}
# Only for trying out how the studio meets slowness and failure.
KNOBS = {
    "latency_s": {
        "type": "number",
        "title": "Wait before starting",
        "description": "Seconds the vendor lets the job wait in its queue.",
        "default": 0,
        "minimum": 0,
        "maximum": 3600,
        "x-advanced": True,
    },
    "fail": {
        "type": "string",
        "title": "Misbehave",
        "description": "Makes the vendor fail on purpose.",
        "default": "",
        "enum": list(FAULTS),
        "x-enum-titles": list(FAULTS.values()),
        "x-advanced": True,
    },
}


def _schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {**properties, **KNOBS}, "additionalProperties": False}


IMAGE: dict[str, Any] = {
    "title": "Sandbox image",
    "description": "Procedural art drawn on this machine from the prompt's words and the seed. No key, no network.",
    "capabilities": ("text-to-image",),
    "params": _schema(
        {
            "seed": SEED,
            "width": _side("Width", 1024, 256, 2048, 8),
            "height": _side("Height", 1024, 256, 2048, 8),
            "style": STYLE,
        }
    ),
    "inputs": {"prompt": _prompt("Prompt", "Words for place, light and mood choose the scene and its colours.")},
    "unit": "image",
    "formula": "4 credits per megapixel (1024 × 1024), rounded up",
}
VIDEO: dict[str, Any] = {
    "title": "Sandbox video",
    "description": "Procedural films: a moving picture from the prompt, or a camera move over an image you give it.",
    "capabilities": ("text-to-video", "image-to-video"),
    "params": _schema(
        {
            "seed": SEED,
            "seconds": SECONDS,
            "width": _side("Width", 768, 512, 1280, 16),
            "height": _side("Height", 432, 288, 1280, 16),
            "style": STYLE,
        }
    ),
    "inputs": {
        "prompt": _prompt("Prompt", "Words for place, light and mood choose the scene and its colours."),
        "image": {"title": "First image", "x-asset": "image"},
    },
    "unit": "second",
    "formula": "5 credits per second",
}
TEXT: dict[str, Any] = {
    "title": "Sandbox text",
    "description": "Prose put together by rules and chance around the prompt's words. No language model.",
    "capabilities": ("text-to-text",),
    "params": _schema(
        {
            "seed": SEED,
            "sentences": {
                "type": "integer",
                "title": "Sentences",
                "description": "How many to write.",
                "default": 5,
                "minimum": 1,
                "maximum": 40,
            },
        }
    ),
    "inputs": {"prompt": _prompt("Prompt", "What to write about.")},
    "unit": "text",
    "formula": "1 credit per text",
}
SPEECH: dict[str, Any] = {
    "title": "Sandbox speech",
    "description": "A synthetic voice that babbles the text's rhythm: tones and formants, not words.",
    "capabilities": ("text-to-speech",),
    "params": _schema(
        {
            "seed": SEED,
            "voice": {
                "type": "string",
                "title": "Voice",
                "description": "How high it speaks.",
                "default": "alto",
                "enum": ["bass", "alto", "soprano"],
                "x-enum-titles": ["Bass", "Alto", "Soprano"],
            },
        }
    ),
    "inputs": {"prompt": _prompt("Text", "What to say.", 1000)},
    "unit": "clip",
    "formula": "2 credits per clip",
}


def image_price(params: Mapping[str, Any]) -> int:
    """Micro-credits of one image."""
    megapixels: int = math.ceil(params["width"] * params["height"] / MEGAPIXEL)
    return 4 * CREDIT * max(1, megapixels)


def video_price(params: Mapping[str, Any]) -> int:
    """Micro-credits of one film."""
    return round(5 * CREDIT * float(params["seconds"]))


def text_price(params: Mapping[str, Any]) -> int:
    """Micro-credits of one text."""
    return CREDIT


def speech_price(params: Mapping[str, Any]) -> int:
    """Micro-credits of one clip."""
    return 2 * CREDIT
