"""How a state is shown, the same on every surface: a shape, a hue and a word. Hues: ``--state-*`` in tokens.css."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Look:
    """``shape`` names the hue (``--state-<shape>``), ``icon`` is Lucide's."""

    shape: str
    icon: str
    word: Promise


QUEUED = Look("queued", "circle-dashed", pgettext_lazy("state", "Queued"))
RUNNING = Look("running", "loader-circle", pgettext_lazy("state", "Running"))
WAITING = Look("waiting", "hourglass", pgettext_lazy("state", "Waiting"))
DONE = Look("done", "circle-check", pgettext_lazy("state", "Done"))
CACHED = Look("cached", "zap", pgettext_lazy("state", "Reused"))
FAILED = Look("failed", "octagon-x", pgettext_lazy("state", "Failed"))
SKIPPED = Look("skipped", "skip-forward", pgettext_lazy("state", "Skipped"))
CANCELLED = Look("cancelled", "circle-slash", pgettext_lazy("state", "Cancelled"))
UNKNOWN = Look("unknown", "circle-help", pgettext_lazy("state", "Unknown"))

# Runs, steps, generations and assets each have their own words; here they meet.
LOOKS: dict[str, Look] = {
    "pending": QUEUED,
    "ready": QUEUED,
    "prepared": QUEUED,
    "submitting": QUEUED,
    "submitted": QUEUED,
    "running": RUNNING,
    "uploading": RUNNING,
    "verifying": RUNNING,
    "waiting": WAITING,
    "completed": DONE,
    "succeeded": DONE,
    "cached": CACHED,
    "failed": FAILED,
    "refused": FAILED,
    "expired": FAILED,
    "skipped": SKIPPED,
    "cancelled": CANCELLED,
    "unknown": UNKNOWN,
}


def look_of(state: str) -> Look:
    """The look of any state of any table; what is not known looks unknown."""
    return LOOKS.get(str(state), UNKNOWN)
