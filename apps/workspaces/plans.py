"""What a workspace may use at once: the plans, smallest first. What one costs, billing says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class PlanName(models.TextChoices):
    """The plan of a workspace; everybody begins with ``FREE``."""

    FREE = "free", _("Free")
    STUDIO = "studio", _("Studio")
    TEAM = "team", _("Team")


@dataclass(frozen=True)
class Plan:
    """Limits of one plan. Rates are requests a second over the API with a bucket of ``burst``; the rest counts rows."""

    name: PlanName
    rate: float
    burst: int
    runs: int
    generations: int

    @property
    def label(self) -> Any:
        """Its name in the reader's language."""
        return self.name.label


# One token never takes all that its person may, nor one person all of the workspace's: a script that runs wild leaves
# the others room. Starts of paid work are the dearer requests.
TOKEN_SHARE, PERSON_SHARE, START_SHARE = 0.8, 0.9, 0.5

PLANS: dict[PlanName, Plan] = {
    plan.name: plan
    for plan in (
        Plan(PlanName.FREE, rate=50, burst=500, runs=50, generations=8),
        Plan(PlanName.STUDIO, rate=200, burst=2000, runs=200, generations=24),
        Plan(PlanName.TEAM, rate=1000, burst=10_000, runs=1000, generations=1000),
    )
}
