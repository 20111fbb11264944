"""What people say of a generation: stars and tags."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.generations.models import Generation
from apps.generations.services import GenerationNotFound

STARS = 5
TAGS_MAX = 20
TAG_MAX = 60
# Says "leave it as it is", where None says "without stars".
SAME = object()


class RemarkInvalid(ValueError):
    """These stars or tags cannot be kept. ``field`` says which of the two."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


def tags_clean(tags: Iterable[str]) -> list[str]:
    """Tags as they are kept: single spaces, each once whatever its case. Raises RemarkInvalid."""
    found: dict[str, str] = {}
    for tag in tags:
        clean = " ".join(tag.replace("\0", " ").replace(",", " ").split())
        if len(clean) > TAG_MAX:
            text = _("The tag “%(tag)s…” is too long: a tag has at most %(most)s characters.")
            raise RemarkInvalid("tags", text % {"tag": clean[:20], "most": TAG_MAX})
        if clean:
            found.setdefault(clean.lower(), clean)
    if len(found) > TAGS_MAX:
        raise RemarkInvalid("tags", _("A generation has at most %(most)s tags.") % {"most": TAGS_MAX})
    return list(found.values())


def generation_remark(
    *, workspace_id: UUID, generation_id: UUID, rating: object = SAME, tags: Iterable[str] | object = SAME
) -> Generation:
    """Set stars (1 to 5, None for none) or tags; what is not given stays. Raises GenerationNotFound, RemarkInvalid."""
    changes: dict[str, object] = {}
    if rating is not SAME:
        if rating is not None and (not isinstance(rating, int) or isinstance(rating, bool) or not 1 <= rating <= STARS):
            raise RemarkInvalid("rating", _("A rating is 1 to 5 stars, or none."))
        changes["rating"] = rating
    if tags is not SAME:
        changes["tags"] = tags_clean(tags if isinstance(tags, (list, tuple)) else [])
    with transaction.atomic():
        rows = Generation.objects.for_workspace(workspace_id).filter(id=generation_id)
        row: Generation | None = rows.select_for_update().first()
        if row is None:
            raise GenerationNotFound(GenerationNotFound.__doc__)
        if changes:
            rows.update(**changes)
    row.refresh_from_db()
    return row
