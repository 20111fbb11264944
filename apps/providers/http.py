"""What every adapter over HTTP does alike: one POST that is never repeated, looks, downloads, and errors in our words.

Whether a failed POST may be sent again is the one question that costs money. Nothing reached the vendor when no
connection came about, and a 4xx or 429 is a definite no. After that, silence or a broken answer means that a job may
exist: ``sent``. A 5xx is such a broken answer, but for vendors who answer with the result itself (``answers_at_once``):
there a 5xx is the result, and no job is left behind; unless somebody between us and the vendor says it, who gave up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from apps.providers.base import ErrorCode, ProviderError
from apps.wording import gettext as _

TIMEOUT = httpx.Timeout(20.0, connect=4.0)
# For vendors who answer with the result.
LONG = httpx.Timeout(300.0, connect=4.0)
FETCH_TIMEOUT = httpx.Timeout(30.0, connect=4.0)
FETCH_MAX_BYTES = 2 * 1024**3
CHUNK = 256 * 1024
STATUSES: Mapping[int, ErrorCode] = {
    400: "invalid",
    401: "auth",
    402: "auth",
    403: "auth",
    404: "not_found",
    410: "not_found",
    413: "invalid",
    422: "invalid",
    451: "content_policy",
}
# Said by gateways, while the vendor may still be at work.
BETWEEN = frozenset({502, 504, 520, 521, 522, 523, 524})
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
# A vendor's refusal in our words: (code, its sentence), or None where the body says nothing more than the status.
Refusal = Callable[[httpx.Response], "tuple[ErrorCode, str] | None"]


def _says_nothing(answer: httpx.Response) -> None:
    return None


class Vendor:
    """One vendor's HTTP as its adapter uses it. ``title`` is what people call it."""

    def __init__(
        self,
        title: str,
        headers: Mapping[str, str],
        *,
        refusal: Refusal = _says_nothing,
        answers_at_once: bool = False,
    ) -> None:
        self.title = title
        self.headers = dict(headers)
        self._refusal = refusal
        self._at_once = answers_at_once

    def post(self, url: str, **arguments: Any) -> httpx.Response:
        """The one POST of a submission, on a connection of its own. ProviderError with ``sent`` as the module says.

        A kept connection may be closed under a POST, and then nobody knows whether it went.
        """
        arguments.setdefault("timeout", LONG if self._at_once else TIMEOUT)
        headers = {**self.headers, **arguments.pop("headers", {})}
        try:
            answer = httpx.post(url, headers=headers, trust_env=False, **arguments)
        except NEVER_LEFT as error:
            raise self.unreachable() from error
        except httpx.HTTPError as error:
            raise self.lost() from error
        if answer.is_redirect or self._is_unclear(answer.status_code):
            raise self.lost()
        self.check(answer)
        return answer

    def _is_unclear(self, status: int) -> bool:
        return status in BETWEEN if self._at_once else status >= 500 and status != 503

    def posted(self, answer: httpx.Response) -> Any:
        """The JSON of an accepted POST; "lost" when it cannot be read, because a job may exist."""
        try:
            return answer.json()
        except ValueError as error:
            raise self.lost() from error

    async def look(self, client: httpx.AsyncClient, url: str, **arguments: Any) -> Any:
        """JSON from a GET in the poller's event loop."""
        try:
            answer = await client.get(url, headers=self.headers, timeout=TIMEOUT, **arguments)
        except httpx.HTTPError as error:
            raise self.unreachable() from error
        return self.read(answer)

    def ask(self, method: str, url: str, **arguments: Any) -> Any:
        """JSON (None for an empty answer) from a request that costs nothing and may be repeated."""
        try:
            answer = httpx.request(method, url, headers=self.headers, timeout=TIMEOUT, trust_env=False, **arguments)
        except httpx.HTTPError as error:
            raise self.unreachable() from error
        return self.read(answer) if answer.content or answer.is_error else None

    def read(self, answer: httpx.Response) -> Any:
        """The JSON of a good answer."""
        self.check(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise self.unreadable() from error

    def download(self, url: str, to: Path, headers: Mapping[str, str] | None = None) -> None:
        """Stream a file; ProviderError("not_found", permanent) once its address has expired.

        The account's key goes along only where ``headers`` says so: files often lie with somebody else.
        """
        taken = 0
        try:
            with (
                httpx.stream(
                    "GET", url, headers=headers, timeout=FETCH_TIMEOUT, trust_env=False, follow_redirects=True
                ) as answer,
                to.open("wb") as file,
            ):
                if answer.is_error:
                    answer.read()
                if answer.status_code in (401, 403, 404, 410):
                    raise ProviderError("not_found", self.expired(), permanent=True)
                self.check(answer)
                for chunk in answer.iter_bytes(CHUNK):
                    taken += len(chunk)
                    if taken > FETCH_MAX_BYTES:
                        detail = _("%(vendor)s delivered a file that is too large.", vendor=self.title)
                        raise ProviderError("failed", detail, permanent=True)
                    file.write(chunk)
        except httpx.HTTPError as error:
            raise self.unreachable() from error

    def check(self, answer: httpx.Response) -> None:
        """ProviderError for anything but success: 429 and 5xx pass, other refusals are definite."""
        if answer.is_success:
            return
        code, message = self._refusal(answer) or (self._code(answer), self._says(answer))
        if code == "rate_limited" or (answer.status_code == 429 and code != "auth"):
            raise ProviderError("rate_limited", message, retry_after_s=retry_after_s(answer))
        if answer.status_code >= 500 or answer.is_redirect:
            raise ProviderError("unavailable", message, retry_after_s=retry_after_s(answer))
        raise ProviderError(code, message, permanent=True)

    def unreachable(self) -> ProviderError:
        """Nothing left us, or a look failed."""
        return ProviderError("unavailable", _("%(vendor)s could not be reached.", vendor=self.title))

    def lost(self) -> ProviderError:
        """It was sent, and what became of it is not known."""
        detail = _("The request was sent to %(vendor)s, but its answer never came.", vendor=self.title)
        return ProviderError("lost", detail, sent=True)

    def unreadable(self) -> ProviderError:
        """An answer to a look that makes no sense."""
        return ProviderError("unavailable", _("%(vendor)s gave an answer that cannot be read.", vendor=self.title))

    def withheld(self, reason: str = "") -> ProviderError:
        """The vendor's rules forbid it; also where the vendor calls that a success."""
        detail = reason or _("%(vendor)s withheld the result because of its content rules.", vendor=self.title)
        return ProviderError("content_policy", detail, permanent=True, sent=True)

    def failed(self, reason: str = "", *, permanent: bool = False) -> ProviderError:
        """The job ran and broke."""
        detail = reason or _("%(vendor)s gave no reason.", vendor=self.title)
        return ProviderError("failed", detail, permanent=permanent, sent=True)

    def expired(self) -> str:
        """What is said of a file that is gone."""
        return _("%(vendor)s no longer has the file.", vendor=self.title)

    def _code(self, answer: httpx.Response) -> ErrorCode:
        return STATUSES.get(answer.status_code, "refused")

    def _says(self, answer: httpx.Response) -> str:
        if answer.status_code >= 500:
            return _("%(vendor)s is not well at the moment.", vendor=self.title)
        return _("%(vendor)s answered %(status)s.", vendor=self.title, status=answer.status_code)


def retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds until the vendor wants to be asked again: a number, or an HTTP date."""
    value = answer.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
