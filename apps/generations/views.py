"""The history tape: every generation of the workspace, what it was asked, what it made and what it cost."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.assets.palette import swatches
from apps.billing.services import CreditsRefused, balance_get
from apps.common.paging import page_size
from apps.common.problems import Problem
from apps.generations import services
from apps.generations.boards import boards_listed
from apps.generations.forms import (
    fields_split,
    form_price,
    model_choices,
    problems_show,
    settings_carried,
    settings_form,
    settings_given,
)
from apps.generations.fragments import card, cards, inputs_shown, node_json, settings_shown, with_outputs
from apps.generations.keys import own_providers
from apps.generations.models import Generation, GenerationState
from apps.generations.pricing import PriceRisen
from apps.generations.route import route_said
from apps.generations.story import lineage_shown, tags_suggested
from apps.generations.tape import KINDS
from apps.generations.tape_form import RATINGS, TapeForm, tape_form
from apps.generations.vendors import vendor_title
from apps.generations.wording import question
from apps.providers.catalogue import MODELS, Model
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.limits import starts_limited
from apps.workspaces.models import Role

PAGE = 24
LIVE_MAX = 100
RECENT = 10
UNCLEAR = 5
_DIGITS_MAX = 19


@require_GET
@member_required(role=Role.VIEWER)
def tape(request: MemberRequest) -> HttpResponse:
    """The page, with its first items."""
    form = tape_form(request.GET)
    context: dict[str, Any] = {
        **_items(request, form),
        "states": GenerationState.choices,
        "kinds": KINDS,
        "models": model_choices(),
        "ratings": RATINGS,
        "swatches": swatches(),
        "boards": boards_listed(request.workspace.id),
        "typed": request.GET,
    }
    return render(request, "generations/tape.html", context)


@require_GET
@member_required(Role.GUEST)
def tape_items(request: MemberRequest) -> HttpResponse:
    """A page of items as a fragment; other apps' pages fetch it with a filter of theirs."""
    return render(request, "generations/_items.html", _items(request, tape_form(request.GET)))


@require_GET
@member_required(role=Role.VIEWER)
def tape_live(request: MemberRequest) -> HttpResponse:
    """The cards that were unfinished a moment ago (``?id=…``), and how many are newer than ``since_id``."""
    ids = [found for found in map(_uuid, request.GET.getlist("id")[:LIVE_MAX]) if found]
    rows = Generation.objects.for_workspace(request.workspace.id).filter(id__in=ids)
    chosen, newer = tape_form(request.GET).chosen(), 0
    if newest := _uuid(request.GET.get("newest", "")):
        newer = chosen.newer_count(request.workspace.id, newest, most=LIVE_MAX)
    context = {"cards": cards(with_outputs(rows, request.workspace.id)), "newer": newer, "oob": True, "filter": chosen}
    return render(request, "generations/_live.html", context)


@require_GET
@member_required(role=Role.VIEWER)
def home_recent(request: MemberRequest) -> HttpResponse:
    """The last things made, for the workspace's home."""
    rows = Generation.objects.for_workspace(request.workspace.id).filter(state=GenerationState.SUCCEEDED)
    recent = with_outputs(rows, request.workspace.id).order_by("-created_at", "-id")[:RECENT]
    return render(request, "generations/_recent.html", {"cards": cards(recent), "may_edit": _may_edit(request)})


@require_GET
@member_required(role=Role.VIEWER)
def home_unclear(request: MemberRequest) -> HttpResponse:
    """Calls whose answer was lost and that wait for somebody's decision, for the workspace's home."""
    rows = Generation.objects.for_workspace(request.workspace.id).filter(state=GenerationState.UNKNOWN)
    asked = rows.exclude(asked_at=None).order_by("asked_at", "id")[: UNCLEAR + 1]
    context = {"rows": [(row, question(row)) for row in asked[:UNCLEAR]], "more": len(asked) > UNCLEAR}
    return render(request, "generations/_unclear.html", {**context, "may_edit": _may_edit(request)})


@require_GET
@member_required(Role.GUEST)
def generation_detail(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """The panel beside the tape; on a direct visit a page of its own."""
    template = "generations/_detail.html" if request.htmx else "generations/generation_detail.html"
    return render(request, template, _detail(request, generation_id))


@require_http_methods(["GET", "POST"])
@member_required(role=Role.EDITOR)
@starts_limited
def generation_create(request: MemberRequest) -> HttpResponse:
    """One call without a graph, prefilled from an earlier one (``?from=``) or with what was typed (``?once=``)."""
    source = _source(request)
    model = _model(request, source)
    form, changed = _form(request, model, source)
    row = _start(request, form, model, source) if request.method == "POST" and form.is_valid() else None
    if row is not None:
        return _opened(request, row)
    context = {
        "form": form,
        "model": model,
        "about": _(model.description),
        "models": model_choices(),
        "source": source,
        "once": _once(request),
    }
    own = own_providers(workspace_id=request.workspace.id, project_id=source.project_id if source else None)
    context |= {"price": form_price(form, model, _inputs(model, source)), "own_key": model.provider in own}
    context["balance"] = balance_get(workspace_id=request.workspace.id)
    context["plain"], context["advanced"] = fields_split(form, model)
    context |= changed
    refused = request.method == "POST"
    return render(request, "generations/generation_create.html", context, status=422 if refused else 200)


@require_POST
@member_required(role=Role.EDITOR)
def generation_cancel(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """Cancel, and show the panel as it stands now."""
    try:
        services.generation_cancel(workspace_id=request.workspace.id, generation_id=generation_id)
    except services.GenerationNotFound as error:
        raise Http404 from error
    return _changed(request, generation_id)


@require_POST
@member_required(role=Role.EDITOR)
def generation_give_up(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """Mark a generation whose answer was lost as failed; one that was resolved meanwhile is simply shown."""
    try:
        services.generation_give_up(workspace_id=request.workspace.id, generation_id=generation_id)
    except services.GenerationNotFound as error:
        raise Http404 from error
    except services.GenerationNotUnclear:
        pass
    return _changed(request, generation_id)


def _items(request: MemberRequest, form: TapeForm) -> dict[str, Any]:
    """One page of the tape. A filter with a mistake says so and shows nothing, rather than something else."""
    chosen, cursor = form.chosen(), request.GET.get("cursor")
    problems = form.problems()
    rows = with_outputs(Generation.objects.for_workspace(request.workspace.id), request.workspace.id)
    try:
        found, following = (
            ([], None)
            if problems
            else chosen.page(
                rows, request.workspace.id, limit=page_size(request.GET.get("limit", ""), PAGE), cursor=cursor
            )
        )
    except Problem as problem:
        raise Http404 from problem
    context = {"cards": cards(found), "next": following, "filter": chosen, "first": not cursor}
    return {**context, "may_edit": _may_edit(request), "problems": problems}


def _detail(request: MemberRequest, generation_id: UUID) -> dict[str, Any]:
    rows = with_outputs(Generation.objects.for_workspace(request.workspace.id), request.workspace.id)
    row = rows.filter(id=generation_id).first()
    if row is None:
        raise Http404
    return {
        "card": card(row, full=True),
        "settings": settings_shown(row),
        "inputs": inputs_shown(row),
        "route": route_said(row),
        "question": question(row) if row.asks else "",
        "vendor": vendor_title(row.provider),
        "node": node_json(row),
        "may_edit": _may_edit(request),
        "lineage": lineage_shown(request.workspace, ("generation", row.id)),
        "suggested": tags_suggested(request.workspace.id),
        "panel": "panel" in request.GET or "panel" in request.POST,
    }


def _may_edit(request: MemberRequest) -> bool:
    return request.role.includes(Role.EDITOR)


def _changed(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    if request.htmx:
        return render(request, "generations/_detail.html", _detail(request, generation_id))
    return redirect("generations:generation_detail", request.workspace.slug, generation_id)


def _source(request: MemberRequest) -> Generation | None:
    """The generation whose settings are used again; 404 when it is not of this workspace."""
    wanted = request.POST.get("from") or request.GET.get("from", "")
    if not wanted:
        return None
    row: Generation | None = Generation.objects.for_workspace(request.workspace.id).filter(id=_uuid(wanted)).first()
    if row is None:
        raise Http404
    return row


def _form(request: MemberRequest, model: Model, source: Generation | None) -> tuple[Any, dict[str, Any]]:
    """The form; and where another model was chosen just now, what that one does not use and the way back."""
    typed = _typed(request)
    before = MODELS.get(request.GET.get("shown") or (source.model if source else ""))
    if request.method == "POST" or before is None or before.id == model.id:
        return settings_form(model, typed, {**source.params, "prompt": source.prompt} if source else {}), {}
    given = typed.dict() if typed else {**(source.params if source else {}), "prompt": source.prompt if source else ""}
    kept, dropped = settings_carried(model, given, before)
    back = urlencode({**given, "once": _once(request), "model": before.id, "shown": before.id} | _from(source))
    return settings_form(model, kept), {"dropped": dropped, "undo": f"?{back}", "title": _(model.title)}


def _from(source: Generation | None) -> dict[str, str]:
    return {"from": str(source.id)} if source else {}


def _model(request: MemberRequest, source: Generation | None) -> Model:
    wanted = request.POST.get("model") or request.GET.get("model") or (source.model if source else "")
    return MODELS.get(wanted) or next(iter(MODELS.values()))


def _once(request: MemberRequest) -> str:
    """A key per rendered form, so that a double click makes one call; an answered form keeps its own."""
    return str(_uuid((_typed(request) or {}).get("once", "")) or uuid4())


def _typed(request: MemberRequest) -> Any:
    """What stands in the form: sent, or carried along when the model changes; None on a first visit."""
    data = request.POST if request.method == "POST" else request.GET
    return data if "once" in data else None


def _opened(request: MemberRequest, row: Generation) -> HttpResponse:
    url = reverse("generations:generation_detail", args=[request.workspace.slug, row.id])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _start(request: MemberRequest, form: Any, model: Model, source: Generation | None) -> Generation | None:
    """The new generation; None when the form now says what is wrong."""
    try:
        return services.generation_start(
            workspace_id=request.workspace.id,
            project_id=source.project_id if source else None,
            model=model.id,
            params=settings_given(form),
            inputs=_inputs(model, source),
            actor_id=request.user.id,
            idempotency_key=f"form:{_once(request)}",
            agreed=_agreed(request),
        )
    except services.InvalidGeneration as error:
        problems_show(form, error.fields)
    except PriceRisen as error:
        form.add_error(None, str(error))
    except CreditsRefused as error:
        form.add_error(None, f"{error} " + _("Nothing was sent."))
    return None


def _inputs(model: Model, source: Generation | None) -> Any:
    """The files that are used again."""
    return source.inputs if source and source.model == model.id else {}


def _agreed(request: MemberRequest) -> int | None:
    """The price that stood on the button when it was pressed."""
    shown = request.POST.get("agreed_credits", "")
    return int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < _DIGITS_MAX else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
