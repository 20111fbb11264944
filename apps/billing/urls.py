from __future__ import annotations

from django.urls import URLPattern, path

from apps.billing import views

app_name = "billing"
urlpatterns: list[URLPattern] = [
    path("billing/", views.ledger, name="ledger"),
    path("billing/balance/", views.balance, name="balance"),
    path("billing/ledger.csv", views.ledger_csv, name="ledger_csv"),
]
