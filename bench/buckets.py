"""Whether a token bucket admits what it should, by 64 clients at once: `bucket`."""

from __future__ import annotations

import threading
import time
from typing import Any

from bench.report import Figure
from bench.site import Site

CLIENTS = 64
SPAN_S = 3.0
# Rate and burst. A burst is large enough for one token to be less than one part in a hundred of what is admitted; with
# fewer tokens than that, "within 1 %" would say no more than "not one too many".
PLANS = ((0.1, 300), (1.0, 300), (10.0, 300), (100.0, 100), (1000.0, 100))


def bench_bucket(site: Site) -> list[Figure]:
    """Everybody asks as fast as they can for three seconds; what was given against burst + rate × t of Redis."""
    return [_figure(rate, burst) for rate, burst in PLANS]


def _figure(rate: float, burst: int) -> Figure:
    from apps.common.buckets import Bucket, buckets_take
    from apps.common.ids import uuid7

    bucket = Bucket("bench", f"{{bench}}:{uuid7()}", rate, burst)
    given, asked = [0] * CLIENTS, [0] * CLIENTS
    ready = threading.Barrier(CLIENTS + 1)

    def ask(client: int) -> None:
        ready.wait()
        until = time.monotonic() + SPAN_S
        while time.monotonic() < until:
            asked[client] += 1
            given[client] += buckets_take([bucket]).allowed

    clients = [threading.Thread(target=ask, args=[number]) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    begun = _redis_ms()
    ready.wait()
    for client in clients:
        client.join()
    # As it was written with the last answer: what was left then was not given.
    left, last = _kept(bucket.key)
    spent_s = (last - begun) / 1000
    fair = burst + rate * spent_s
    off = (sum(given) + left - fair) / fair * 100
    how = (
        f"{sum(given):,} of {sum(asked):,} given in {spent_s:.2f} s, {left:.1f} left, {fair:.1f} due; "
        f"{sum(asked) / SPAN_S:,.0f} answers/s"
    )
    return Figure("bucket", f"{rate:g}/s, burst {burst}, {CLIENTS} clients: off by", abs(off), 1, "%", how)


def _redis_ms() -> int:
    seconds, micros = _redis().time()
    return int(seconds * 1000 + micros // 1000)


def _kept(key: str) -> tuple[float, int]:
    """What is in the bucket, tokens, and the millisecond it was written."""
    from django.conf import settings

    level, at = _redis().get(f"{settings.LIMITS_PREFIX}:{key}").split(b":")
    return float(level) / 1000, int(at)


def _redis() -> Any:
    import redis
    from django.conf import settings

    return redis.Redis.from_url(settings.LIMITS_REDIS_URL)
