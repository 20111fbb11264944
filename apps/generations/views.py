"""The history tape: every generation of the workspace, what it was asked, what it made and what it cost."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.billing.services import InsufficientCredits, balance_get
from apps.common.paging import keyset_page
from apps.common.problems import Problem
from apps.generations import services
from apps.generations.forms import model_choices, problems_show, settings_form, settings_given
from apps.generations.fragments import card, cards, node_json, settings_shown, with_outputs
from apps.generations.models import Generation, GenerationState
from apps.generations.tape import KINDS, TapeFilter
from apps.providers.catalogue import MODELS, Model, quote
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Role

PAGE = 24
LIVE_MAX = 100


@require_GET
@member_required(role=Role.VIEWER)
def tape(request: MemberRequest) -> HttpResponse:
    """The page, with its first items."""
    chosen = TapeFilter.from_query(request.GET)
    context = {**_items(request, chosen), "states": GenerationState.choices, "kinds": KINDS, "models": model_choices()}
    return render(request, "generations/tape.html", context)


@require_GET
@member_required(role=Role.VIEWER)
def tape_items(request: MemberRequest) -> HttpResponse:
    """A page of items as a fragment; other apps' pages fetch it with a filter of theirs."""
    return render(request, "generations/_items.html", _items(request, TapeFilter.from_query(request.GET)))


@require_GET
@member_required(role=Role.VIEWER)
def tape_live(request: MemberRequest) -> HttpResponse:
    """The cards that were unfinished a moment ago (``?id=…``), and how many are newer than ``since``."""
    ids = [found for found in map(_uuid, request.GET.getlist("id")[:LIVE_MAX]) if found]
    rows = Generation.objects.for_workspace(request.workspace.id).filter(id__in=ids)
    newer = 0
    if since := _uuid(request.GET.get("since", "")):
        newer = TapeFilter.from_query(request.GET).rows(request.workspace.id).filter(id__gt=since)[:LIVE_MAX].count()
    context = {"cards": cards(with_outputs(rows, request.workspace.id)), "newer": newer, "oob": True}
    return render(request, "generations/_live.html", context)


@require_GET
@member_required(role=Role.VIEWER)
def generation_detail(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    """The panel beside the tape; on a direct visit a page of its own."""
    template = "generations/_detail.html" if request.htmx else "generations/generation_detail.html"
    return render(request, template, _detail(request, generation_id))


@require_http_methods(["GET", "POST"])
@member_required(role=Role.EDITOR)
def generation_create(request: MemberRequest) -> HttpResponse:
    """One call without a graph, prefilled from an earlier one (``?from=``)."""
    source = _source(request)
    model = _model(request, source)
    initial = {**source.params, "prompt": source.prompt} if source else {}
    form = settings_form(model, request.POST if request.method == "POST" else None, initial)
    row = _start(request, form, model, source) if request.method == "POST" and form.is_valid() else None
    if row is not None:
        return redirect("generations:generation_detail", request.workspace.slug, row.id)
    context = {"form": form, "model": model, "models": model_choices(), "source": source, "once": _once(request)}
    context |= {"price": _price(form, model, initial), "balance": balance_get(workspace_id=request.workspace.id)}
    return render(request, "generations/generation_create.html", context, status=422 if form.errors else 200)


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


def _items(request: MemberRequest, chosen: TapeFilter) -> dict[str, Any]:
    rows = with_outputs(chosen.rows(request.workspace.id), request.workspace.id)
    try:
        found, following = keyset_page(rows, limit=PAGE, cursor=request.GET.get("cursor"))
    except Problem as problem:
        raise Http404 from problem
    first = not request.GET.get("cursor")
    return {"cards": cards(found), "next": following, "filter": chosen, "first": first}


def _detail(request: MemberRequest, generation_id: UUID) -> dict[str, Any]:
    rows = with_outputs(Generation.objects.for_workspace(request.workspace.id), request.workspace.id)
    row = rows.filter(id=generation_id).first()
    if row is None:
        raise Http404
    may = Role(request.membership.role).includes(Role.EDITOR)
    return {"card": card(row, full=True), "settings": settings_shown(row), "node": node_json(row), "may_edit": may}


def _changed(request: MemberRequest, generation_id: UUID) -> HttpResponse:
    if request.htmx:
        return render(request, "generations/_detail.html", _detail(request, generation_id))
    return redirect("generations:generation_detail", request.workspace.slug, generation_id)


def _source(request: MemberRequest) -> Generation | None:
    """The generation whose settings are used again; 404 when it is not of this workspace."""
    wanted = request.POST.get("from") or request.GET.get("from")
    if not wanted:
        return None
    row: Generation | None = Generation.objects.for_workspace(request.workspace.id).filter(id=_uuid(wanted)).first()
    if row is None:
        raise Http404
    return row


def _model(request: MemberRequest, source: Generation | None) -> Model:
    wanted = request.POST.get("model") or request.GET.get("model") or (source.model if source else "")
    return MODELS.get(wanted) or next(iter(MODELS.values()))


def _once(request: MemberRequest) -> str:
    """A key per rendered form, so that a double click makes one call; an answered form keeps its own."""
    return str(_uuid(request.POST.get("once", "")) or uuid4())


def _price(form: Any, model: Model, initial: dict[str, Any]) -> Any:
    defaults = {name: field.initial for name, field in form.fields.items()}
    params = settings_given(form) if form.is_bound and form.is_valid() else {**defaults, **initial}
    return quote(model.id, {name: value for name, value in params.items() if value is not None}, {})


def _start(request: MemberRequest, form: Any, model: Model, source: Generation | None) -> Generation | None:
    """The new generation; None when the form now says what is wrong."""
    try:
        return services.generation_start(
            workspace_id=request.workspace.id,
            project_id=source.project_id if source else None,
            model=model.id,
            params=settings_given(form),
            inputs=source.inputs if source and source.model == model.id else {},
            actor_id=request.user.id,
            idempotency_key=f"form:{_once(request)}",
        )
    except services.InvalidGeneration as error:
        problems_show(form, error.fields)
    except InsufficientCredits as error:
        form.add_error(None, f"{error} " + _("Nothing was sent."))
    return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
