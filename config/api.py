"""The API root: every app's router under /api/v1, and one shape for every refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from apps.assets.api import router as assets
from apps.billing.api import router as billing
from apps.common.problems import Problem, not_found, problem_response
from apps.generations.api import router as generations
from apps.projects.api import router as projects
from apps.runs.api import router as runs
from apps.workspaces.api import router as workspaces


class _Encoder(NinjaJSONEncoder):
    """Times keep their microseconds; Django's encoder would cut them to milliseconds."""

    def default(self, o: Any) -> Any:
        if isinstance(o, datetime):
            return o.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return super().default(o)


class _Renderer(JSONRenderer):
    encoder_class = _Encoder


api = NinjaAPI(renderer=_Renderer(), title="Millrace", version="1", docs_url="/docs", openapi_url="/openapi.json")
for router in (workspaces, projects, runs, generations, assets, billing):
    api.add_router("", router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem_response(request, problem)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem_response(request, not_found())


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors: list[dict[str, Any]] = [
        {"field": ".".join(str(part) for part in found["loc"][1:]), "code": found["type"], "message": found["msg"]}
        for found in error.errors
    ]
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else _("The request is not valid.")
    return problem_response(request, Problem("invalid-request", 422, _("Invalid request"), first, fields=errors))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    detail = _("A request may carry at most 5 MB of JSON. Put large texts, tables and files into assets.")
    return problem_response(request, Problem("request-too-large", 413, _("Request too large"), detail))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem_response(request, Problem("bad-request", error.status_code, _("Bad request"), str(error)))


def not_here(request: HttpRequest, path: str = "") -> HttpResponse:
    """An address below /api that nothing answers to: a problem document, not a page."""
    return problem_response(request, not_found())
