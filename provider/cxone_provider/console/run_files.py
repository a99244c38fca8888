"""The files under ``runs/``: what a day's runs left behind, by the names of their keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pendulum

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.keys import ArchiveLayout, recording_id_of

_DAY = re.compile(r"date=(\d{4}-\d{2}-\d{2})/([^/]+)\.(jsonl|json)")


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file of a run.

    Attributes:
        key, etag, size_bytes: the object.
        day: ISO date of the run.
        name: the run's id; a verification's has its task's id behind a dot.
        lines: JSON Lines, one recording each; else one JSON document.
    """

    key: str
    etag: str
    size_bytes: int
    day: str
    name: str
    lines: bool


def files_of_days(
    store: ArchiveBrowser, layout: ArchiveLayout, first: pendulum.Date, last: pendulum.Date
) -> Mapping[str, Sequence[RunFile]]:
    """Return each day's files by one listing of the runs alone: a request for a thousand files."""
    root = layout.runs_prefix()
    found: Iterable[RunFile | None] = (
        _file_of(one.key[len(root) :], one.key, one.etag, one.size_bytes)
        for one in store.list_objects(root, after=f"{root}date={first.to_date_string()}/")
    )
    days: dict[str, list[RunFile]] = defaultdict(list)
    end = last.to_date_string()
    for file in found:
        if file is None:
            continue
        if file.day > end:
            break
        days[file.day].append(file)
    return days


def files_of_day(store: ArchiveBrowser, layout: ArchiveLayout, day: pendulum.Date) -> Sequence[RunFile]:
    """Return one day's files."""
    root = layout.runs_prefix()
    prefix = f"{root}date={day.to_date_string()}/"
    listed = (_file_of(one.key[len(root) :], one.key, one.etag, one.size_bytes) for one in store.list_objects(prefix))
    return [file for file in listed if file is not None]


def _file_of(name: str, key: str, etag: str, size_bytes: int) -> RunFile | None:
    match = _DAY.fullmatch(name)
    if match is None:
        return None
    return RunFile(key, etag, size_bytes, match[1], recording_id_of(match[2]), match[3] == "jsonl")
