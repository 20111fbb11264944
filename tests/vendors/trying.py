"""What the tests of adapters do alike: an order by the catalogue, one look, one file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import httpx

from apps.providers import catalogue
from apps.providers.base import Job, Provider, Submission
from tests.assets import files
from tests.vendors.server import Answer, ContractServer, Request, route


class OurFiles(ContractServer):
    """Our own store, as the vendor's side sees it."""

    name = "files"

    @route("GET", r"/picture\.png")
    def picture(self, request: Request, match: Any) -> Answer:
        """A picture."""
        return Answer(200, files.picture(), "image/png")

    @route("GET", r"/large\.png")
    def large(self, request: Request, match: Any) -> Answer:
        """More than any vendor takes."""
        return Answer(200, bytes(11 * 1024 * 1024), "image/png")


def order(model: str, url: str = "https://files.example/picture.png", **params: Any) -> Submission:
    """An order with the model's defaults and one file for each of its inputs."""
    found = catalogue.model_get(model)
    inputs = {
        name: [{"url": url}] if schema.get("x-many") else {"url": url}
        for name, schema in found.inputs.items()
        if "x-asset" in schema
    }
    complete = catalogue.params_complete(model, {"prompt": "a lighthouse", **params})
    known = {name: value for name, value in complete.items() if name != "prompt" or "prompt" in found.inputs}
    return Submission(model, known, inputs, "attempt-1", "https://mill.example/hook", found.call)


def look(provider: Provider, job: Job) -> Job:
    """How the job is now."""

    async def ask() -> Job:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await provider.poll(client, job.provider_request_id, job.urls)

    return anyio.run(ask)


def choices(model: catalogue.Model) -> Iterator[dict[str, Any]]:
    """Each choice of a model's form in turn: every value of a list, both ends of a range, yes and no."""
    for name, schema in model.params["properties"].items():
        if "enum" in schema:
            values = schema["enum"]
        elif schema["type"] == "boolean":
            values = [True, False]
        elif schema["type"] == "string":
            values = ["words"]
        else:
            values = [schema["minimum"], schema["maximum"]]
        yield from ({name: value} for value in values)


def ours(vendor: str) -> list[catalogue.Model]:
    """A vendor's models."""
    return [model for model in catalogue.MODELS.values() if model.provider == vendor]
