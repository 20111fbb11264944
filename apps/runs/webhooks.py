"""Callbacks: another system posts JSON to the address of one waiting step."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from apps.common.problems import Problem, not_found, problem_response
from apps.common.tenancy import scope, unscoped
from apps.engine.operations import OperationError, storable
from apps.runs import answers
from apps.runs.models import Step
from apps.runs.waits import CALLBACK, callback_place
from apps.workspaces.limits import HOOK_BURST, HOOK_RATE, key_limit

BODY_MAX = 256 * 1024
app_name = "run_hooks"


@csrf_exempt
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """202 for the answer that settles the step, 200 for the same again, a problem document for everything else."""
    try:
        return _answer(request, token)
    except Problem as problem:
        return problem_response(request, problem)


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    if request.method != "POST":
        detail = _("This address takes POST, not %(method)s.") % {"method": request.method}
        problem = Problem("method-not-allowed", 405, _("Method not allowed"), detail)
        problem.headers["Allow"] = "POST"
        raise problem
    step = _step(token)
    key = f"{{{step.run_id}}}:callback:{step.position}:{step.item}"
    key_limit(request, key, "callback", rate=HOOK_RATE, burst=HOOK_BURST)
    body = _body(request)
    with scope(step.workspace_id):
        try:
            new = answers.callback_answer(step=step, body=body)
        except answers.AlreadyAnswered as error:
            detail = _("This step has its answer, and it was another one. One answer counts.")
            raise Problem("already-answered", 409, _("Already answered"), detail) from error
        except answers.NotWaiting as error:
            raise Problem("no-longer-waiting", 410, _("Not waiting any more"), str(error)) from error
    return JsonResponse({"run": str(step.run_id), "node": step.node, "item": step.item}, status=202 if new else 200)


def _step(token: str) -> Step:
    place = callback_place(token)
    if place is None:
        raise not_found()
    with unscoped("the address of a callback is what tells the workspace"):
        step: Step | None = Step.objects.filter(
            run_id=place.run_id, position=place.position, item=place.item, attempt=place.attempt
        ).first()
    if step is None or (step.request or {}).get("kind") != CALLBACK:
        raise not_found()
    return step


def _body(request: HttpRequest) -> Any:
    if request.content_type != "application/json":
        detail = _("Send JSON, with `Content-Type: application/json`.")
        raise Problem("unsupported-media-type", 415, _("Not JSON"), detail)
    raw = _read(request)
    try:
        body = json.loads(raw.decode())
        storable(body)
    except (ValueError, RecursionError, OperationError) as error:
        detail = _("The body is not JSON that can be kept: whole Unicode, finite numbers, not nested too deep.")
        raise Problem("invalid-request", 422, _("Invalid request"), detail) from error
    return body


def _read(request: HttpRequest) -> bytes:
    length = request.headers.get("Content-Length", "")
    raw = b"" if length.isdigit() and int(length) > BODY_MAX else request.read(BODY_MAX + 1)
    if len(raw) > BODY_MAX or (not raw and length.isdigit() and int(length) > BODY_MAX):
        detail = _("A callback may carry at most 256 KiB. Put large files into assets and send their ids.")
        raise Problem("request-too-large", 413, _("Request too large"), detail)
    return raw


urlpatterns = [path("callback/<str:token>", callback, name="callback")]
