"""The demo's tenant: real audio, one recording per thing that happens in real life."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pendulum

AUDIO = Path(__file__).parents[2] / "tests" / "audio"
AGENTS = ("Ada Park", "Ben Osei", "Chiara Lind", "Dev Rao")
LONG_CALL_BYTES = 66 * 2**20
_DURATIONS_S = {
    "call-aac-faststart.mp4": 70.2,
    "call-aac-moov-last.mp4": 70.2,
    "call-alaw-8k-stereo.wav": 70.0,
    "call-cbr16k-8k-noid3-noxing.mp3": 70.2,
    "call-cbr32k-8k-id3v23.mp3": 70.2,
    "call-cbr64k-44k1-stereo-30s.mp3": 30.1,
    "call-gsm610-mono.wav": 70.0,
    "call-ima-adpcm-30s.wav": 30.0,
    "call-opus.ogg": 70.0,
    "call-pcm16-8k-stereo.wav": 70.0,
    "call-rf64-10s.wav": 10.0,
    "call-streamed-unknown-length-20s.wav": 20.0,
    "call-ulaw-8k-mono.wav": 70.0,
    "call-vbr-16k-stereo-id3v24-id3v1.mp3": 70.0,
    "one-second.mp3": 1.0,
}


@dataclass(frozen=True, slots=True)
class DemoRecording:
    """One line of the list that is archived.

    Attributes:
        recording_id: as the caller lists it; may be nonsense on purpose.
        file: sample it is made of; None where the tenant does not have it.
        traits: fields of the simulator's index, e.g. faults.
        ends: outcome of a first run.
    """

    recording_id: str
    file: str | None
    traits: Mapping[str, Any] = field(default_factory=dict)
    ends: str = "ARCHIVED"


def _fault(name: str, **fields: Any) -> dict[str, Any]:
    return {"faults": [{"fault": name, **fields}]}


SPECIAL: Sequence[DemoRecording] = (
    DemoRecording("long-conference", "long-conference.wav"),
    DemoRecording(
        "rate-limited-once", "call-ulaw-8k-mono.wav", _fault("status", on="media", status=429, retry_after="1")
    ),
    DemoRecording("token-revoked", "call-pcm16-8k-stereo.wav", _fault("revoke_token", on="media")),
    DemoRecording("connection-reset", "call-alaw-8k-stereo.wav", _fault("reset", on="media", after_bytes=90_000)),
    DemoRecording("signature-wrong-once", "call-vbr-16k-stereo-id3v24-id3v1.mp3", _fault("bad_signature", on="media")),
    DemoRecording("short-answers", "call-cbr32k-8k-id3v23.mp3", _fault("short_206", on="media", size_bytes=100_000)),
    DemoRecording(
        "signature-always-wrong",
        "call-cbr64k-44k1-stereo-30s.mp3",
        _fault("bad_signature", on="media", times="always"),
        ends="FAILED",
    ),
    DemoRecording("too-long", "call-opus.ogg", {"duration": 5400}, ends="REJECTED"),
    DemoRecording("still-recording", "one-second.mp3", {"status": "in-progress"}, ends="REJECTED"),
    DemoRecording("in-the-archive", "one-second.mp3", {"storageState": "archived"}, ends="IN_COLD_STORAGE"),
    DemoRecording("deleted-by-policy", "one-second.mp3", {"storageState": "deleted"}, ends="DELETED"),
    DemoRecording("never-existed", None, ends="NOT_FOUND"),
    DemoRecording("../../etc/passwd", None, ends="REJECTED"),
)


def demo_recordings() -> list[DemoRecording]:
    """Return every recording of the demo in the order of its list."""
    plain = [DemoRecording(Path(name).stem, name) for name in _DURATIONS_S]
    return [*plain, *SPECIAL]


def make_recordings(directory: Path) -> None:
    """Write the tenant's files and their index; what is there already stays."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in _DURATIONS_S:
        if not (directory / name).exists():
            shutil.copyfile(AUDIO / name, directory / name)
    long_call = directory / "long-conference.wav"
    if not long_call.exists():
        _write_long_call(long_call)
    entries = [_entry(recording, number, directory) for number, recording in enumerate(demo_recordings())]
    index = {"recordings": [entry for entry in entries if entry is not None]}
    (directory / "recordings.json").write_text(json.dumps(index, indent=1))


def _write_long_call(path: Path) -> None:
    with wave.open(str(AUDIO / "call-pcm16-8k-stereo.wav")) as sample, wave.open(str(path), "wb") as long_call:
        long_call.setparams(sample.getparams())
        frames = sample.readframes(sample.getnframes())
        for _ in range(-(-LONG_CALL_BYTES // len(frames))):
            long_call.writeframes(frames)


def _entry(recording: DemoRecording, number: int, directory: Path) -> dict[str, Any] | None:
    if recording.file is None:
        return None
    entry = {
        "id": recording.recording_id,
        "file": recording.file,
        "duration": _duration_s(directory / recording.file),
        "recordedAt": recorded_at(number).to_iso8601_string(),
    }
    return {**entry, **recording.traits}


def _duration_s(path: Path) -> float:
    if path.name in _DURATIONS_S:
        return _DURATIONS_S[path.name]
    with wave.open(str(path)) as sound:
        return float(round(sound.getnframes() / sound.getframerate(), 3))


def recorded_at(number: int) -> pendulum.DateTime:
    """Return when recording `number` began: yesterday, one every quarter of an hour."""
    return pendulum.yesterday("UTC").add(hours=8, minutes=15 * number)


def list_lines() -> bytes:
    """Return the list that the daily run reads: JSON Lines, with one recording named twice."""
    refs = [
        {
            "recording_id": one.recording_id,
            "recorded_at": recorded_at(n).to_iso8601_string(),
            "metadata": {"demo": True, "agent": AGENTS[n % len(AGENTS)]},
        }
        for n, one in enumerate(demo_recordings())
    ]
    return b"".join(json.dumps(ref).encode() + b"\n" for ref in [*refs, refs[0]])


def source_file(directory: Path, recording_id: str) -> Path | None:
    """Return the tenant's file behind a recording."""
    names = {one.recording_id: one.file for one in demo_recordings()}
    name = names.get(recording_id)
    return None if name is None else directory / name
