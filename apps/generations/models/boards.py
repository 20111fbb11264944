"""Collections of generations and assets."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.common.models import TenantModel
from apps.generations.models.calls import Generation


class Board(TenantModel):
    """A named collection of generations and assets, in the order people gave it."""

    name = models.CharField(max_length=120)
    created_by_id = models.UUIDField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="generations_board_name_once")]
        indexes = [models.Index(fields=["workspace", "-changed_at", "-id"], name="generations_board_list")]

    def __str__(self) -> str:
        return self.name


class BoardItem(TenantModel):
    """One thing on a board: a generation or an asset. ``position`` has gaps, so that moving writes one row."""

    PROJECT = ("generation__project_id", "asset__project_id")

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="items")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, null=True, related_name="+")
    asset = models.ForeignKey("assets.Asset", on_delete=models.CASCADE, null=True, related_name="+")
    position = models.FloatField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(generation__isnull=True, asset__isnull=False)
                | Q(generation__isnull=False, asset__isnull=True),
                name="generations_board_item_one",
            ),
            models.UniqueConstraint(fields=["board", "generation"], name="generations_board_generation_once"),
            models.UniqueConstraint(fields=["board", "asset"], name="generations_board_asset_once"),
        ]
        indexes = [models.Index(fields=["board", "position", "id"], name="generations_board_order")]

    def __str__(self) -> str:
        return f"{self.board_id} {self.generation_id or self.asset_id}"
