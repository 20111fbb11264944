"""Token buckets in Redis: so many at once, so many a second after that, exact over all processes and hosts.

Several buckets are asked in one round trip, and either all of them give a token or none does. While Redis cannot be
reached nobody waits for it: after one failure the others are told at once, until one of them finds it back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

log = structlog.get_logger(__name__)
TIMEOUT_S = 0.25
# How long nobody asks after a failure: at first, and at most.
REST_S, REST_MAX_S = 0.5, 4.0

# ARGV: tokens wanted, then rate (tokens a second, which is thousandths a millisecond) and size of each bucket. A bucket
# is "thousandths:milliseconds". It is written on refusal too, so that what it earned counts once, and forgotten when
# it must be full. A clock that was set back earns nothing and loses nothing.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local want = tonumber(ARGV[1]) * 1000
local levels, wait = {}, 0
for i, key in ipairs(KEYS) do
    local rate, cap = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]) * 1000
    local level, kept = cap, redis.call('GET', key)
    if kept then
        local colon = string.find(kept, ':', 1, true)
        local elapsed = now - tonumber(string.sub(kept, colon + 1))
        level = math.min(cap, tonumber(string.sub(kept, 1, colon - 1)) + math.max(0, elapsed) * rate)
    end
    levels[i] = level
    if level < want then wait = math.max(wait, math.ceil((want - level) / rate)) end
end
local answer = {wait == 0 and 1 or 0, wait}
for i, key in ipairs(KEYS) do
    local rate, cap = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]) * 1000
    local level = wait == 0 and levels[i] - want or levels[i]
    redis.call('SET', key, string.format('%.6f:%.0f', level, now), 'PX', math.ceil(cap / rate) + 1000)
    answer[i + 2] = math.floor(level)
end
return answer
"""


class LimiterDown(Exception):
    """Redis cannot say whether there is a token left."""


@dataclass(frozen=True)
class Bucket:
    """``rate`` tokens a second, ``burst`` at most. ``name`` is what people are told; ``key`` is unique.

    Buckets that are asked together have the same part of their keys in braces, so that a cluster keeps them together.
    """

    name: str
    key: str
    rate: float
    burst: int


@dataclass(frozen=True)
class Level:
    """How much is in a bucket, in whole tokens, and in how many seconds it will be full."""

    bucket: Bucket
    remaining: int
    full_in_s: int


@dataclass(frozen=True)
class Answer:
    """Whether every bucket gave; otherwise ``retry_ms`` is how long the emptiest of them needs."""

    allowed: bool
    retry_ms: int
    levels: tuple[Level, ...]

    @property
    def retry_s(self) -> int:
        """Whole seconds, as ``Retry-After`` takes them: never too early."""
        return math.ceil(self.retry_ms / 1000)

    @property
    def scarcest(self) -> Level:
        """The bucket with the least in it for its size."""
        return min(self.levels, key=lambda level: level.remaining / level.bucket.burst)


def buckets_take(buckets: Sequence[Bucket], *, tokens: int = 1) -> Answer:
    """Take ``tokens`` from each bucket, or from none; LimiterDown. With ``tokens=0`` only look."""
    _breaker.enter()
    try:
        answer = _ask(buckets, tokens)
    except (redis.RedisError, OSError) as error:
        _breaker.failed(error)
        raise LimiterDown(LimiterDown.__doc__) from error
    _breaker.answered()
    levels = tuple(
        Level(one, level // 1000, math.ceil((one.burst - level / 1000) / one.rate))
        for one, level in zip(buckets, answer[2:], strict=True)
    )
    return Answer(bool(answer[0]), answer[1], levels)


def _ask(buckets: Sequence[Bucket], tokens: int) -> list[int]:
    keys = [f"{settings.LIMITS_PREFIX}:{one.key}" for one in buckets]
    numbers: list[float] = [tokens]
    for one in buckets:
        numbers += (one.rate, one.burst)
    client, digest = _client()
    try:
        return client.evalsha(digest, len(keys), *keys, *numbers)  # type: ignore[no-any-return]
    except NoScriptError:  # Redis was restarted, or its scripts were flushed
        return client.eval(SCRIPT, len(keys), *keys, *numbers)  # type: ignore[no-any-return]


@cache
def _client() -> tuple[redis.Redis, str]:
    # After a restart of the server each pooled connection is stale once. What timed out is not asked again.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    client = redis.Redis.from_url(
        settings.LIMITS_REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=retry
    )
    return client, client.register_script(SCRIPT).sha


class Breaker:
    """Remembers that Redis was away, so that one caller in a while waits for its timeout and not each of them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0
        self._rest_s = REST_S

    def enter(self) -> None:
        """LimiterDown at once while it rests; the first one afterwards tries for all."""
        if not self._until:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                raise LimiterDown(LimiterDown.__doc__)
            self._until = now + self._rest_s + 2 * TIMEOUT_S

    def failed(self, error: Exception) -> None:
        """Rest, longer each time."""
        with self._lock:
            self._until = time.monotonic() + self._rest_s
            self._rest_s = min(REST_MAX_S, self._rest_s * 2)
        log.warning("limiter down", action="buckets_take", error=str(error))

    def answered(self) -> None:
        """It is back."""
        if self._until:
            with self._lock:
                self._until, self._rest_s = 0.0, REST_S


_breaker = Breaker()
