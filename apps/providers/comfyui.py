"""A person's own ComfyUI server: a graph goes into its queue under the attempt's own id, and history tells its end.

ComfyUI runs a ``prompt_id`` again when it is given twice, so the id is there to find a lost job, never to send it
again. Which graph is sent stands in the entry's ``call``: as ``body`` with the places of the parameters, or as the
name of the parameter (``graph``) that holds a person's own, with ``placeholders`` in its values.
"""

from __future__ import annotations

import json
import mimetypes
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from apps.providers.asked import INLINE_MAX_BYTES, Inputs
from apps.providers.base import Credentials, ErrorCode, Job, Output, ProviderError, Submission, WebhookRefused
from apps.providers.bodies import body_build, call_for, references
from apps.providers.http import Vendor
from apps.wording import gettext as _
from apps.wording import ngettext

LOOK_AFTER_S = 1.0
FOLDER = "millrace"


class ComfyUIProvider:
    """``base_url`` is the server; a key is sent as a bearer token, for servers behind a gate."""

    name = "comfyui"
    # Queue and history know every job but one that ended before a restart; that one is gone, and was never paid for.
    lookup_complete = True

    def __init__(self, account: Credentials, *, clock: Callable[[], float] = time.time) -> None:
        self._root = account.base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {account.key}"} if account.key else {}
        self._vendor = Vendor("ComfyUI", self._headers, refusal=_refusal)

    def submit(self, submission: Submission) -> Job:
        """Upload the inputs, then the one POST that puts the graph into the queue."""
        if not self._root:
            raise ProviderError("refused", _("No ComfyUI server is set up on this site."), permanent=True)
        body = {
            "prompt": self._graph(submission),
            "prompt_id": submission.attempt_id,
            "client_id": submission.attempt_id,
        }
        found = self._vendor.posted(self._vendor.post(f"{self._root}/prompt", json=body))
        try:
            return Job(str(found["prompt_id"]), "submitted", poll_after_s=LOOK_AFTER_S)
        except (KeyError, TypeError) as error:
            raise self._vendor.lost() from error

    async def poll(self, client: httpx.AsyncClient, provider_request_id: str, urls: Mapping[str, str]) -> Job:
        """History first, then the queue, then history again: a job may go from one to the other meanwhile."""
        history, queue = self._history_address(provider_request_id), f"{self._root}/queue"
        try:
            ended = self._ended(provider_request_id, await self._vendor.look(client, history))
            waiting = ended or _waiting(provider_request_id, await self._vendor.look(client, queue))
            job = waiting or self._ended(provider_request_id, await self._vendor.look(client, history))
        except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
            raise self._vendor.unreadable() from error
        gone = _("It is neither in the queue nor in the history: it was removed, or the server was started anew.")
        return job or Job(provider_request_id, "cancelled", message=gone)

    def cancel(self, provider_request_id: str, urls: Mapping[str, str]) -> None:
        """Out of the queue, or interrupted where it is this job that runs: older servers interrupt whatever runs."""
        self._vendor.ask("POST", f"{self._root}/queue", json={"delete": [provider_request_id]})
        job = self._in_queue(provider_request_id)
        if job and job.state == "running":
            self._vendor.ask("POST", f"{self._root}/interrupt", json={"prompt_id": provider_request_id})

    def find(self, attempt_id: str) -> Job | None:
        """The job under our own id. The queue is asked first, so that one that ends meanwhile is in the history."""
        waiting = self._in_queue(attempt_id)
        try:
            return waiting or self._ended(attempt_id, self._vendor.ask("GET", self._history_address(attempt_id)))
        except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
            raise self._vendor.unreadable() from error

    def _in_queue(self, identity: str) -> Job | None:
        try:
            return _waiting(identity, self._vendor.ask("GET", f"{self._root}/queue"))
        except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
            raise self._vendor.unreadable() from error

    def fetch(self, output: Output, to: Path) -> None:
        """From the server itself, and from nowhere else."""
        if not output.url.startswith(f"{self._root}/view?"):
            raise ProviderError("not_found", self._vendor.expired(), permanent=True)
        self._vendor.download(output.url, to, self._headers)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """ComfyUI does not call."""
        raise WebhookRefused("ComfyUI is asked; it does not call.")

    def _history_address(self, identity: str) -> str:
        return f"{self._root}/history/{quote(identity, safe='')}"

    def _graph(self, submission: Submission) -> dict[str, Any]:
        call = call_for(submission.call, submission.inputs)
        if "graph" not in call:
            return body_build(call, submission.params)
        graph = graph_read(str(submission.params.get(call["graph"]) or ""))
        values = {mark: submission.params.get(name, "") for mark, name in call.get("placeholders", {}).items()}
        for mark, name in call.get("inputs", {}).items():
            given = references(submission.inputs.get(name))
            if given and mark in json.dumps(graph):
                values[mark] = self._upload(given[0], submission.attempt_id)
        filled: dict[str, Any] = _filled(graph, values)
        return filled

    def _upload(self, reference: Mapping[str, Any], attempt_id: str) -> str:
        """An input on the server's own disk; what it is called there. Costs nothing, and may be repeated."""
        kind = str(reference.get("content_type") or "image/png")
        name = f"{attempt_id}{mimetypes.guess_extension(kind) or '.png'}"
        with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
            path = Path(folder) / "input"
            Inputs("ComfyUI").download(reference["url"], path)
            if path.stat().st_size > INLINE_MAX_BYTES:
                raise ProviderError("invalid", _("The input file is too large for ComfyUI."), permanent=True)
            files = {"image": (name, path.read_bytes(), kind)}
        data = {"type": "input", "subfolder": FOLDER, "overwrite": "true"}
        said = self._vendor.ask("POST", f"{self._root}/upload/image", files=files, data=data) or {}
        try:
            return str(PurePosixPath(said.get("subfolder") or "") / said["name"])
        except (AttributeError, KeyError, TypeError) as error:
            raise self._vendor.unreadable() from error

    def _ended(self, identity: str, history: Mapping[str, Any]) -> Job | None:
        """The job as history tells it; None where it is not there."""
        said = history.get(identity)
        if said is None:
            return None
        status = said["status"]
        if status["status_str"] != "success":
            return self._broken(identity, status["messages"])
        outputs = tuple(self._outputs(said["outputs"]))
        if not outputs:
            error = self._vendor.failed(_("The workflow ended without a file."), permanent=True)
            return Job(identity, "failed", error=error)
        return Job(identity, "succeeded", progress=1.0, outputs=outputs)

    def _broken(self, identity: str, messages: list[Any]) -> Job:
        """Interrupted and broken look alike but for the messages."""
        told = {str(name): data for name, data in messages}
        if "execution_interrupted" in told:
            return Job(identity, "cancelled", message=_("Somebody interrupted it on the server."))
        error = told.get("execution_error") or {}
        node = _node(str(error.get("node_id") or "?"), str(error.get("node_type") or "?"))
        reason = " ".join(str(error.get("exception_message") or "").split())[:400]
        return Job(identity, "failed", error=self._vendor.failed(f"{node}: {reason}" if reason else ""))

    def _outputs(self, outputs: Mapping[str, Any]) -> Iterator[Output]:
        """What was saved; previews only where nothing was. The same name again is a run that came from the cache."""
        files = [
            one
            for made in outputs.values()
            for listed in made.values()
            if isinstance(listed, list)
            for one in listed
            if isinstance(one, dict) and one.get("filename")
        ]
        saved = [one for one in files if one.get("type") == "output"]
        for one in saved or files:
            where = {"filename": one["filename"], "subfolder": one.get("subfolder", ""), "type": one.get("type", "")}
            name = PurePosixPath(str(one["filename"])).name
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            yield Output(f"{self._root}/view?{urlencode(where)}", kind, name)


def graph_read(text: str) -> dict[str, Any]:
    """A graph as ComfyUI exports it for its API; ProviderError with a sentence for people."""
    try:
        graph = json.loads(text)
    except ValueError as error:
        raise ProviderError("invalid", _("The workflow is not JSON."), permanent=True) from error
    if isinstance(graph, dict) and isinstance(graph.get("prompt"), dict):
        graph = graph["prompt"]
    nodes = graph.values() if isinstance(graph, dict) else []
    if not nodes or not all(isinstance(node, dict) and "class_type" in node for node in nodes):
        detail = _("This is not a workflow for the API. In ComfyUI choose “Export (API)” and paste that file.")
        raise ProviderError("invalid", detail, permanent=True)
    return dict(graph)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """The graph with its placeholders replaced: a value that is one keeps its type, within a text it becomes text."""
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    if value in values:
        return values[value]
    for mark, filling in values.items():
        value = value.replace(mark, str(filling))
    return value


def _waiting(identity: str, queue: Mapping[str, Any]) -> Job | None:
    """The job as the queue tells it; None where it is not in it."""
    if any(entry[1] == identity for entry in queue["queue_running"]):
        return Job(identity, "running", poll_after_s=LOOK_AFTER_S)
    pending = sorted(queue["queue_pending"], key=lambda entry: entry[0])
    place = next((number for number, entry in enumerate(pending) if entry[1] == identity), None)
    if place is None:
        return None
    ahead = place + len(queue["queue_running"])
    message = ngettext("%(count)s job ahead", "%(count)s jobs ahead", ahead) if ahead else _("Next in the queue")
    return Job(identity, "submitted", message=message, poll_after_s=LOOK_AFTER_S)


def _refusal(answer: httpx.Response) -> tuple[ErrorCode, str] | None:
    """A graph that does not validate: one sentence for each node that is wrong, else what is wrong with the whole."""
    try:
        said = answer.json()
        nodes = [
            f"{_node(identity, node['class_type'])}: {_mistake(mistake)}"
            for identity, node in said["node_errors"].items()
            for mistake in node["errors"]
        ]
        whole = _mistake(said["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return ("invalid", "; ".join(nodes or [whole])[:1000]) if answer.status_code == 400 else None


def _mistake(said: Mapping[str, Any]) -> str:
    message, details = str(said["message"]).strip(), str(said.get("details") or "").strip()
    return f"{message} ({details})" if details and details != message else message


def _node(identity: str, kind: str) -> str:
    return _("Node %(id)s (%(kind)s)", id=identity, kind=kind)
