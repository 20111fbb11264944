"""How long each thing may take, and when to look again."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

# From the request to the copied result. Past it the hold goes back.
DEADLINES = {"text": timedelta(minutes=5), "image": timedelta(minutes=10), "audio": timedelta(minutes=15)}
DEADLINE_DEFAULT = timedelta(minutes=30)
# How long a call may wait for its turn. Its deadline proper begins when it is sent.
QUEUE_LIMIT = timedelta(hours=24)
# A lost answer that nobody could find out about is put before a person after this long, and no later than half-way to
# the deadline, so that there is time to answer.
ASK_AFTER = timedelta(minutes=10)
# A POST that has not come back after this long died with its worker (the adapters' own timeouts are shorter).
SUBMIT_LIMIT = timedelta(seconds=30)
# Whoever sends a POST renews its claim meanwhile; one not renewed for this long has died.
SUBMIT_CLAIM = timedelta(seconds=12)
SUBMIT_BEAT_S = 3.0
# Twice that limit after the POST, a provider that knows all its orders and has no record of this one never got it.
NEVER_ARRIVED = 2 * SUBMIT_LIMIT
# "Nothing was sent" is tried again this often before we tell the person.
SUBMIT_TRIES = 6
# A busy vendor (429) is asked again for so long, when it says, or after as long as it has been busy, up to the most.
BUSY_LIMIT = timedelta(minutes=30)
BUSY_MIN_S, BUSY_MAX_S = 1.0, 120.0
# A countdown is no longer than this, and others are kept waiting for a busy vendor no longer before they ask it too.
SUBMIT_WAIT_MAX = timedelta(seconds=55)
# A finished job's output that could not be fetched this often is a broken delivery, not a passing weakness.
FETCH_TRIES = 5
# A claimed row is due again after this long if its claimant died.
POLL_CLAIM = timedelta(seconds=15)
# Copying renews its claim, however large the file.
COLLECT_CLAIM = timedelta(seconds=15)
COLLECT_BEAT_S = 4.0
COLLECT_HANDED = timedelta(seconds=15)
# A delivered job may be copied this long past its deadline (our storage may be the one that is late).
COLLECT_GRACE = timedelta(minutes=10)
FIRST_POLL = timedelta(milliseconds=500)
POLL_MIN_S, POLL_FACTOR, POLL_MAX_S = 1.0, 1.5, 30.0
# Somebody reads a text while it is written, and it is written within a minute or so.
POLL_TEXT_S, POLL_TEXT_FOR = 1.0, timedelta(minutes=1)
# Never more than four looks, and so four progress updates, per second and generation.
POLL_GAP = timedelta(milliseconds=250)


def deadline(kind: str, now: datetime) -> datetime:
    """When we stop waiting for a call of this kind."""
    return now + DEADLINES.get(kind, DEADLINE_DEFAULT)


def submit_backoff(tries: int) -> timedelta:
    """Before the next try: 1, 2, 4, … at most 30 seconds, with jitter."""
    return timedelta(seconds=min(30.0, 2.0 ** (tries - 1)) * random.uniform(0.8, 1.2))


def busy_wait(busy_for: timedelta, retry_after_s: float | None) -> timedelta:
    """Before a busy vendor is asked again: as it says, else as long as it has been busy by now."""
    wait = min(BUSY_MAX_S, busy_for.total_seconds()) if retry_after_s is None else retry_after_s
    return timedelta(seconds=max(BUSY_MIN_S, wait) * random.uniform(1.0, 1.2))


def poll_backoff(polls: int, *, kind: str, progress: float | None, running_for: timedelta) -> timedelta:
    """Before the next look: 1 s × 1.5 up to 30 s with jitter, sooner when the progress says it is nearly done.

    At a text, every second for the first minute.
    """
    seconds = min(POLL_MAX_S, POLL_MIN_S * POLL_FACTOR ** min(polls, 12))
    if kind == "text" and running_for < POLL_TEXT_FOR:
        seconds = POLL_TEXT_S
    if progress and progress > 0:
        remaining = running_for.total_seconds() * max(0.0, 1 - progress) / progress
        seconds = min(seconds, max(0.5, remaining * 0.4))
    return timedelta(seconds=seconds * random.uniform(0.9, 1.1))
