"""The Celery app exists in every process: without it a shared task would look for a broker of its own."""

from __future__ import annotations

from config.celery import app as celery_app

__all__ = ["celery_app"]
