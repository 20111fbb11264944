"""`manage.py demo`: run the Postcard workflow to its end and print what happened."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from apps.common.logs import configure
from apps.common.money import credits_text
from apps.common.tenancy import scope
from apps.console.demo import demo_seed, demo_user, demo_workflow
from apps.runs.console import steps_shown
from apps.runs.models import Run
from apps.runs.services import CreditsRefused, InvalidGraph, run_start
from apps.runs.watch import Event, events_after

PATIENCE_S = 180
LOOK_S = 0.2
SHOWN = {
    "step_started": "started",
    "step_succeeded": "done",
    "step_failed": "FAILED",
    "step_skipped": "skipped",
    "step_cancelled": "cancelled",
}


class Command(BaseCommand):
    """Needs the running stack: the workers do the work, this only watches."""

    help = "Run the demo workflow to its end; print its steps, its costs and where the result is."

    def handle(self, *args: object, **options: object) -> None:
        """Start, follow, report."""
        configure("WARNING")
        workspace = demo_seed()
        workflow = demo_workflow(workspace)
        with scope(workspace.id):
            try:
                run = run_start(workflow=workflow, actor_id=demo_user().id)
            except (CreditsRefused, InvalidGraph) as error:
                raise CommandError(f"The demo workflow could not start: {error}") from error
            self.stdout.write(f"Running “{workflow.name}”, at most {credits_text(run.price_high)}.")
            self._follow(run)
            self._report(run, workspace.slug)

    def _follow(self, run: Run) -> None:
        seen, deadline = 0, time.monotonic() + PATIENCE_S
        while True:
            for event in events_after(run.id, seen):
                seen = event.seq
                self._tell(event)
                if event.kind == "run_finished":
                    return
            if time.monotonic() > deadline:
                raise CommandError(f"The run did not end within {PATIENCE_S} s; see {self._url(run, 'demo')}.")
            time.sleep(LOOK_S)

    def _tell(self, event: Event) -> None:
        if event.kind in SHOWN:
            message = (event.body.get("error") or {}).get("message", "")
            line = f"  {event.at:%H:%M:%S}  {event.body['node']:<12} {SHOWN[event.kind]:<10} {message}"
            self.stdout.write(line.rstrip())

    def _report(self, run: Run, slug: str) -> None:
        run.refresh_from_db()
        self.stdout.write("")
        for step in steps_shown(run)["steps"]:
            took = f"{step.seconds:.1f} s" if step.seconds is not None else ""
            cost = credits_text(step.cost) if step.cost else ""
            self.stdout.write(f"  {step.title:<22} {step.state:<10} {took:>8}  {cost}")
        self.stdout.write(f"\nRun {run.state}: {credits_text(run.cost)}. {self._url(run, slug)}")
        if run.state != "completed":
            raise CommandError(str((run.error or {}).get("message", "The run did not complete.")))

    def _url(self, run: Run, slug: str) -> Any:
        return f"{settings.PUBLIC_URL}{reverse('runs:run_detail', args=[slug, run.id])}"
