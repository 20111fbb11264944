"""The bucket's script against a model of three lines, on Redis's own clock."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.common import buckets
from apps.common.buckets import Answer, Bucket, LimiterDown, buckets_take

RATES = (0.1, 0.3, 1.0, 7.0, 18 / 60, 100.0, 333.3, 1000.0)


def bucket(rate: float = 10.0, burst: int = 5, tag: str = "") -> Bucket:
    return Bucket("test", f"{{test}}:{tag or uuid4()}", rate, burst)


def store() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def kept(one: Bucket) -> tuple[float, int]:
    """Level in thousandths, and the millisecond it was written."""
    raw = store().get(f"{settings.LIMITS_PREFIX}:{one.key}")
    level, at = str(raw, "ascii").split(":")  # type: ignore[arg-type]
    return float(level), int(at)


def pass_time(one: Bucket, milliseconds: int) -> None:
    """As if so much more time had passed since the bucket was written. Redis's clock itself cannot be moved."""
    level, at = kept(one)
    store().set(f"{settings.LIMITS_PREFIX}:{one.key}", f"{level:.6f}:{at - milliseconds}", keepttl=True)


@given(
    rate=st.sampled_from(RATES),
    burst=st.integers(1, 2000),
    steps=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 3)), min_size=1, max_size=25),
)
@hypothesis_settings(max_examples=60)
def test_each_answer_is_the_models(rate: float, burst: int, steps: list[tuple[int, int]]) -> None:
    one, cap = bucket(rate, burst), burst * 1000
    level, at = float(cap), 0
    for number, (pause, tokens) in enumerate(steps):
        if number:
            pass_time(one, pause)
        answer = buckets_take([one], tokens=tokens)
        after, now = kept(one)
        had = min(cap, level + (now - at + pause) * rate) if number else cap
        assert answer.allowed == (had >= tokens * 1000)
        assert after == pytest.approx(had - tokens * 1000 * answer.allowed, abs=0.001)
        assert answer.retry_ms == (0 if answer.allowed else math.ceil((tokens * 1000 - had) / rate))
        assert answer.levels[0].remaining == math.floor(after / 1000)
        level, at = after, now


@pytest.mark.parametrize("rate", RATES)
def test_what_is_refused_is_given_when_it_said(rate: float) -> None:
    one = bucket(rate, math.ceil(rate * 100))
    assert buckets_take([one], tokens=one.burst).allowed
    refused = buckets_take([one], tokens=one.burst)
    assert not refused.allowed
    pass_time(one, refused.retry_ms)
    assert buckets_take([one], tokens=one.burst).allowed


def test_refusals_take_and_give_nothing() -> None:
    one = bucket(0.001, 3)
    answers = [buckets_take([one]).allowed for _ in range(200)]
    assert answers == [True] * 3 + [False] * 197


def test_all_or_none() -> None:
    full, empty = bucket(0.1, 10), bucket(0.1, 1)
    buckets_take([empty])
    refused = buckets_take([full, empty])
    assert not refused.allowed
    assert [level.remaining for level in refused.levels] == [10, 0]
    assert refused.scarcest.bucket is empty


def test_a_full_bucket_is_forgotten_and_a_fast_one_is_not_forgotten_too_soon() -> None:
    slow, fast = bucket(0.1, 3), bucket(1000, 100)
    for one, least in ((slow, 30_000), (fast, 1000)):
        begun = time.monotonic()
        buckets_take([one])
        left: int = store().pttl(f"{settings.LIMITS_PREFIX}:{one.key}")
        passed = math.ceil((time.monotonic() - begun) * 1000)
        assert least - 500 - passed < left <= least + 1100


def test_a_clock_set_back_earns_nothing_and_stops_nothing() -> None:
    one = bucket(1000, 10)
    buckets_take([one], tokens=10)
    pass_time(one, -3_600_000)
    assert not buckets_take([one], tokens=10).allowed
    pass_time(one, 10)
    assert buckets_take([one], tokens=10).allowed


def test_scripts_may_be_flushed_at_any_time() -> None:
    one = bucket()
    buckets_take([one])
    store().script_flush()
    assert buckets_take([one]).levels[0].remaining == 3


def test_many_at_once_get_what_there_is() -> None:
    one = bucket(0.001, 50)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: buckets_take([one]).allowed, range(400)))
    assert sum(answers) == 50


@pytest.fixture
def dead_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A Redis that takes connections and never says a word; the list counts them."""
    listener, asked = socket.create_server(("127.0.0.1", 0)), [0]

    def accept() -> None:
        held = []
        while True:
            try:
                held.append(listener.accept())
            except OSError:
                return
            asked[0] += 1

    threading.Thread(target=accept, daemon=True).start()
    monkeypatch.setattr(settings, "LIMITS_REDIS_URL", f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
    monkeypatch.setattr(buckets, "_breaker", buckets.Breaker())
    buckets._client.cache_clear()
    yield asked
    buckets._client.cache_clear()
    listener.close()


def test_one_waits_for_a_silent_redis_and_the_others_do_not(
    dead_redis: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "REST_S", 60.0)
    monkeypatch.setattr(buckets, "REST_MAX_S", 60.0)
    monkeypatch.setattr(buckets, "_breaker", buckets.Breaker())
    for _ in range(50):
        with pytest.raises(LimiterDown):
            buckets_take([bucket()])
    assert dead_redis[0] == 1


def test_it_is_found_when_it_is_back(dead_redis: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimiterDown):
        buckets_take([bucket()])
    monkeypatch.setattr(settings, "LIMITS_REDIS_URL", settings.REDIS_URL)
    buckets._client.cache_clear()
    deadline, answer = time.monotonic() + 60, None
    while answer is None and time.monotonic() < deadline:
        try:
            answer = buckets_take([bucket()])
        except LimiterDown:
            time.sleep(0.05)
    assert isinstance(answer, Answer)
    assert answer.allowed
