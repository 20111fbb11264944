"""The faults that every vendor's call must come through, which scenario plays which, and where one cannot happen."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VENDORS = (
    "openai", "fal", "replicate", "runway", "google", "luma", "stability", "bfl", "elevenlabs", "ollama", "comfyui",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """``played``: what the name of a scenario that plays it looks like."""

    title: str
    played: str


FAULTS = {
    "cut": Fault("POST accepted, connection cut", r"cut"),
    "429": Fault("429", r"429"),
    "429-later": Fault("429 with Retry-After", r"429-(later|then-well)"),
    "poll-5xx": Fault("5xx on a look", r"(poll-5xx|look-500|5xx-on-poll)"),
    "webhook-first": Fault("webhook before the answer", r"webhook-(first|early)"),
    "webhook-twice": Fault("duplicate webhook", r"webhook-(twice|duplicate-stale-future-forged)"),
    "webhook-stale": Fault("stale or future webhook", r"webhook-(stale|future|duplicate-stale-future-forged)"),
    "webhook-forged": Fault("bad signature", r"webhook-(forged|duplicate-stale-future-forged|refused)"),
    "expired-url": Fault("expired result URL", r"(expired|expired-url|gone-url)"),
    "moderated": Fault("moderated success", r"moderated(-success)?"),
    "cancel-race": Fault("cancel racing completion", r"cancel-(after|after-completion|while-made|while-writing)"),
    "position-up": Fault("queue position going up", r"(queue-climbs|position-up)"),
}
_WEBHOOKS = ("webhook-first", "webhook-twice", "webhook-stale", "webhook-forged")
_NO_WEBHOOK = {
    "bfl": "its signature is documented nowhere by the vendor, so we never ask for a webhook, and believe none",
    "comfyui": "a person's own server sends no webhooks; what comes to its address is refused",
    "elevenlabs": "it answers with the sound; its webhooks tell of other products",
    "google": "the video is asked for; we register no webhook, and believe none",
    "luma": "the current API has none; the legacy callback is unsigned, so we never ask for it",
    "ollama": "it answers with the words and sends no webhooks",
    "runway": "it has none",
    "stability": "it has none",
}
_AT_ONCE = "it answers the POST with the result: there is no job to look at"
_INSIDE = "the result lies in the answer itself, at no address"
_NO_PLACE = "it tells no place in a queue"
# Why a vendor cannot have a fault.
EXCUSES = {
    **{(vendor, fault): why for vendor, why in _NO_WEBHOOK.items() for fault in _WEBHOOKS},
    ("elevenlabs", "poll-5xx"): _AT_ONCE,
    ("ollama", "poll-5xx"): _AT_ONCE,
    ("openai", "expired-url"): _INSIDE,
    ("elevenlabs", "expired-url"): _INSIDE,
    ("ollama", "expired-url"): _INSIDE,
    ("ollama", "moderated"): "a person's own server judges nothing",
    ("comfyui", "moderated"): "a person's own server judges nothing",
    **{(vendor, "position-up"): _NO_PLACE for vendor in ("bfl", "google", "openai", "stability")},
    ("elevenlabs", "position-up"): _AT_ONCE,
    ("ollama", "position-up"): _AT_ONCE,
}
# The vendor and the kind of call are in the test's name, what happens in the parameter.
_TEST = re.compile(r"test_(?P<vendor>[a-z]+)_(?:\w+_)?scenario(?:_(?P<kind>\w+))?$")


def vendor_of(test: str) -> tuple[str, str] | None:
    """Vendor and kind of call of a matrix's test function; None for any other test."""
    found = _TEST.match(test)
    return (found["vendor"], found["kind"] or "") if found else None


def plays(scenario: str, fault: Fault) -> bool:
    """Whether a scenario plays this fault. Some begin with the kind of call."""
    return re.fullmatch(rf"(?:(?:image|text|speech|music|sound)-)?{fault.played}", scenario) is not None


def scenarios_named() -> Iterator[tuple[str, str]]:
    """``(vendor, scenario)`` of every test of every matrix, as they are written."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.vendors.{path.stem}")
        for name, test in vars(module).items():
            named = vendor_of(name)
            for mark in getattr(test, "pytestmark", []) if named else []:
                if mark.name == "parametrize" and mark.args[0] == "scenario":
                    assert named is not None
                    for one in mark.args[1]:
                        yield (
                            named[0],
                            str(one.values[0] if hasattr(one, "values") and not isinstance(one, dict) else one),
                        )
