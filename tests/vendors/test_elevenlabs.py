"""ElevenLabs' adapter against a server that takes what the vendor's own package sends, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.generations.models import Generation, GenerationState
from apps.providers.base import Credentials, ProviderError, Submission
from apps.providers.catalogue import MODELS, params_complete
from apps.providers.elevenlabs import ElevenLabsProvider
from apps.workspaces.models import Workspace
from tests.vendors.elevenlabs_server import ElevenLabsServer
from tests.vendors.matrix import Case, busy, call_back, cancel, cancelled_before, lost, play, refused, well_later
from tests.vendors.server import ContractServer, serving

STATE = GenerationState
SPEECH, MUSIC, SOUND = "elevenlabs/eleven_v4", "elevenlabs/music_v2_5", "elevenlabs/eleven_text_to_sound_v2"
# Micro-credits: 20 characters, 30 seconds, one sound.
SPEECH_COST, MUSIC_COST, SOUND_COST = 20 * 8_000, 30 * 500_000, 12_000_000
TRIES = 6


@pytest.fixture
def server() -> Iterator[ElevenLabsServer]:
    with serving(ElevenLabsServer()) as found:
        assert isinstance(found, ElevenLabsServer)
        yield found


def _webhook(row: Generation, server: ContractServer) -> None:
    assert call_back(row, {"ElevenLabs-Signature": "t=1,v0=00"}, b"{}") == 404


CASES = {
    "speech-well": Case(SPEECH, cost=SPEECH_COST),
    "speech-cut": lost(SPEECH),
    "speech-429": busy(SPEECH, "429"),
    "speech-429-then-well": well_later(SPEECH, "429-later", SPEECH_COST),
    "speech-500": refused(SPEECH, "500", "unavailable", tries=TRIES),
    "speech-503-then-well": well_later(SPEECH, "503", SPEECH_COST),
    "speech-nothing-in-it": lost(SPEECH, "empty"),
    "speech-unreadable": lost(SPEECH, "garbage"),
    "speech-quota": refused(SPEECH, "quota", "auth"),
    "speech-webhook-refused": Case(SPEECH, cost=SPEECH_COST, turns={0: _webhook}),
    "speech-cancel-before": cancelled_before(SPEECH),
    "speech-cancel-while-made": Case(SPEECH, cost=SPEECH_COST, answered=cancel),
    "music-well": Case(MUSIC, cost=MUSIC_COST),
    "music-cut": lost(MUSIC),
    "music-moderated": refused(MUSIC, "moderated", "content_policy"),
    "sound-well": Case(SOUND, cost=SOUND_COST),
    "sound-moderated": refused(SOUND, "moderated", "content_policy"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", CASES)
def test_elevenlabs_scenario(
    scenario: str, server: ElevenLabsServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = play(CASES[scenario], server, workspace, monkeypatch)
    if row.state == STATE.SUCCEEDED:
        assert [ref["kind"] for ref in row.outputs] == ["audio"]
    if scenario == "music-moderated":
        assert row.error_detail == "The prompt names an artist."


def _order(model: str, **more: Any) -> Submission:
    params = params_complete(model, {"prompt": "a lighthouse", **more})
    return Submission(model, params, {}, "attempt-1", call=MODELS[model].call)


@pytest.mark.parametrize("model", [name for name in MODELS if name.startswith("elevenlabs/")])
def test_every_choice_of_every_entry_is_what_the_vendor_takes(model: str, server: ElevenLabsServer) -> None:
    adapter = ElevenLabsProvider(Credentials("test-key", server.url))
    for name, schema in MODELS[model].params["properties"].items():
        values = schema.get("enum") or [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
        for value in values or [schema.get("default")]:
            job = adapter.submit(_order(model, **{name: value}))
            assert (job.state, len(job.outputs)) == ("succeeded", 1), (name, value)


def test_names_and_units_are_the_vendors(server: ElevenLabsServer) -> None:
    adapter = ElevenLabsProvider(Credentials("test-key", server.url))
    adapter.submit(_order(MUSIC, seconds=12, force_instrumental=True))
    adapter.submit(_order(SPEECH, voice_id="A" * 20, seed=7, stability=0.3))
    music, speech = server.accepted
    wanted = {"prompt": "a lighthouse", "music_length_ms": 12000, "force_instrumental": True, "model_id": "music_v2_5"}
    assert music.json() == wanted
    assert speech.path == f"/v1/text-to-speech/{'A' * 20}"
    assert (speech.json()["voice_settings"]["stability"], speech.json()["seed"]) == (0.3, 7)
    assert speech.query == {"output_format": ["mp3_44100_128"]}


def test_what_does_not_validate_is_told_in_the_vendors_words(server: ElevenLabsServer) -> None:
    order = Submission(SOUND, {"prompt": "rain", "duration_seconds": 31}, {}, "attempt-1", call=MODELS[SOUND].call)
    with pytest.raises(ProviderError) as refusal:
        ElevenLabsProvider(Credentials("test-key", server.url)).submit(order)
    assert (refusal.value.code, refusal.value.permanent) == ("invalid", True)
    assert str(refusal.value).startswith("duration_seconds: 31 is greater")


def test_a_refused_key_is_not_repeated(server: ElevenLabsServer) -> None:
    with pytest.raises(ProviderError) as refusal:
        ElevenLabsProvider(Credentials("another-key", server.url)).submit(_order(SPEECH))
    assert (refusal.value.code, str(refusal.value)) == ("auth", "ElevenLabs answered 401.")


def test_nobody_there_means_that_nothing_was_sent() -> None:
    with pytest.raises(ProviderError) as refusal:
        ElevenLabsProvider(Credentials("test-key", "http://127.0.0.1:9")).submit(_order(SPEECH))
    assert (refusal.value.code, refusal.value.sent) == ("unavailable", False)
