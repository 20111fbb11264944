"""Problem details for the API (RFC 9457): a stable type, a status, and a sentence a person can act on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _


class Problem(Exception):
    """A refusal with its problem document. ``slug`` names the type: ``/problems/<slug>``."""

    def __init__(self, slug: str, status: int, title: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.slug = slug
        self.status = status
        self.title = title
        self.detail = detail
        self.extra = extra
        self.headers: dict[str, str] = {}

    def document(self) -> dict[str, Any]:
        """The RFC 9457 members plus the extensions of this problem."""
        return {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


def not_found() -> Problem:
    """What is not yours answers exactly like what does not exist."""
    return Problem("not-found", 404, _("Not found"), _("There is nothing here, or it is not yours to see."))


def problem_response(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The problem as ``application/problem+json``."""
    return JsonResponse(
        problem.document(), status=problem.status, content_type="application/problem+json", headers=problem.headers
    )
