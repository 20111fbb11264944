"""allauth's adapter for addresses and passwords: whether new accounts may be made."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter

from apps.workspaces.switches import SwitchName, switch_on


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Every way to a new account asks here, other providers' too."""

    def is_open_for_signup(self, request: Any) -> bool:
        """Staff can close sign-up while the site runs; a page says so then."""
        return switch_on(SwitchName.SIGN_UPS)
