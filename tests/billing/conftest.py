from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


def in_parallel(calls: Iterable[Callable[[], Any]], *, threads: int) -> list[Any]:
    """Run every call on its own connection, ``threads`` at a time; an exception is its result."""

    def one(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, list(calls)))
