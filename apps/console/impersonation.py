"""Looking at the site as somebody else: who may, for how long, and what is written down of it."""

from __future__ import annotations

from typing import Any

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from hijack.views import AcquireUserView, ReleaseUserView

from apps.accounts.models import User
from apps.workspaces.services import person_audit

log = structlog.get_logger(__name__)
# Whoever forgets to end it is signed out.
LASTS_S = 3600
_REASON = "impersonation_reason"


def may_impersonate(*, hijacker: User, hijacked: User) -> bool:
    """Superusers, and only people who are no staff: nobody gets at more than they have."""
    return bool(
        hijacker.is_active
        and hijacker.is_superuser
        and hijacked.is_active
        and not hijacked.is_superuser
        and not hijacked.is_staff
    )


def impersonation_begin(request: HttpRequest, *, person: User, reason: str) -> HttpResponse:
    """Sign in as ``person`` for an hour at most; who did it, and why, is written down. 403 where that may not be."""
    staff: Any = request.user
    if not may_impersonate(hijacker=staff, hijacked=person):
        raise PermissionDenied
    asked: Any = request
    asked.POST = QueryDict(mutable=True)
    asked.POST["user_pk"] = str(person.pk)
    words = _("Looks at the site as this person: %(reason)s") % {"reason": reason}
    with transaction.atomic():
        _noted(staff, person, "impersonation_begin", words, reason)
        response: HttpResponse = AcquireUserView.as_view(success_url="/", raise_exception=True)(asked)
    request.session[_REASON] = reason
    request.session.set_expiry(LASTS_S)
    return response


def impersonation_end(request: HttpRequest, *, back: str) -> HttpResponse:
    """Be oneself again."""
    staff: User | None = getattr(request, "impersonator", None)
    person: Any = request.user
    if staff is not None:
        reason = request.session.get(_REASON, "")
        words = _("No longer looks at the site as this person: %(reason)s") % {"reason": reason}
        _noted(staff, person, "impersonation_end", words, reason)
    response: HttpResponse = ReleaseUserView.as_view(success_url=back)(request)
    request.session.set_expiry(None)
    return response


def _noted(staff: User, person: User, action: str, words: str, reason: str) -> None:
    """In the console's history, and in the audit log of every workspace that can be looked into."""
    person_audit(user=person, action=action, actor_id=staff.pk, reason=reason)
    LogEntry.objects.log_actions(staff.pk, [person], CHANGE, change_message=words, single_object=True)
    log.info(words, action=action, staff=str(staff.pk), person=str(person.pk))
