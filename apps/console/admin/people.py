"""People: where they are in, where they are signed in, how they prove it; and what staff may do about that."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action

from apps.accounts.admin import UserAdmin
from apps.accounts.models import User
from apps.accounts.second_step import second_steps_reset
from apps.accounts.sessions import sessions_end
from apps.console.admin.base import Drawn, Readable, act_form
from apps.console.forms import ReasonForm
from apps.workspaces.models import Membership
from apps.workspaces.services import person_audit

# What allauth keeps is shown with its person below; sign-in at other providers is set up in the environment.
for model in (User, Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession):
    admin.site.unregister(model)


class WorkspaceInline(Readable, TabularInline):  # type: ignore[misc]
    model = Membership
    fields = readonly_fields = ("workspace", "role", "created_at", "last_opened_at")
    extra = 0
    hide_title = True
    show_change_link = False


class AddressInline(Readable, TabularInline):  # type: ignore[misc]
    model = EmailAddress
    fields = readonly_fields = ("email", "verified", "primary")
    extra = 0
    hide_title = True


class OtherSignInInline(Readable, TabularInline):  # type: ignore[misc]
    model = SocialAccount
    fields = readonly_fields = ("provider", "uid", "date_joined", "last_login")
    extra = 0
    hide_title = True


class SessionInline(Readable, TabularInline):  # type: ignore[misc]
    model = UserSession
    fields = readonly_fields = ("ip", "user_agent", "created_at", "last_seen_at")
    extra = 0
    hide_title = True


class SecondStepInline(Readable, TabularInline):  # type: ignore[misc]
    model = Authenticator
    fields = readonly_fields = ("type", "created_at", "last_used_at")  # what is secret of it is not shown
    extra = 0
    hide_title = True


@admin.register(User)
class PersonAdmin(Drawn, UserAdmin):
    """Everything about a person but their password and their keys."""

    inlines = (WorkspaceInline, AddressInline, SessionInline, SecondStepInline, OtherSignInInline)
    actions_detail = ("look_as", "steps_reset", "sign_out")
    show_full_result_count = False

    has_act_permission = Readable.has_act_permission

    @action(description=gettext_lazy("Look as this person"), url_path="look-as", permissions=["act"], icon="visibility")  # type: ignore[untyped-decorator]
    def look_as(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """To the page that asks why."""
        return redirect("console:impersonation_begin", object_id)

    @action(
        description=gettext_lazy("Reset second steps"), url_path="steps-reset", permissions=["act"], icon="lock_reset"
    )  # type: ignore[untyped-decorator]
    def steps_reset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For somebody who lost their phone, once it is sure that it is them."""
        note = _("Codes, passkeys and recovery codes are removed, and every browser is signed out.")

        def do(person: User, reason: str) -> str:
            second_steps_reset(user=person)
            return _("Second steps reset: %(reason)s") % {"reason": reason}

        return self._one(request, object_id, "second_steps_reset", _("Reset second steps"), note, do)

    @action(description=gettext_lazy("Sign out everywhere"), url_path="sign-out", permissions=["act"], icon="logout")  # type: ignore[untyped-decorator]
    def sign_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End every session."""

        def do(person: User, reason: str) -> str:
            count = sessions_end(user=person)
            return _("Signed out of %(count)s browsers: %(reason)s") % {"count": count, "reason": reason}

        return self._one(request, object_id, "sessions_end", _("Sign out everywhere"), "", do)

    def _one(self, request: HttpRequest, object_id: str, act: str, title: str, note: str, do: Any) -> HttpResponse:
        person: Any = self.get_object(request, object_id)
        if person is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            more = {"note": note, "rows": [person]}
            return act_form(self, request, form=form, title=title, does=title, back="../change/", more=more)
        reason = form.cleaned_data["reason"]
        with transaction.atomic():
            words = do(person, reason)
            person_audit(user=person, action=act, actor_id=request.user.pk, reason=reason)
            self.log_change(request, person, words)
        messages.success(request, words)
        return redirect("admin:accounts_user_change", person.pk)
