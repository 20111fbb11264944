"""Views of the pages that lead into a workspace."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from apps.workspaces import inviting, services
from apps.workspaces.forms import NameForm
from apps.workspaces.limits import strangers_limited
from apps.workspaces.models import Membership


def landing(request: HttpRequest) -> HttpResponse:
    """Visitors read what Millrace is; members go to the workspace they were in last."""
    if not request.user.is_authenticated:
        return render(request, "workspaces/landing.html")
    memberships = Membership.objects.filter(user=request.user).select_related("workspace")
    last = memberships.order_by("-last_opened_at").first()
    return redirect("workspaces:home", last.workspace.slug) if last else redirect("start:workspace_create")


@login_required
def workspace_create(request: HttpRequest) -> HttpResponse:
    """Name it, own it."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert request.user.pk is not None
        made = services.workspace_create(name=form.cleaned_data["name"], owner_id=request.user.pk)
        messages.success(request, _("%(name)s is ready.") % {"name": made.name})
        return redirect("workspaces:home", made.slug)
    return render(request, "workspaces/workspace_create.html", {"form": form}, status=422 if form.errors else 200)


@strangers_limited
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation; POST accepts it. Whatever is wrong with it is one clear sentence on this page."""
    found = inviting.invitation_by_token(token)
    if found is None:
        raise Http404
    user = request.user if request.user.is_authenticated else None
    problem = inviting.invitation_problem(found, user)
    if request.method == "POST" and user is not None and not problem:
        try:
            inviting.invitation_accept(invitation_id=found.id, user=user)
            messages.success(request, _("You are now in %(name)s.") % {"name": found.workspace.name})
            return redirect("workspaces:home", found.workspace.slug)
        except inviting.InvitationError as error:
            problem = str(error)
    status = 410 if problem and user is None else 422 if problem and request.method == "POST" else 200
    context = {"invitation": found, "problem": problem, "here": request.path}
    return render(request, "workspaces/invitation.html", context, status=status)
