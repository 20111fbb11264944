from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.workspaces.audit_chain import Anchor, chain_verify, head_get, workspaces_audited
from apps.workspaces.models import Workspace


class Command(BaseCommand):
    help = "Recompute the chains of the audit logs and say where one breaks; exits non-zero when one does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", help="the slug of the only workspace to look at")
        parser.add_argument("--anchors-out", type=Path, help="write every head to this file, to be kept elsewhere")
        parser.add_argument("--anchors", type=Path, help="hold the chains against heads that were written before")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options["workspace"])
        anchors = {} if options["anchors"] is None else _anchors_read(options["anchors"])
        reports = [chain_verify(workspace_id, anchor=anchors.get(workspace_id)) for workspace_id in chosen]
        broken = [report for report in reports if report.broken]
        for report in broken:
            self.stderr.write(f"{report.workspace_id}: whole up to entry {report.seq}; {report.broken}")
        if broken:
            raise CommandError(f"{len(broken)} of {len(reports)} chains are broken.")
        if options["anchors_out"] is not None:
            options["anchors_out"].write_text("".join(map(_anchor_line, chosen)))
        self.stdout.write(f"{len(reports)} chains, {sum(report.seq for report in reports)} entries: all whole.")

    def _chosen(self, slug: str | None) -> list[UUID]:
        if slug is None:
            return workspaces_audited()
        found = Workspace.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"There is no workspace {slug!r}.")
        return [found.id]


def _anchor_line(workspace_id: UUID) -> str:
    head = head_get(workspace_id)
    return json.dumps({"workspace": str(workspace_id), "seq": head.seq, "hash": bytes(head.hash).hex()}) + "\n"


def _anchors_read(path: Path) -> dict[UUID, Anchor]:
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        found = [Anchor(UUID(row["workspace"]), int(row["seq"]), bytes.fromhex(row["hash"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is no file of anchors: {error}") from error
    return {anchor.workspace_id: anchor for anchor in found}
