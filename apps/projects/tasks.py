"""Celery shells of this app."""

from __future__ import annotations

from uuid import UUID

from apps.common.lanes import lane_task
from apps.projects.mentions import mention_send


@lane_task("io")
def mention_mail(*, mention_id: str, language: str, **_: object) -> None:
    """Tell one person that a comment names them."""
    mention_send(UUID(mention_id), language)
