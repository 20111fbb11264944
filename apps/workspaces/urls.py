from __future__ import annotations

from django.urls import path

from apps.workspaces import audit_views, sign_on_views, views

app_name = "workspaces"
urlpatterns = [
    path("", views.home, name="home"),
    path("palette/", views.palette, name="palette"),
    path("settings/", views.settings, name="settings"),
    path("settings/members/", views.members, name="members"),
    path("settings/members/invite/", views.member_invite, name="member_invite"),
    path("settings/members/<uuid:user>/role/", views.member_change_role, name="member_change_role"),
    path("settings/members/<uuid:user>/remove/", views.member_remove, name="member_remove"),
    path("settings/invitations/<uuid:invitation>/revoke/", views.invitation_revoke, name="invitation_revoke"),
    path("settings/sign-on/", sign_on_views.sign_on_settings, name="sign_on_settings"),
    path("settings/sign-on/remove/", sign_on_views.sign_on_remove, name="sign_on_remove"),
    path("sign-on/", sign_on_views.sign_on, name="sign_on"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<uuid:token>/revoke/", views.token_revoke, name="token_revoke"),
    path("settings/audit/", audit_views.audit, name="audit"),
    path("settings/audit/log.csv", audit_views.audit_csv, name="audit_csv"),
    path("settings/audit/log.jsonl", audit_views.audit_jsonl, name="audit_jsonl"),
    path("settings/audit/verify/", audit_views.audit_verify, name="audit_verify"),
]
