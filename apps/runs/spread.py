"""How the items of a step that a list mapped are, in words."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy, ngettext

from apps.common.sentences import listed

# When items differ, the row shows the most pressing state.
PRESSING = ["failed", "running", "waiting", "ready", "pending", "cancelled", "completed", "cached", "skipped"]
_SPREAD = {
    "failed": gettext_lazy("%(count)s failed"),
    "running": gettext_lazy("%(count)s running"),
    "waiting": gettext_lazy("%(count)s waiting"),
    "ready": gettext_lazy("%(count)s queued"),
    "pending": gettext_lazy("%(count)s not started"),
    "cancelled": gettext_lazy("%(count)s cancelled"),
    "completed": gettext_lazy("%(count)s done"),
    "cached": gettext_lazy("%(count)s reused"),
    "skipped": gettext_lazy("%(count)s skipped"),
}


def spread_text(counts: Mapping[str, int]) -> str:
    """ "37 done, 2 failed": how the items of a step are."""
    parts = listed(
        str(_SPREAD[state]) % {"count": number_format(counts[state], force_grouping=True)}
        for state in PRESSING
        if state in counts
    )
    total = sum(counts.values())
    return ngettext("%(count)s item: %(states)s", "%(count)s items: %(states)s", total) % {
        "count": number_format(total, force_grouping=True),
        "states": parts,
    }
