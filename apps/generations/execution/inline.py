"""Results that came in the answer to the POST itself: stored at once, because there is nowhere to fetch them again."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import structlog

from apps.assets.services import Refused, asset_store
from apps.generations.models import Generation
from apps.providers.base import Job, Output, ProviderError

log = structlog.get_logger(__name__)
# An output of this address is an asset of ours already.
STORED = "asset:"
PAUSES_S = (0.0, 1.0, 4.0, 10.0)


class NotStored(Exception):
    """Our store would not take what the vendor has made."""


def inline_store(generation: Generation, job: Job) -> Job:
    """The job with its bytes in our store. NotStored when that fails for good: the bytes are gone then."""
    if all(output.content is None for output in job.outputs):
        return job
    try:
        return replace(job, outputs=tuple(_stored(generation, output) for output in job.outputs))
    except Refused as refusal:
        error = ProviderError("failed", str(refusal), permanent=True, sent=True)
        return replace(job, state="failed", outputs=(), error=error)


def stored_already(job: Job) -> dict[str, str]:
    """The ids of assets by position, of those outputs that are stored."""
    urls = enumerate(output.url for output in job.outputs)
    return {str(position): url.removeprefix(STORED) for position, url in urls if url.startswith(STORED)}


def _stored(generation: Generation, output: Output) -> Output:
    if output.content is None:
        return output
    for pause in PAUSES_S:
        time.sleep(pause)
        try:
            return replace(output, url=f"{STORED}{_store(generation, output)}", content=None)
        except OSError:
            log.exception("result not stored", action="generation_store", generation=str(generation.id))
    raise NotStored(NotStored.__doc__)


def _store(generation: Generation, output: Output) -> str:
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        path = Path(folder) / "output"
        path.write_bytes(output.content or b"")
        asset = asset_store(
            workspace_id=generation.workspace_id,
            path=path,
            filename=output.filename,
            source="generation",
            project_id=generation.project_id,
            created_by_id=generation.actor_id,
        )
    return str(asset.id)
