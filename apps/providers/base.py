"""What every vendor adapter speaks: one vocabulary of states and errors. Pure Python, no Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import httpx

ErrorCode = Literal[
    "refused",  # a definite no to this request
    "content_policy",  # withheld, or an output was, by the vendor's rules
    "rate_limited",  # later, perhaps
    "unavailable",  # nobody answered, or the vendor is ill
    "invalid",  # the parameters or inputs are wrong
    "auth",  # our key is not accepted
    "lost",  # the request was sent and its answer never came
    "not_found",  # the vendor has no such job or file
    "failed",  # the job ran and broke
]
JobState = Literal["submitted", "running", "succeeded", "failed", "cancelled"]


class ProviderError(Exception):
    """A vendor's failure in our words.

    ``permanent``: trying the same again cannot help. ``sent``: a submission may have reached the vendor and may cost
    money, so it must never be repeated by machine. The message is for people.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        permanent: bool = False,
        sent: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.permanent = permanent
        self.sent = sent
        self.retry_after_s = retry_after_s


class WebhookRefused(ProviderError):
    """The webhook is not from the vendor, or is too old, or from the future."""

    def __init__(self, message: str) -> None:
        super().__init__("auth", message, permanent=True)


@dataclass(frozen=True)
class Credentials:
    """Whose account a call is made with, and where. ``base_url``: the vendor's own address when empty.

    ``webhook_secret`` is what the vendor signs with, where it lets its customers choose or tells them.
    """

    key: str = field(default="", repr=False)
    base_url: str = ""
    webhook_secret: str = field(default="", repr=False)


def _go_on(text: str) -> bool:
    return True


@dataclass(frozen=True)
class Submission:
    """One attempt. ``inputs`` are asset references by name (or lists of them), each with an expiring ``url``.

    ``params`` has the model's defaults filled in, and the prompt. ``call`` is what the catalogue's entry says to this
    adapter. A model that writes calls ``tell`` with all it has written so far; False says to stop.
    """

    model: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Any]
    attempt_id: str
    webhook_url: str | None = None
    call: Mapping[str, Any] = field(default_factory=dict)
    tell: Callable[[str], bool] = _go_on


@dataclass(frozen=True)
class Output:
    """A file the vendor made, at an address that expires; or its bytes, where the answer itself carried them."""

    url: str
    content_type: str
    filename: str
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Job:
    """A vendor's job as it was told just now. ``progress`` is 0..1 or None.

    ``text`` is what a model that writes has written, so far while the job runs. ``usage``: quantities by the units of
    ``prices``, or ``usd``.
    """

    provider_request_id: str
    state: JobState
    progress: float | None = None
    message: str = ""
    outputs: tuple[Output, ...] = ()
    error: ProviderError | None = None
    poll_after_s: float = 2.0
    text: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """An adapter. None of its methods retries: who calls it keeps the record and decides."""

    @property
    def name(self) -> str:
        """The part of a model id before the slash."""
        ...

    @property
    def lookup_complete(self) -> bool:
        """Whether :meth:`find` knows every order the vendor ever took: then "no record" means it never arrived."""
        ...

    def submit(self, submission: Submission) -> Job:
        """Ask for one job. ProviderError: ``sent`` is False when nothing left us or the refusal was definite."""
        ...

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """How the job is now; many are asked in one event loop."""
        ...

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Ask the vendor to stop. What the next poll says decides how the job ended."""
        ...

    def find(self, attempt_id: str) -> Job | None:
        """The job of an attempt whose answer was lost; None when the vendor has no record of it."""
        ...

    def fetch(self, output: Output, to: Path) -> None:
        """Stream an output to a file."""
        ...

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """The vendor's id of the job a webhook is about; WebhookRefused when it is not genuine and fresh."""
        ...
