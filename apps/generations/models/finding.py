"""What generations are found by."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from apps.common.models import TenantRow
from apps.generations.models.calls import Generation


class SearchWindow(TenantRow):
    """A stretch of a workspace's tape, some thousands of generations long, up to where the next one begins.

    Search looks through the newest window first. Its id is the beginning of every term in it, so that a look-up touches
    the rows of one window of one workspace and nothing else.
    """

    id = models.BigAutoField(primary_key=True)
    begins_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "begins_at"], name="generations_window_once")]

    def __str__(self) -> str:
        return f"{self.id:x}"


class SearchRow(TenantRow):
    """What a generation is found by. Written by the database itself whenever one of those things changes."""

    generation = models.OneToOneField(
        Generation, on_delete=models.CASCADE, primary_key=True, related_name="search_row", db_constraint=False
    )
    window = models.ForeignKey(SearchWindow, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    created_at = models.DateTimeField()
    cost = models.BigIntegerField()
    terms = SearchVectorField()

    class Meta:
        # Entries are written where they belong at once: a list of pending ones would be read by each look-up.
        indexes = [GinIndex(fields=["terms"], fastupdate=False, name="generations_search_terms")]

    def __str__(self) -> str:
        return str(self.generation_id)
