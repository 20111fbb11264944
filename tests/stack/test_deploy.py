"""Whoever runs the workers takes the same queues: the embedded stack, the containers and the services."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.celery import app
from deploy.stack.application import QUEUES

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = {
    "compose.yaml": r'-Q, "([\w,-]+)", -P, (?:threads|prefork).*-n, (\w+)@',
    "millrace-worker@.service": r'(?=(\w+)\) takes=")\w+\) takes="([\w,-]+) ',
}


def test_every_queue_has_a_lane() -> None:
    assert {queue.name for queue in app.conf.task_queues} == {
        name for names in QUEUES.values() for name in names.split(",")
    }


@pytest.mark.parametrize("file", FILES)
def test_workers_take_from_the_queues_of_their_lane(file: str) -> None:
    found = re.findall(FILES[file], (DEPLOY / file).read_text())
    lanes = {lane: names for names, lane in found} if file == "compose.yaml" else dict(found)
    assert lanes == QUEUES
