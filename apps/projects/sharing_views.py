"""A project's Sharing page: who sees it, as what, and who is invited to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.projects import sharing
from apps.projects.forms import ShareForm
from apps.projects.models import PROJECT_ROLES, Project, ProjectMember
from apps.projects.sight import people_with
from apps.workspaces import inviting
from apps.workspaces.access import MemberRequest, member_required
from apps.workspaces.models import Invitation, Membership, Role
from apps.workspaces.services import WorkspaceError

PEOPLE_SHOWN = 500
REFUSED = (sharing.SharingError, WorkspaceError)


def _project(project_id: UUID) -> Project:
    project: Project = get_object_or_404(Project.objects.filter(Project.LIVE), id=project_id)
    return project


def _page(request: MemberRequest, project: Project, form: ShareForm, status: int = 200, **more: Any) -> HttpResponse:
    rows = ProjectMember.objects.filter(project=project).select_related("membership__user")
    context = {
        "project": project,
        "form": form,
        "listed": rows.order_by("membership__user__name", "id")[:PEOPLE_SHOWN],
        "seeing": people_with(project).exclude(user__is_service=True).count(),
        "invitations": inviting.invitations_open(request.workspace.id, project.id),
        "roles": PROJECT_ROLES,
        "may_share": request.role.includes(Role.ADMIN),
        **more,
    }
    return render(request, "projects/project_sharing.html", context, status=status)


@require_GET
@member_required()
def project_sharing(request: MemberRequest, project: UUID) -> HttpResponse:
    """Who sees this project, and as what."""
    return _page(request, _project(project), ShareForm())


@require_POST
@member_required(Role.ADMIN)
def project_share(request: MemberRequest, project: UUID) -> HttpResponse:
    """Give people a role here: members of the workspace at once, others by an invitation."""
    found, form = _project(project), ShareForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    answers = _share_all(request, found, form.cleaned_data["emails"], Role(form.cleaned_data["role"]))
    refused = [answer for answer in answers if answer.problem]
    if len(refused) < len(answers):
        messages.success(request, _("Shared."))
    if not refused:
        return redirect("projects:project_sharing", request.workspace.slug, project)
    lines = "\n".join(answer.line for answer in refused)
    again = ShareForm(initial={"emails": lines, "role": form.cleaned_data["role"]})
    return _page(request, found, again, status=422, refused=refused)


def _share_all(request: MemberRequest, project: Project, text: str, role: Role) -> list[inviting.Answer]:
    lines = inviting.addresses_read(text)
    people = Membership.objects.filter(workspace_id=request.workspace.id, user__is_active=True).select_related("user")
    answers = []
    for line, email in lines[: inviting.BULK_MAX]:
        try:
            member = people.filter(user__email__iexact=email).first()
            if member is not None:
                sharing.project_share(project=project, membership=member, role=role)
                answers.append(inviting.Answer(line))
            else:
                invited = inviting.member_invite(
                    actor=request.membership, email=email, role=role, project_id=project.id
                )
                answers.append(inviting.Answer(line, invited))
        except REFUSED as error:
            answers.append(inviting.Answer(line, problem=str(error)))
    return answers


@require_POST
@member_required(Role.ADMIN)
def project_privacy_set(request: MemberRequest, project: UUID) -> HttpResponse:
    """Close the project to all but those listed, or open it to the workspace."""
    private = request.POST.get("private") == "1"
    sharing.project_privacy_set(actor=request.membership, project=_project(project), private=private)
    messages.success(request, _("Only those listed see it now.") if private else _("The whole workspace sees it now."))
    return redirect("projects:project_sharing", request.workspace.slug, project)


def _membership(request: MemberRequest, user_id: UUID) -> Membership:
    people = Membership.objects.filter(workspace_id=request.workspace.id).select_related("user")
    return get_object_or_404(people, user_id=user_id)


@require_POST
@member_required(Role.ADMIN)
def project_member_set(request: MemberRequest, project: UUID, user: UUID) -> HttpResponse:
    """Another role for somebody listed; without a role they are taken off the list."""
    found, member, role = _project(project), _membership(request, user), request.POST.get("role", "")
    try:
        if not role:
            sharing.project_unshare(project=found, membership=member)
        elif role not in [str(one) for one in PROJECT_ROLES]:
            raise sharing.SharingError(_("There is no such role in a project."))
        else:
            sharing.project_share(project=found, membership=member, role=Role(role))
        messages.success(request, _("Saved."))
    except sharing.SharingError as error:
        messages.error(request, str(error))
    if member.id == request.membership.id:
        return redirect("projects:project_list", request.workspace.slug)
    return redirect("projects:project_sharing", request.workspace.slug, project)


@require_POST
@member_required(Role.ADMIN)
def project_invitation_revoke(request: MemberRequest, project: UUID, invitation: UUID) -> HttpResponse:
    """Take an invitation to this project back."""
    if not Invitation.objects.filter(id=invitation, project_id=_project(project).id).exists():
        raise Http404
    inviting.invitation_revoke(workspace_id=request.workspace.id, invitation_id=invitation)
    messages.success(request, _("The invitation was taken back."))
    return redirect("projects:project_sharing", request.workspace.slug, project)
