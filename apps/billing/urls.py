from __future__ import annotations

from django.urls import URLPattern, path

from apps.billing import budget_views, payment_views, purchase_views, usage_views, views

app_name = "billing"
urlpatterns: list[URLPattern] = [
    path("billing/", views.ledger, name="ledger"),
    path("billing/balance/", views.balance, name="balance"),
    path("billing/ledger.csv", views.ledger_csv, name="ledger_csv"),
    path("billing/budgets/", budget_views.budgets, name="budgets"),
    path("billing/budgets/new/", budget_views.budget_create, name="budget_create"),
    path("billing/budgets/<uuid:budget>/", budget_views.budget_update, name="budget_update"),
    path("billing/budgets/<uuid:budget>/pause/", budget_views.budget_pause, name="budget_pause"),
    path("billing/budgets/<uuid:budget>/resume/", budget_views.budget_resume, name="budget_resume"),
    path("billing/budgets/<uuid:budget>/remove/", budget_views.budget_remove, name="budget_remove"),
    path("billing/budgets/<uuid:budget>/restore/", budget_views.budget_restore, name="budget_restore"),
    path("billing/usage/", usage_views.usage, name="usage"),
    path("billing/usage.csv", usage_views.usage_csv, name="usage_csv"),
    path("billing/buy/", purchase_views.buy, name="buy"),
    path("billing/purchases/<uuid:purchase>/", purchase_views.purchase, name="purchase"),
    path("billing/purchases/<uuid:purchase>/state/", purchase_views.purchase_state, name="purchase_state"),
    path("billing/purchases/<uuid:purchase>/pay/", purchase_views.purchase_pay, name="purchase_pay"),
    path("billing/plan/", payment_views.plan, name="plan"),
    path("billing/payments/", payment_views.payments, name="payments"),
    path("billing/payments/topup/", payment_views.topup, name="topup"),
    path("billing/payments/card/", payment_views.card, name="card"),
    path("billing/payments/portal/", payment_views.portal, name="portal"),
]
