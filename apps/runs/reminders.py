"""Sending an approval's letters once more, because somebody asks for it: while it waits, and not too often."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.runs.answers import NotWaiting
from apps.runs.approvals import approval_view
from apps.runs.letters import LETTERS_PER_HOUR, letters_write
from apps.runs.models import APPROVAL_TYPE, Letter, Step

# Between two times that one letter is sent because somebody asks for it, and how often that may be.
PAUSE = timedelta(minutes=5)
AGAIN_MAX = 5
# What a program is told to wait that was refused for good.
DAY_S = 86_400


class TooManyLetters(Exception):
    """These letters were sent a moment ago, or often enough. ``retry_after_s`` is None when waiting does not help."""

    def __init__(self, message: str, retry_after_s: int | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def letters_again(*, step: Step) -> int:
    """Send the letters of an approval that waits once more; how many. NotWaiting, TooManyLetters."""
    now = timezone.now()
    with transaction.atomic():
        place = {"run_id": step.run_id, "position": step.position, "item": step.item}
        # Locked, so that no answer comes between, and two who ask at once are one after the other.
        rows = Step.objects.select_related("run__workflow", "run__graph").select_for_update(of=("self",))
        locked = rows.filter(**place, type=APPROVAL_TYPE, request__isnull=False).first()
        if locked is None or approval_view(locked).state != "open":
            raise NotWaiting(_("This approval waits for nobody any more."))
        letters = Letter.objects.filter(**place, attempt=locked.attempt)
        _check_hour(now, letters.count())
        if not letters.exists():
            return letters_write(locked)
        again = letters.filter(agains__lt=AGAIN_MAX).filter(_before(now - PAUSE))
        count: int = again.update(due_at=now, sent_at=None, tries=0, error="", agains=F("agains") + 1, again_at=now)
        if not count:
            raise _refusal(list(letters), now)
        return count


def _before(moment: datetime) -> Q:
    return Q(again_at=None, created_at__lt=moment) | Q(again_at__lt=moment)


def _check_hour(now: datetime, wanted: int) -> None:
    hour = now - timedelta(hours=1)
    sent = Letter.objects.filter(created_at__gt=hour).count()
    sent += Letter.objects.filter(again_at__gt=hour).aggregate(sum=Sum("agains"))["sum"] or 0
    if sent + wanted > LETTERS_PER_HOUR:
        raise TooManyLetters(_("This workspace has sent many letters in the last hour. Send these later."), 3600)


def _refusal(letters: list[Letter], now: datetime) -> TooManyLetters:
    moments = [letter.again_at or letter.created_at for letter in letters if letter.agains < AGAIN_MAX]
    if not moments:
        return TooManyLetters(_("These letters were sent often enough. Tell the people another way."), None)
    seconds = max(1, int((min(moments) + PAUSE - now).total_seconds()) + 1)
    message = _("These letters were sent a moment ago. Send them again in %(minutes)s min.")
    return TooManyLetters(message % {"minutes": -(-seconds // 60)}, seconds)
