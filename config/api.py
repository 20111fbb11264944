"""The API root: every app's router under /api/v1, and one shape for every refusal."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.params.models import ParamModel
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from apps.assets.api import router as assets
from apps.billing.api import router as billing
from apps.billing.budget_api import router as budgets
from apps.billing.purchase_api import router as purchases
from apps.common.bodies import STORABLE
from apps.common.problems import Problem, not_found, problem_response
from apps.datasets.api import router as datasets
from apps.generations.api import router as generations
from apps.generations.board_api import router as boards
from apps.generations.comparison_api import router as comparisons
from apps.generations.provider_api import router as providers
from apps.projects.api import router as projects
from apps.projects.comment_api import router as comments
from apps.projects.sharing_api import router as sharing
from apps.runs.answer_api import router as answers
from apps.runs.api import router as runs
from apps.runs.compare_api import router as variants
from apps.runs.limit_api import router as limits
from apps.workspaces.api import router as workspaces
from apps.workspaces.audit_api import router as audit

# Ninja gives what it read of a request to `dict.update`, which asks for `keys`; pydantic refuses that at a fifth of a
# millisecond each.
_read: Any = ParamModel
_read.keys = lambda self: self.__dict__.keys()
_read.__getitem__ = lambda self, name: self.__dict__[name]


class _Encoder(NinjaJSONEncoder):
    """Times keep their microseconds; Django's encoder would cut them to milliseconds."""

    def default(self, o: Any) -> Any:
        if isinstance(o, datetime):
            return o.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return super().default(o)


class _Renderer(JSONRenderer):
    encoder_class = _Encoder


_REFUSAL = {
    "type": "object",
    "description": "RFC 9457. Some types carry more members, such as `errors` of a graph or `fields` of a request.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Stable: `/problems/<name>`."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person, in the language of Accept-Language."},
    },
}


class _Api(NinjaAPI):
    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Ninja's description, with what holds for every operation: the token, and the shape of a refusal."""
        schema = super().get_openapi_schema(**kwargs)
        components = schema["components"]
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "mr_…"}}
        components["schemas"]["Refusal"] = _REFUSAL
        schema["security"] = [{"token": []}]
        refused = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {"description": "Refused", "content": refused}
        return schema


class _Parser(Parser):
    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """A JSON object, which every body of ours is; ninja would take anything else for an object without members."""
        body: Any = super().parse_body(request)
        if body is None:
            return {}  # what some clients send for no body
        if not isinstance(body, dict):
            raise ValueError("not an object")
        return body


api = _Api(
    parser=_Parser(), renderer=_Renderer(), title="Millrace", version="1", docs_url="/docs", openapi_url="/openapi.json"
)
for router in (
    workspaces,
    audit,
    limits,
    projects,
    sharing,
    comments,
    runs,
    answers,
    variants,
    generations,
    comparisons,
    providers,
    boards,
    datasets,
    assets,
    billing,
    budgets,
    purchases,
):
    api.add_router("", router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem_response(request, problem)


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem_response(request, not_found())


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    if any(found["loc"][0] == "path" for found in error.errors):
        # An id that cannot be one names nothing, as one that nothing has.
        return problem_response(request, not_found())
    errors: list[dict[str, Any]] = [
        {"field": _field(found["loc"]), "code": found["type"], "message": _said(found)} for found in error.errors
    ]
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else _("The request is not valid.")
    return problem_response(request, Problem("invalid-request", 422, _("Invalid request"), first, fields=errors))


# What pydantic calls a branch of a union, which stands in no request: `int`, `constrained-int`, `list[uuid]`, ….
_BRANCH = re.compile(r"(int|str|bool|float|uuid|date|datetime|none)|(constrained|function|is)-.*|\w+\[.*\]")


def _field(place: tuple[Any, ...]) -> str:
    """The path of a field as the caller wrote it: after where it was found, and what we call the body."""
    names = place[2:] if place[0] == "body" else place[1:]
    return ".".join(str(name) for name in names if not _BRANCH.fullmatch(str(name))) or str(place[0])


# What pydantic says for programmers, in words for whoever wrote the request. It tells the limits in `ctx`.
_SAID = {
    "extra_forbidden": gettext_lazy("There is no field of this name here."),
    "missing": gettext_lazy("This field is missing."),
    "int_type": gettext_lazy("This must be a whole number."),
    "int_parsing": gettext_lazy("This must be a whole number."),
    "bool_type": gettext_lazy("This must be true or false."),
    "bool_parsing": gettext_lazy("This must be true or false."),
    "string_type": gettext_lazy("This must be text."),
    "string_unicode": gettext_lazy("Text must be Unicode without the null character."),
    "dict_type": gettext_lazy("This must be an object."),
    "list_type": gettext_lazy("This must be a list."),
    "float_type": gettext_lazy("This must be a number."),
    "uuid_type": gettext_lazy("This must be an id, which is a UUID."),
    "uuid_parsing": gettext_lazy("This must be an id, which is a UUID."),
    "date_from_datetime_parsing": gettext_lazy("This must be a day, written like 2026-11-30."),
    "string_pattern_mismatch": gettext_lazy("This must fit the pattern %(pattern)s."),
    "literal_error": gettext_lazy("This must be one of: %(expected)s."),
    "enum": gettext_lazy("This must be one of: %(expected)s."),
    "greater_than_equal": gettext_lazy("This must be at least %(ge)s."),
    "less_than_equal": gettext_lazy("This must be at most %(le)s."),
    "string_too_short": gettext_lazy("This must have at least %(min_length)s characters."),
    "string_too_long": gettext_lazy("This must have at most %(max_length)s characters."),
    "too_short": gettext_lazy("This must have at least %(min_length)s entries."),
    "too_long": gettext_lazy("This must have at most %(max_length)s entries."),
}
_EMPTY = gettext_lazy("This is empty. Fill it in.")


def _said(found: dict[str, Any]) -> str:
    about = found.get("ctx", {})
    if found["type"] == "value_error":  # our own sentence; pydantic would put "Value error" before it
        return str(about.get("error") or found["msg"])
    kind = "string_unicode" if about.get("pattern") == STORABLE else found["type"]
    if kind not in _SAID:
        return str(found["msg"])
    if about.get("min_length") == 1:
        return str(_EMPTY)
    return str(_SAID[kind]) % {**about, "expected": str(about.get("expected", "")).replace(" or ", ", ")}


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    detail = _("A request may carry at most 5 MB of JSON. Put large texts, tables and files into assets.")
    return problem_response(request, Problem("request-too-large", 413, _("Request too large"), detail))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    # Raised where a body is read, with words for programmers; nothing of ours raises it.
    said = _("The body is not a JSON object that can be read.") if error.status_code == 400 else str(error)
    return problem_response(request, Problem("bad-request", error.status_code, _("Bad request"), said))


@csrf_exempt
def not_here(request: HttpRequest, path: str = "") -> HttpResponse:
    """An address below /api that nothing answers to: a problem document, not a page."""
    return problem_response(request, not_found())
