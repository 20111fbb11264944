"""What the vendor takes: each model's parameters and inputs, strictly. Anything unknown is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, ValidationError

from apps.sandbox.art.style_names import STYLES


class OrderRefused(Exception):
    """The order is not accepted. ``status`` is the HTTP answer, ``code`` the vendor's word for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def _multiple(step: int) -> AfterValidator:
    def check(value: int) -> int:
        if value % step:
            raise ValueError(f"must be a multiple of {step}")
        return value

    return AfterValidator(check)


def _style(value: str) -> str:
    if value not in STYLES:
        raise ValueError(f"must be one of {', '.join(STYLES)}")
    return value


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Style = Annotated[str, AfterValidator(_style)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Trying(Strict):
    """What every model takes, for trying out slowness and failure."""

    latency_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    fail: Literal["", "refuse", "error", "lost", "moderated"] = ""


class Params(Trying):
    """What every model takes that makes something of words."""

    prompt: Annotated[str, Field(max_length=4000), AfterValidator(_words)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class ImageParams(Params):
    width: Annotated[int, Field(ge=256, le=2048), _multiple(8)] = 1024
    height: Annotated[int, Field(ge=256, le=2048), _multiple(8)] = 1024
    style: Style = "auto"


class VideoParams(Params):
    width: Annotated[int, Field(ge=512, le=1280), _multiple(16)] = 768
    height: Annotated[int, Field(ge=288, le=1280), _multiple(16)] = 432
    seconds: Annotated[float, Field(ge=1, le=10, multiple_of=0.5)] = 4.0
    style: Style = "auto"


class TextParams(Params):
    sentences: Annotated[int, Field(ge=1, le=40)] = 5


class SpeechParams(Params):
    prompt: Annotated[str, Field(max_length=1000), AfterValidator(_words)]
    voice: Literal["bass", "alto", "soprano"] = "alto"


class EditParams(Params):
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0


class UpscaleParams(Trying):
    factor: Annotated[int, Field(ge=2, le=4)] = 2


class DescribeParams(Trying):
    prompt: Annotated[str, Field(max_length=4000)] = ""


class ExtendParams(Params):
    prompt: Annotated[str, Field(max_length=4000)] = ""
    seconds: Annotated[float, Field(ge=1, le=10, multiple_of=0.5)] = 3.0


class MusicParams(Params):
    seconds: Annotated[int, Field(ge=5, le=60)] = 15


class File(Strict):
    """An input by its address."""

    url: Annotated[AnyHttpUrl, Field(max_length=4000)]
    content_type: Annotated[str, Field(max_length=100)] = ""


class NoInputs(Strict):
    pass


class VideoInputs(Strict):
    image: File | None = None


class EditInputs(Strict):
    images: Annotated[list[File], Field(min_length=1, max_length=8)]
    mask: File | None = None


class ImageInputs(Strict):
    image: File


class ExtendInputs(Strict):
    video: File


class Envelope(Strict):
    model: Annotated[str, Field(max_length=60)]
    params: dict[str, Any]
    inputs: dict[str, Any] = {}
    client_reference: Annotated[str, Field(max_length=200)] | None = None
    webhook_url: Annotated[AnyHttpUrl, Field(max_length=2000)] | None = None


class Order(BaseModel):
    """An order that can be carried out; params and inputs are complete and plain JSON."""

    model: str
    params: dict[str, Any]
    inputs: dict[str, Any]
    client_reference: str
    webhook_url: str
    latency_s: float
    fault: str


S = TypeVar("S", bound=Strict)

OFFERS: dict[str, tuple[type[Trying], type[Strict]]] = {
    "sandbox/image": (ImageParams, NoInputs),
    "sandbox/video": (VideoParams, VideoInputs),
    "sandbox/text": (TextParams, NoInputs),
    "sandbox/speech": (SpeechParams, NoInputs),
    "sandbox/edit": (EditParams, EditInputs),
    "sandbox/upscale": (UpscaleParams, ImageInputs),
    "sandbox/describe": (DescribeParams, ImageInputs),
    "sandbox/extend": (ExtendParams, ExtendInputs),
    "sandbox/music": (MusicParams, NoInputs),
}


def body_read(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request; raises OrderRefused for what is not one, or cannot be stored."""
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()  # refuses halves of characters
    except (ValueError, RecursionError):
        raise OrderRefused(400, "invalid", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise OrderRefused(400, "invalid", "The body must be a JSON object.")
    if b"\\u0000" in raw:
        raise OrderRefused(400, "invalid", "The body must not contain the character NUL.")
    return body


def order_read(body: Mapping[str, Any]) -> Order:
    """The order in a request's body; raises OrderRefused with a sentence that names the field."""
    try:
        envelope = Envelope.model_validate(body)
        if envelope.model not in OFFERS:
            raise OrderRefused(404, "not_found", f"There is no model {envelope.model!r}.")
        params_type, inputs_type = OFFERS[envelope.model]
        params = _within("params", params_type, envelope.params)
        inputs = _within("inputs", inputs_type, envelope.inputs)
    except ValidationError as error:
        raise OrderRefused(422, "invalid", _sentence(error, "")) from None
    if params.fail == "refuse":
        raise OrderRefused(400, "refused", "This request was refused, as it asked to be.")
    return Order(
        model=envelope.model,
        params=params.model_dump(mode="json", exclude={"latency_s", "fail"}),
        inputs=inputs.model_dump(mode="json", exclude_none=True),
        client_reference=envelope.client_reference or "",
        webhook_url=str(envelope.webhook_url or ""),
        latency_s=params.latency_s,
        fault=params.fail,
    )


def _within(name: str, kind: type[S], value: dict[str, Any]) -> S:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise OrderRefused(422, "invalid", _sentence(error, f"{name}.")) from None


def _sentence(error: ValidationError, within: str) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = within + ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{field}: unknown parameter."
    return f"{field}: {first['msg'].removeprefix('Value error, ')}."


def _no_constant(name: str) -> Any:
    raise ValueError(name)
