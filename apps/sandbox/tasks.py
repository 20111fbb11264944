from __future__ import annotations

from uuid import UUID

from django.core.files.storage import default_storage
from django.utils import timezone

from apps.common.lanes import lane_task
from apps.sandbox.execution import queue
from apps.sandbox.execution.webhooks import delivery_send

BEAT = {
    "sandbox_tick": {"task": "apps.sandbox.tasks.sandbox_tick", "schedule": 1.0, "options": {"expires": 5}},
    "sandbox_sweep": {"task": "apps.sandbox.tasks.sandbox_sweep", "schedule": 300.0, "options": {"expires": 300}},
}


# The largest film takes minutes on a busy machine; still shorter than the broker's patience.
@lane_task("work", soft_time_limit=780, time_limit=840)
def sandbox_render(*, job_id: str, **_: object) -> None:
    """Render one job, then tell its client."""
    from apps.sandbox.execution.rendering import job_render  # NumPy, Pillow and PyAV: only the `work` lane draws

    if delivery_id := job_render(UUID(job_id)):
        sandbox_webhook_send.delay(delivery_id=delivery_id)


@lane_task("io")
def sandbox_webhook_send(*, delivery_id: str, **_: object) -> None:
    """One try; the next one comes after a pause."""
    wait = delivery_send(UUID(delivery_id))
    if wait is not None:
        sandbox_webhook_send.apply_async(kwargs={"delivery_id": delivery_id}, countdown=wait)


@lane_task("control")
def sandbox_tick(**_: object) -> None:
    """Hand out what is due: delayed jobs, jobs of dead renderers, deliveries whose message was lost."""
    now = timezone.now()
    for job_id in queue.jobs_hand_out(now):
        sandbox_render.delay(job_id=job_id)
    for delivery_id in queue.deliveries_hand_out(now):
        sandbox_webhook_send.delay(delivery_id=delivery_id)


@lane_task("control")
def sandbox_sweep(**_: object) -> None:
    """Delete the bytes of outputs whose addresses are long dead."""
    for output in queue.outputs_expired(timezone.now()):
        default_storage.delete(output.key)
        type(output).objects.filter(id=output.id).update(deleted_at=timezone.now())
