"""What people read when a generation did not end well: what happened, whose fault, what to do, and that it was free."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.generations.models import Generation
from apps.generations.vendors import vendor_title

# Each takes %(provider)s and %(detail)s.
SENTENCES: dict[str, Promise] = {
    "refused": gettext_lazy("%(provider)s refused this request: %(detail)s Change it and run it again."),
    "invalid": gettext_lazy("%(provider)s did not accept the settings: %(detail)s Change them and run it again."),
    "content_policy": gettext_lazy(
        "%(provider)s withheld the result because of its content rules. Change the prompt or the input and try again."
    ),
    "rate_limited": gettext_lazy(
        "%(provider)s takes no more jobs at the moment, and waiting did not help. Run it again later, or give the node "
        "another model to ask instead."
    ),
    "unavailable": gettext_lazy(
        "%(provider)s could not be reached, so nothing was sent. Run it again in a few minutes."
    ),
    "auth": gettext_lazy(
        "%(provider)s did not accept our key. That is our side: ask whoever runs this site to check the provider's key."
    ),
    "auth_own": gettext_lazy(
        "%(provider)s did not accept your own key, or it was removed. Add one that works under Settings, Providers."
    ),
    "lost": gettext_lazy("The answer of %(provider)s was lost, and nothing came of the request. Run it again."),
    "not_found": gettext_lazy("%(provider)s no longer knows this job. Run it again."),
    "failed": gettext_lazy("%(provider)s could not finish this job: %(detail)s Run it again, or change the settings."),
    "bad_output": gettext_lazy(
        "%(provider)s delivered something that cannot be used: %(detail)s Run it again, or choose another model."
    ),
    "input_missing": gettext_lazy("An input file is no longer there: %(detail)s Choose another one and run it again."),
    "internal": gettext_lazy("Something went wrong on our side before anything was sent. Run it again."),
    "given_up": gettext_lazy(
        "You marked this as failed, because the answer of %(provider)s was lost. Run it again when you like."
    ),
    "expired": gettext_lazy("%(provider)s did not finish in time, so we stopped waiting. Run it again."),
    "expired_unknown": gettext_lazy(
        "The answer of %(provider)s was lost, and it could not say in time whether it took the job. Run it again."
    ),
    "expired_delivered": gettext_lazy(
        "%(provider)s finished, but its result did not get into our storage in time. That is our side. Run it again."
    ),
    "cancelled": gettext_lazy("This was cancelled before it was finished."),
    "cancelled_by_provider": gettext_lazy("%(provider)s cancelled this job by itself: %(detail)s Run it again."),
}


def sentence(code: str, *, provider: str, detail: str, own_key: bool) -> str:
    """The whole sentence for an error code in the active language, always ending with "not charged".

    ``own_key``: the call was made with a key of the workspace's own, which its people can change.
    """
    code = "auth_own" if own_key and code == "auth" else code
    text = str(SENTENCES.get(code, SENTENCES["failed"])) % {"provider": provider, "detail": _closed(detail)}
    return f"{text} " + _("You were not charged.")


def question(generation: Generation) -> str:
    """What a person is asked about a lost answer that nobody could find out about."""
    return _(
        "The answer of %(provider)s was lost, and it cannot say whether it took this job. Wait, or mark it as failed: "
        "nothing is sent twice, and you are not charged for what never arrives."
    ) % {"provider": vendor_title(generation.provider)}


def sentence_stored(code: str, *, provider: str, detail: str, own_key: bool) -> str:
    """The sentence in the site's own language, for the row and for the API."""
    with translation.override(settings.LANGUAGE_CODE):
        return sentence(code, provider=provider, detail=detail, own_key=own_key)


def _closed(detail: str) -> str:
    """A vendor's words as the end of our sentence: with a full stop, and never empty."""
    words = " ".join(detail.split())[:500] or _("it gave no reason.")
    return words if words.endswith((".", "!", "?", "。")) else f"{words}."
