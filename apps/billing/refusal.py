"""Why credits are not given, whatever the reason: what callers catch."""

from __future__ import annotations

from typing import ClassVar

from apps.common.problems import Problem


class CreditsRefused(Exception):
    """Credits are not set aside, and nothing was changed. The message is for people; ``code`` is stable."""

    code: ClassVar[str] = "credits-refused"

    def problem(self) -> Problem:
        """The API's answer."""
        raise NotImplementedError
