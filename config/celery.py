"""Celery: three lanes, ids only, PostgreSQL is the truth and messages may be lost or repeated.

Each setting's reason is in docs/decisions/0004-celery-settings.md.
"""

from __future__ import annotations

import gc
import os
import time
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import beat_init, before_task_publish, setup_logging, worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's system checks import every page of the site. `make check` runs them; workers and beat have no pages.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
# Must be longer than the longest task: a message older than this is delivered again while the first copy still runs.
VISIBILITY_TIMEOUT_S = 900
# A `work` process that once was larger than this is replaced by a fresh one when its task has ended. KiB, resident.
WORK_PROCESS_KIB = 240 * 1024

# New objects between two looks of the garbage collector. A run of 1,000 nodes makes tens of thousands, and no circles.
COLLECT_EVERY = 20_000

app = Celery("millrace")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport="apps.common.broker:Transport",
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "global_keyprefix": "millrace:",
    },
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    task_retry_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue="control",
    task_queues=[
        Queue(name)
        for name in ("control", "starts", "io", "work", "io-steps", "io-submits", "io-exports", "work-steps")
    ],
    task_soft_time_limit=270,
    task_time_limit=300,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_max_memory_per_child=WORK_PROCESS_KIB,
    worker_soft_shutdown_timeout=10,
    worker_enable_soft_shutdown_on_idle=True,
    worker_eta_task_limit=1000,
    worker_hijack_root_logger=False,
    visibility_timeout=VISIBILITY_TIMEOUT_S,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    timezone="UTC",
)


@setup_logging.connect
def _logs(**_: object) -> None:
    from apps.common.logs import configure

    configure()


# What children of the `work` lane draw, decode and check with.
_DECODERS = ("jsonschema_rs", "apps.assets.previews", "apps.nodes.media.resize", "apps.sandbox.execution.rendering")


@worker_init.connect
def _before_fork(sender: Any, **_: object) -> None:
    """Load for `work` before it forks what its children would each load for themselves, so that they share it."""
    if "work" in sender.app.amqp.queues.consume_from:
        for module in _DECODERS:
            import_module(module)
    from apps.generations.catalogue_store import CATALOGUE
    from apps.workspaces.switches import SWITCHES

    # Not read here: children would inherit the pool of connections of this process, which does not survive the fork.
    CATALOGUE.unread()
    SWITCHES.unread()
    # What is loaded by now stays. Nothing is won by looking at it again, and in a child of `work` the collector's marks
    # would copy the pages that it shares.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 20, 50)


@beat_init.connect
def _beat_is_heard(**_: object) -> None:
    """The scheduler notes every few seconds that it still sends; staff see when it last did."""
    from apps.common.lanes import BEAT_EVERY_S, beat_tick

    noted = 0.0

    def tick(**_: object) -> None:
        nonlocal noted
        if time.monotonic() - noted >= BEAT_EVERY_S:
            noted = time.monotonic()
            beat_tick()

    before_task_publish.connect(tick, weak=False)


@app.on_after_finalize.connect
def _schedule(sender: Celery, **_: object) -> None:
    """Collect the apps' ``BEAT`` entries (``{name: {"task", "schedule"}}``) from their ``tasks`` modules."""
    from importlib.util import find_spec

    from django.apps import apps

    for config in apps.get_app_configs():
        if config.name.startswith("apps.") and find_spec(f"{config.name}.tasks"):
            sender.conf.beat_schedule.update(getattr(import_module(f"{config.name}.tasks"), "BEAT", {}))


def _configure() -> None:
    from django.conf import settings

    app.conf.update(broker_url=settings.REDIS_URL)


_configure()
app.autodiscover_tasks()
