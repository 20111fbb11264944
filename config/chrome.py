"""How the admin site looks: its menu, its tabs, its colours (the setting of django-unfold)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

# The same neutral greys as the site's own pages, in lightness.
_GREYS = dict(
    zip(
        (50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950),
        (98, 96, 91, 84, 71, 55, 44, 36, 27, 19, 15),
        strict=True,
    )
)


def _console_file(name: str) -> Callable[[Any], str]:
    """The address of a static file of the console, which is known once the storage is."""

    def address(_request: Any) -> str:
        from django.templatetags.static import static

        return static(f"console/{name}")

    return address


def _superuser(request: Any) -> bool:
    return bool(request.user.is_superuser)


def _pages(*items: tuple[Any, str, str]) -> list[dict[str, Any]]:
    """Links of the admin site's menu, from label, icon and the name of the page."""
    return [
        {"title": title, "icon": icon, "link": reverse_lazy(name), "permission": _superuser}
        for title, icon, name in items
    ]


_MENU = [
    {
        "title": _("Operations"),
        "items": _pages(
            (_("Queues and workers"), "lan", "console:queues"),
            (_("Providers"), "monitor_heart", "console:providers"),
            (_("Runs"), "play_circle", "admin:runs_run_changelist"),
            (_("Paid calls"), "bolt", "admin:generations_generation_changelist"),
            (_("Stripe webhooks"), "webhook", "admin:billing_inboxevent_changelist"),
        ),
    },
    {
        "title": _("Customers"),
        "items": _pages(
            (_("Workspaces"), "domain", "admin:workspaces_workspace_changelist"),
            (_("People"), "group", "admin:accounts_user_changelist"),
        ),
    },
    {
        "title": _("Money"),
        "items": _pages(
            (_("Purchases"), "shopping_cart", "admin:billing_purchase_changelist"),
            (_("Ledger"), "receipt_long", "admin:billing_ledgertransaction_changelist"),
            (_("Accounts"), "account_balance", "admin:billing_account_changelist"),
            (_("Holds"), "lock_clock", "admin:billing_hold_changelist"),
            (_("Reconciliation"), "compare_arrows", "admin:billing_reconciliation_changelist"),
        ),
    },
    {
        "title": _("Site"),
        "items": _pages(
            (_("Switches"), "toggle_on", "admin:workspaces_switch_changelist"),
            (_("Announcements"), "campaign", "admin:console_announcement_changelist"),
            (_("Models and prices"), "sell", "admin:generations_catalogueentry_changelist"),
            (_("Allowed addresses"), "dns", "admin:generations_allowedaddress_changelist"),
        ),
    },
]


def _looks(model: str) -> dict[str, Any]:
    """Tabs of a list that shows first what needs somebody (``?look=``)."""

    page = f"admin:{model.replace('.', '_')}_changelist"

    def tab(name: str, title: Any) -> dict[str, Any]:
        return {
            "title": title,
            "link": lambda request: f"{reverse_lazy(page)}?look={name}",
            "active": lambda request: request.GET.get("look", "stuck") == name,
        }

    return {"models": [model], "items": [tab("stuck", _("Stuck")), tab("live", _("Under way")), tab("all", _("All"))]}


UNFOLD = {
    "TABS": [_looks(model) for model in ("runs.run", "generations.generation", "billing.inboxevent")],
    "SIDEBAR": {"show_search": True, "navigation": _MENU},
    "SITE_TITLE": "Millrace",
    "SITE_HEADER": "Millrace",
    "SITE_ICON": {theme: _console_file(f"mark-{theme}.svg") for theme in ("light", "dark")},
    "STYLES": [_console_file("console.css")],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "base": {str(step): f"oklch({light}% 0 0)" for step, light in _GREYS.items()},
        # The 500 is what links are in the dark: a little lighter than the grey, to be read there.
        "primary": {
            str(step): f"oklch({light}% {0.02 if light > 90 else 0.13} 250)"
            for step, light in {**_GREYS, 500: 64}.items()
        },
    },
}
