"""What is left of a lot goes when its time is over, with a line in the ledger."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.billing import ledger
from apps.billing.lots import parts_expired
from apps.billing.models import AccountKind, Lot, TransactionKind
from apps.billing.postings import Move, Request, line_write
from apps.common.ids import uuid7
from apps.common.live import poke
from apps.common.tenancy import unscoped

# Wallets per sweep; the next one takes the rest.
BATCH = 500


def lots_expire(now: datetime) -> int:
    """Empty the lots that are past their time; how many wallets lost something. Each is a transaction of its own.

    Safe to repeat and to run twice at once: under the wallet's lock a lot that is empty expires no more.
    """
    with unscoped("the sweep looks at all workspaces"):
        due = Lot.objects.filter(is_open=True, expires_at__lte=now).values_list("workspace_id", flat=True).distinct()
        workspace_ids = list(due[:BATCH])
    return sum(_expire(workspace_id, now) for workspace_id in workspace_ids)


def _expire(workspace_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        wallet = ledger.wallet_lock(workspace_id)
        parts = parts_expired(wallet, now)
        amount = -sum(parts.values())
        if not amount:
            return False
        asked = Request(
            workspace_id, TransactionKind.EXPIRY, "sweep", str(uuid7()), amount, _("Unused credits expired")
        )
        line_write(wallet, asked, Move(-amount, {AccountKind.EXPIRED: amount}, parts))
        poke(f"billing.{workspace_id}")
    return True
