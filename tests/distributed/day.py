"""A day of a tenant: thousands of contacts, each with a recording made of one of a few small real calls."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pendulum

AUDIO = Path(__file__).parents[1] / "audio"

# A second of speech for three of four, seconds to a minute for the rest: all are read, hashed and walked as calls are.
_FILES = (
    "one-second.mp3",
    "one-second.mp3",
    "one-second.mp3",
    "call-gsm610-mono.wav",
    "one-second.mp3",
    "one-second.mp3",
    "one-second.mp3",
    "call-cbr16k-8k-noid3-noxing.mp3",
)
_SECONDS_OF_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Sound:
    """A file that recordings are made of.

    Attributes:
        name: in the tenant's folder.
        size_bytes: of the file.
        md5: hex digest; the entity tag an S3 server gives an object that was put at once.
    """

    name: str
    size_bytes: int
    md5: str

    @property
    def suffix(self) -> str:
        """The format in an object's key."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Day:
    """What the tenant recorded.

    Attributes:
        date: ``YYYY-MM-DD``.
        recordings: the sound of each recording by its id, ``{contact id}.1``.
    """

    date: str
    recordings: Mapping[str, Sound]

    def media_keys(self, prefix: str) -> dict[str, Sound]:
        """Return where each recording has to lie."""
        return {
            f"{prefix}/recordings/date={self.date}/{name}.{sound.suffix}": sound
            for name, sound in self.recordings.items()
        }

    @property
    def size_bytes(self) -> int:
        """Bytes of all recordings."""
        return sum(sound.size_bytes for sound in self.recordings.values())


def make_day(folder: Path, count: int, first: int = 0) -> Day:
    """Write the files and the index of yesterday's contacts into a folder for the simulator.

    Args:
        folder: made if it is not there.
        count: contacts; they are spread over the day.
        first: number of the first, so that another day has other ids.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sounds = [_sound(name, folder) for name in _FILES]
    start = pendulum.yesterday("UTC")
    contacts, recordings = [], {}
    for number in range(count):
        contact_id, sound = str(10**9 + first + number), sounds[number % len(sounds)]
        begun_at = start.add(seconds=number * _SECONDS_OF_DAY // count)
        media = [{"file": sound.name}]
        contacts.append({"id": contact_id, "started_at": begun_at.to_iso8601_string(), "interactions": media})
        recordings[f"{contact_id}.1"] = sound
    (folder / "recordings.json").write_text(json.dumps({"contacts": contacts}))
    return Day(start.to_date_string(), recordings)


def _sound(name: str, folder: Path) -> Sound:
    shutil.copyfile(AUDIO / name, folder / name)
    body = (folder / name).read_bytes()
    return Sound(name, len(body), hashlib.md5(body, usedforsecurity=False).hexdigest())
