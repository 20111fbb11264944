"""What a generation or an asset was made from, and what was made with it, as a small graph.

A thing is a generation (with all its files) or an asset that no generation made: an upload, or a node's file. The graph
reaches three steps each way and shows five things a step; of the others it tells how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from apps.assets.models import Asset, Derivation
from apps.generations.adapters import asset_ids
from apps.generations.models import Generation, GenerationOutput

DEPTH = 3
WIDTH = 5
# Beyond this the rest is not counted: "95 more" and "more than 95" say the same to a person.
LOOKED_AT = 100
_FILES_MAX = 60

Kind = Literal["generation", "asset"]
Key = tuple[Kind, UUID]


@dataclass
class Step:
    """Things equally far away; ``more`` were left out, ``many`` when there may be more than that still."""

    distance: int
    keys: list[Key]
    more: int = 0
    many: bool = False


@dataclass
class Lineage:
    """``edges`` lead from what was used to what was made of it. ``steps`` from the farthest source to the last use."""

    centre: Key
    steps: list[Step]
    edges: list[tuple[Key, Key]]
    generations: dict[UUID, Generation] = field(default_factory=dict)
    assets: dict[UUID, Asset] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether there is nothing to draw but itself."""
        return len(self.steps) == 1

    def shown(self) -> Iterable[Key]:
        """Everything shown."""
        return (key for step in self.steps for key in step.keys)


def lineage_of(workspace_id: UUID, centre: Key) -> Lineage:
    """The graph around a thing, in a number of queries that depends on its depth alone."""
    walk = _Walk(workspace_id, centre)
    back = walk.steps(-1)
    forth = walk.steps(1)
    found = Lineage(centre, [*reversed(back), Step(0, [centre]), *forth], walk.edges)
    made = Generation.objects.for_workspace(workspace_id)
    found.generations = made.in_bulk([id_ for kind, id_ in found.shown() if kind == "generation"])
    kept = Asset.objects.for_workspace(workspace_id).select_related("blob")
    found.assets = kept.in_bulk([id_ for kind, id_ in found.shown() if kind == "asset"])
    return found


def thing_of(workspace_id: UUID, asset_id: UUID) -> Key:
    """The generation that made an asset, or the asset itself."""
    return _makers(workspace_id, [asset_id]).get(asset_id, ("asset", asset_id))


class _Walk:
    """Step by step away from the centre; what was met once is not shown again."""

    def __init__(self, workspace_id: UUID, centre: Key) -> None:
        self._workspace_id = workspace_id
        self._centre = centre
        self._seen = {centre}
        self.edges: list[tuple[Key, Key]] = []

    def steps(self, way: int) -> list[Step]:
        found, here = [], [self._centre]
        for distance in range(1, DEPTH + 1):
            pairs, many = self._sources(here) if way < 0 else self._uses(here)
            fresh = list(dict.fromkeys(far for _near, far in pairs if far not in self._seen))
            shown = fresh[:WIDTH]
            known = self._seen | set(shown)
            self.edges += [
                (far, near) if way < 0 else (near, far) for near, far in pairs if far in known and near != far
            ]
            if not fresh:
                break
            self._seen |= set(shown)
            found.append(Step(way * distance, shown, len(fresh) - len(shown), many))
            here = shown
        self.edges = list(dict.fromkeys(self.edges))
        return found

    def _sources(self, here: Sequence[Key]) -> tuple[list[tuple[Key, Key]], bool]:
        """Pairs of a thing and what it was made from."""
        made = Generation.objects.for_workspace(self._workspace_id).only("id", "inputs")
        kept = Asset.objects.for_workspace(self._workspace_id).only("id", "made_from")
        files: list[tuple[Key, UUID]] = []
        rows = {("generation", row.id): row for row in made.filter(id__in=_ids(here, "generation"))}
        files_of: dict[Any, list[UUID]] = {key: asset_ids(row.inputs) for key, row in rows.items()}
        files_of |= {("asset", row.id): row.made_from for row in kept.filter(id__in=_ids(here, "asset"))}
        for key in here:
            files += [(key, file) for file in files_of.get(key, ())]
        return self._told(files[:LOOKED_AT]), len(files) > LOOKED_AT

    def _uses(self, here: Sequence[Key]) -> tuple[list[tuple[Key, Key]], bool]:
        """Pairs of a thing and what was made with it, the newest first."""
        owner = self._files(here)
        if not owner:
            return [], False
        made, much = self._derived(owner, "generation")
        kept, many = self._derived(owner, "asset")
        there = Asset.objects.for_workspace(self._workspace_id).filter(trashed_at=None)
        live = set(there.filter(id__in={id_ for _file, id_ in kept}).values_list("id", flat=True))
        pairs: list[tuple[Key, Key]] = [(owner[file], ("generation", id_)) for file, id_ in made]
        pairs += [(owner[file], ("asset", id_)) for file, id_ in kept if id_ in live]
        return pairs, much or many

    def _derived(self, files: Iterable[UUID], kind: Kind) -> tuple[list[tuple[UUID, UUID]], bool]:
        """Pairs of a file and what was made from it, the newest first, and whether there are more."""
        rows = Derivation.objects.for_workspace(self._workspace_id).filter(source_id__in=list(files), kind=kind)
        found = list(rows.order_by("-created_at").values_list("source_id", "made_id")[: LOOKED_AT + 1])
        return found[:LOOKED_AT], len(found) > LOOKED_AT

    def _files(self, here: Sequence[Key]) -> dict[UUID, Key]:
        """The files that stand for things, each with its thing."""
        outputs = GenerationOutput.objects.for_workspace(self._workspace_id)
        rows = outputs.filter(generation_id__in=_ids(here, "generation")).order_by("position")[:_FILES_MAX]
        found: dict[UUID, Key] = {row.asset_id: ("generation", row.generation_id) for row in rows}
        return found | {id_: ("asset", id_) for id_ in _ids(here, "asset")}

    def _told(self, files: Sequence[tuple[Key, UUID]]) -> list[tuple[Key, Key]]:
        """Each file as the thing that made it; a file that is gone is left out."""
        makers = _makers(self._workspace_id, [file for _key, file in files])
        bare = [file for _key, file in files if file not in makers]
        there = set(Asset.objects.for_workspace(self._workspace_id).filter(id__in=bare).values_list("id", flat=True))
        return [(key, makers.get(file, ("asset", file))) for key, file in files if file in makers or file in there]


def _makers(workspace_id: UUID, files: Sequence[UUID]) -> dict[UUID, Key]:
    rows = GenerationOutput.objects.for_workspace(workspace_id).filter(asset_id__in=files)
    return {row.asset_id: ("generation", row.generation_id) for row in rows}


def _ids(keys: Iterable[Key], wanted: Kind) -> list[UUID]:
    return [id_ for kind, id_ in keys if kind == wanted]
