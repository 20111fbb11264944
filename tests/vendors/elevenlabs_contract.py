"""What ElevenLabs takes, as its own package elevenlabs 2.78.0 sends it (``text_to_speech``, ``text_to_sound_effects``
and ``music``: ``raw_client.py``, and the bounds that its documentation of them states)."""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string", "minLength": 1}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
FLAG = {"type": "boolean"}


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


SPEECH = _closed(
    ["text"],
    text=TEXT,
    model_id=TEXT,
    language_code=TEXT,
    voice_settings=_closed(
        [],
        stability=SHARE,
        similarity_boost=SHARE,
        style=SHARE,
        speed={"type": "number"},
        use_speaker_boost=FLAG,
        clone_strength=SHARE,
    ),
    seed={"type": "integer", "minimum": 0, "maximum": 4294967295},
    previous_text=TEXT,
    next_text=TEXT,
    apply_text_normalization={"enum": ["auto", "on", "off"]},
    apply_language_text_normalization=FLAG,
)
SOUND = _closed(
    ["text"],
    text=TEXT,
    loop=FLAG,
    duration_seconds={"type": "number", "minimum": 0.5, "maximum": 30},
    prompt_influence=SHARE,
    model_id={"enum": ["eleven_text_to_sound_v2", "eleven_text_to_sound_v3"]},
)
# A seed "cannot be used in conjunction with prompt"; a composition plan is nothing we send.
MUSIC = _closed(
    ["prompt"],
    prompt=TEXT,
    music_length_ms={"type": "integer", "minimum": 3000, "maximum": 600000},
    model_id={"enum": ["music_v1", "music_v2", "music_v2_5"]},
    force_instrumental=FLAG,
    store_for_inpainting=FLAG,
    sign_with_c2pa=FLAG,
)
_MP3 = {
    "mp3_22050_32",
    "mp3_24000_48",
    "mp3_44100_32",
    "mp3_44100_64",
    "mp3_44100_96",
    "mp3_44100_128",
    "mp3_44100_192",
}
_OPUS = {"opus_48000_32", "opus_48000_64", "opus_48000_96", "opus_48000_128", "opus_48000_192"}
_WAV = {f"wav_{rate}" for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000)}
FORMATS = {
    "speech": _MP3 | _OPUS | _WAV,
    "sound": _MP3 | _OPUS | _WAV,
    "music": _MP3 | _OPUS | {"auto", "mp3_48000_128", "mp3_48000_192", "mp3_48000_240", "mp3_48000_320"},
}
# {"detail": {...}} for what the vendor decides, a list for what did not validate (``HTTPValidationError``).
REFUSAL = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "object", "required": ["status", "message"]},
                {"type": "array", "items": {"type": "object", "required": ["loc", "msg", "type"]}},
            ]
        }
    },
}
