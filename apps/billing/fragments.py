"""The balance as HTML, the same for the page's request and for its socket."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils import translation

from apps.billing.services import balance_get
from apps.workspaces.models import Workspace


def balance_render(workspace: Workspace, *, oob: bool = False) -> str:
    """``<div id="balance">`` in the active language; ``oob`` for a socket, where htmx places it by its id."""
    balance = balance_get(workspace_id=workspace.id)
    return render_to_string("billing/balance.html", {"balance": balance, "workspace": workspace, "oob": oob})


def balance_send(workspace: Workspace, language: str) -> str:
    """The fragment for a socket, in the reader's language."""
    with translation.override(language):
        return balance_render(workspace, oob=True)
