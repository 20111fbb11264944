"""HEAD: the headers of GET and nothing after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def head_without_body(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware, outermost: neither Django nor Daphne drops the body of an answer to HEAD.

    On a kept connection its bytes would be read as the beginning of the next answer.
    """

    async def answer_async(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        return _emptied(response) if request.method == "HEAD" else response

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        return _emptied(response) if request.method == "HEAD" else response

    return answer_async if iscoroutinefunction(get_response) else answer


def _emptied(response: HttpResponseBase) -> HttpResponseBase:
    empty = HttpResponse(status=response.status_code, headers=response.headers)
    empty.cookies = response.cookies
    response.close()
    return empty
