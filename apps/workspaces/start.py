"""Pages outside of any workspace: the front door, a new workspace, an invitation. Mounted at the root."""

from __future__ import annotations

from django.urls import path

from apps.workspaces import doors, ending_views, sign_on_views

app_name = "start"
urlpatterns = [
    path("", doors.landing, name="landing"),
    path("workspaces/new/", doors.workspace_create, name="workspace_create"),
    path("organisation/", sign_on_views.organisation, name="organisation"),
    path("account/delete/", ending_views.account_close, name="account_close"),
    path("invitations/<str:token>/", doors.invitation, name="invitation"),
]
