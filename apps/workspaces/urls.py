from __future__ import annotations

from django.urls import path

from apps.workspaces import audit_views, ending_views, member_views, sign_on_views, views

app_name = "workspaces"
urlpatterns = [
    path("", views.home, name="home"),
    path("palette/", views.palette, name="palette"),
    path("settings/", views.settings, name="settings"),
    path("settings/sign-on/", sign_on_views.sign_on_settings, name="sign_on_settings"),
    path("settings/sign-on/remove/", sign_on_views.sign_on_remove, name="sign_on_remove"),
    path("sign-on/", sign_on_views.sign_on, name="sign_on"),
    path("settings/ownership/offer/", ending_views.ownership_offer, name="ownership_offer"),
    path("settings/ownership/answer/", ending_views.ownership_answer, name="ownership_answer"),
    path("settings/delete/", ending_views.workspace_close, name="workspace_close"),
    path("settings/restore/", ending_views.workspace_restore, name="workspace_restore"),
    path("settings/members/", member_views.members, name="members"),
    path("settings/members/invite/", member_views.member_invite, name="member_invite"),
    path("settings/members/<uuid:user>/role/", member_views.member_change_role, name="member_change_role"),
    path("settings/members/<uuid:user>/remove/", member_views.member_remove, name="member_remove"),
    path("settings/invitations/<uuid:invitation>/resend/", member_views.invitation_resend, name="invitation_resend"),
    path("settings/invitations/<uuid:invitation>/revoke/", member_views.invitation_revoke, name="invitation_revoke"),
    path("settings/services/", member_views.service_accounts, name="service_accounts"),
    path("settings/services/<uuid:account>/tokens/", member_views.service_token_create, name="service_token_create"),
    path(
        "settings/services/<uuid:account>/remove/", member_views.service_account_remove, name="service_account_remove"
    ),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<uuid:token>/revoke/", views.token_revoke, name="token_revoke"),
    path("settings/audit/", audit_views.audit, name="audit"),
    path("settings/audit/log.csv", audit_views.audit_csv, name="audit_csv"),
    path("settings/audit/log.jsonl", audit_views.audit_jsonl, name="audit_jsonl"),
    path("settings/audit/verify/", audit_views.audit_verify, name="audit_verify"),
]
