"""Where the links in approval mails lead. Outside of any workspace: the link itself tells which."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.runs import approval_views

app_name = "approval_links"
urlpatterns: list[URLPattern] = [path("<str:token>/", approval_views.link_answer, name="answer")]
