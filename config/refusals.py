"""Refusals below /api that no operation makes, as problem documents like all the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from apps.common.problems import Problem, problem_response

API = "/api/"


@sync_and_async_middleware
def method_refusals(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: a method that an address of the API does not know is answered with a problem, not with a word."""

    async def answer_async(request: HttpRequest) -> HttpResponseBase:
        return _worded(request, await get_response(request))

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _worded(request, get_response(request))

    return answer_async if iscoroutinefunction(get_response) else answer


def _worded(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code != 405 or not request.path.startswith(API):
        return response
    allowed = ", ".join(sorted(response.headers["Allow"].split(", ")))
    detail = _("This address takes %(allowed)s, not %(method)s.") % {"allowed": allowed, "method": request.method}
    problem = Problem("method-not-allowed", 405, _("Method not allowed"), detail)
    problem.headers["Allow"] = allowed
    return problem_response(request, problem)


def failed(request: HttpRequest) -> HttpResponse:
    """An accident of ours: the page that says so, and for the API the problem."""
    if not request.path.startswith(API):
        return server_error(request)
    detail = _("Something went wrong on our side. Try again; if it happens again, tell whoever runs this site.")
    return problem_response(request, Problem("internal-error", 500, _("Our mistake"), detail))
