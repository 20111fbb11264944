"""Telling others: one signal for the app above and one poke for the pages, after the commit."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.dispatch import Signal

from apps.common.live import poke
from apps.generations.models import Generation
from apps.generations.signals import generation_ending, generation_progressed, generation_settled


def settled(generation: Generation) -> None:
    """It is over, whatever the outcome. Call it inside of the transaction that says so."""
    generation_ending.send(sender=Generation, generation_id=generation.id, workspace_id=generation.workspace_id)
    _announce(generation_settled, generation)


def progressed(generation: Generation) -> None:
    """Its state, progress or message changed."""
    _announce(generation_progressed, generation)


def _announce(signal: Signal, generation: Generation) -> None:
    send = partial(
        signal.send_robust,
        sender=Generation,
        generation_id=generation.id,
        workspace_id=generation.workspace_id,
        run_id=generation.run_id,
    )
    transaction.on_commit(send, robust=True)
    poke(f"workspace.{generation.workspace_id}", generation=generation.id)
