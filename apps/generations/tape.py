"""Reading the tape: which generations, newest first, for the page and the API alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet

from apps.generations.models import LIVE, Generation, GenerationState

KINDS = ("image", "video", "audio", "text")


@dataclass(frozen=True)
class TapeFilter:
    """What to show; an empty value shows all. ``state`` is one state, or ``live`` for everything unfinished."""

    project: UUID | None = None
    run: UUID | None = None
    node: str = ""
    model: str = ""
    kind: str = ""
    state: str = ""
    q: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """From a page's query string; what is not a valid value is ignored, as a hand-edited address deserves."""
        return cls(
            project=_uuid(query.get("project", "")),
            run=_uuid(query.get("run", "")),
            node=query.get("node", "")[:64],
            model=query.get("model", "")[:120],
            kind=query.get("kind", "") if query.get("kind", "") in KINDS else "",
            state=query.get("state", "") if query.get("state", "") in {*GenerationState.values, "live"} else "",
            q=query.get("q", "").strip()[:200],
        )

    def rows(self, workspace_id: UUID) -> QuerySet[Generation]:
        """The matching rows of one workspace, unordered."""
        rows: QuerySet[Generation] = Generation.objects.for_workspace(workspace_id)
        plain = {
            "project_id": self.project,
            "run_id": self.run,
            # No row has a null character, and PostgreSQL would not even look for one.
            "node": self.node.replace("\0", " "),
            "model": self.model.replace("\0", " "),
            "kind": self.kind,
        }
        rows = rows.filter(**{name: value for name, value in plain.items() if value})
        if self.state:
            rows = rows.filter(state__in=LIVE) if self.state == "live" else rows.filter(state=self.state)
        return rows.filter(prompt__icontains=self.q.replace("\0", " ")) if self.q else rows

    def query_string(self) -> str:
        """The filter as it stands in an address; empty when nothing is filtered."""
        return urlencode({field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)})

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return bool(self)

    def __bool__(self) -> bool:
        return bool(self.query_string())


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
