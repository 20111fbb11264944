"""Webhooks of providers: a genuine one means "look now", nothing more."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.common.tenancy import unscoped
from apps.generations.accounts import provider_of
from apps.generations.adapters import webhook_token_valid
from apps.generations.models import Generation
from apps.generations.services import generation_look
from apps.providers.base import WebhookRefused
from apps.workspaces.limits import HOOK_BURST, HOOK_RATE, key_limit, problem_answers

log = structlog.get_logger(__name__)
BODY_MAX = 1024 * 1024
app_name = "generation_hooks"


@csrf_exempt
@require_POST
@problem_answers
def provider_webhook(request: HttpRequest, provider: str, generation: UUID, token: str) -> HttpResponse:
    """202 for a genuine call, however often it comes; 404, always the same, for anything else."""
    if (
        not webhook_token_valid(provider, generation, token)
        or int(request.headers.get("Content-Length") or 0) > BODY_MAX
    ):
        return HttpResponseNotFound()
    with unscoped("the address of a webhook is what tells the generation"):
        row = Generation.objects.filter(id=generation, provider=provider).first()
    # After the address was found to be ours: the buckets of made-up ones would be somebody's to make.
    if row is not None:
        key_limit(request, f"{{{generation}}}:webhook", "webhook", rate=HOOK_RATE, burst=HOOK_BURST)
    if row is None or not _signed(request, row):
        return HttpResponseNotFound()
    generation_look(generation=row)
    return HttpResponse(status=202)


def _signed(request: HttpRequest, row: Generation) -> bool:
    """Whether the provider's own signature holds and names this job."""
    try:
        named = provider_of(row).verify_webhook(request.headers, request.body)
    except WebhookRefused as error:
        log.warning("webhook refused", action="provider_webhook", generation=str(row.id), reason=str(error))
        return False
    # A lost answer left us without the job's id: the address alone, which only the provider was told, must do.
    return row.provider_request_id in (None, named)


urlpatterns = [
    path("providers/<slug:provider>/<uuid:generation>/<slug:token>/", provider_webhook, name="provider"),
]
