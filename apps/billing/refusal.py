"""Why credits are not given, whatever the reason: what callers catch."""

from __future__ import annotations

from typing import ClassVar

from apps.common.problems import Problem


class CreditsRefused(Exception):
    """Credits are not set aside, and nothing was changed. The message is for people; ``code`` is stable."""

    code: ClassVar[str] = "credits-refused"

    def of_all(self, *, needed: int, set_aside: int) -> CreditsRefused:
        """The same of several that go together or not at all: they need ``needed``, and had ``set_aside`` so far."""
        raise NotImplementedError

    def problem(self) -> Problem:
        """The API's answer."""
        raise NotImplementedError
