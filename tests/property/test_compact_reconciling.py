"""A day that is reconciled by numbers and columns comes to what it comes to where everything is held as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pendulum
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.completeness import Completeness
from cxone_provider.archive.expecting import expectations
from cxone_provider.archive.inventory import Holding, Holdings, Sizes, holdings, names_of
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window, listed
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.reconciling import Run, reconcile
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome
from cxone_provider.archive.run_report import listed_ids
from tests.fakes.store import FakeStore
from tests.unit.archive.reconciling_cases import NOW, START, entry, log

LAYOUT = ArchiveLayout("archive", "p")
IDS = st.one_of(
    st.sampled_from(["1", "1.1", "1.2", "1.10", "1.1.1", "11", "2", "2.1", "a.b", "~", "A:1", "1-1", "bad id"]),
    st.integers(1, 12).map(str),
)
MOMENTS = st.integers(-30 * 60, 30 * 60).map(lambda minutes: START.add(minutes=minutes))
REFS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "recording_id": IDS,
        "recorded_at": st.one_of(st.none(), MOMENTS.map(lambda moment: moment.to_iso8601_string())),
        "has_media": st.sampled_from([None, True, False]),
    }
)
ENDS = st.sampled_from([end for end in Outcome if end is not Outcome.READY])
ENTRIES = st.lists(st.builds(entry, st.just(0), st.integers(1, 3)), max_size=2).map(tuple)
LOGS = st.builds(log, IDS, ENDS, entries=ENTRIES, entries_omitted=st.integers(0, 1))
# an id, the day its media lies with, its size, and how long before NOW it was committed, in microseconds
STORED = st.tuples(IDS, st.sampled_from([None, START, START.add(days=1)]), st.integers(0, 3), st.integers(0, 3))


@dataclass
class Plain:
    """Everything as it is: each listed id's own dictionary of all that belongs to it."""

    refs: dict[str, Mapping[str, Any]]
    logs: Sequence[AuditLog]
    manifests: Mapping[str, pendulum.DateTime | None]
    media: Mapping[tuple[str, str], int]
    run: Run

    def owner(self, name: str) -> str | None:
        return next((one for one in names_of(name) if one in self.refs), None)

    def recordings(self, owner: str) -> list[str]:
        mine = [name for name in self.manifests if self.owner(name) == owner and name != owner]
        ordered = sorted(mine, key=lambda name: int(name.rpartition(".")[2]))
        return ordered or [owner] * (owner in self.manifests)

    def told(self, owner: str) -> list[AuditLog]:
        return [one for one in self.logs if self.owner(one.recording_id) == owner]

    def ended(self, owner: str) -> Outcome | None:
        """Return the outcome that is furthest from archived; of equals the first."""
        ends = [one.outcome for one in self.told(owner)]
        failed = [end for end in ends if end is Outcome.FAILED]
        others = [end for end in ends if end not in ARCHIVED_OUTCOMES]
        return next(iter([*failed, *others, *ends]), None)

    def known(self, owner: str) -> Outcome | None:
        ref = self.refs[owner]
        if ref.get("malformed"):
            return Outcome.REJECTED
        return Outcome.NO_RECORDING if ref.get("has_media") is False else None

    def start(self, owner: str) -> pendulum.DateTime | None:
        text = self.refs[owner].get("recorded_at")
        parsed = None if text is None else pendulum.parse(text)
        return parsed if isinstance(parsed, pendulum.DateTime) else None

    def day(self, owner: str) -> str:
        start = self.start(owner)
        return self.run.last_day if start is None else start.in_timezone("UTC").to_date_string()

    def size(self, owner: str, recording: str) -> int | None:
        told = [one.total_bytes for one in self.logs if one.recording_id == recording and one.success]
        start = self.start(owner)
        days = ["unknown"] if start is None else [start.to_date_string(), start.add(days=1).to_date_string()]
        found = [self.media[recording, day] for day in days if (recording, day) in self.media]
        return next(iter([*told[-1:], *found]), None)

    def requests(self, owner: str) -> int:
        asked = [one for one in self.told(owner) if one.outcome is not Outcome.ALREADY_ARCHIVED]
        return bool(asked) + sum(
            sum(part.attempts for part in one.entries)
            if one.entries and not one.entries_omitted
            else one.chunks_processed
            for one in asked
        )

    def late(self, owner: str) -> bool:
        committed, since = self.manifests[owner], self.run.started_at
        by_time = since is not None and committed is not None and committed >= since
        return self.day(owner) not in self.run.days and (self.ended(owner) is Outcome.ARCHIVED or by_time)

    def reports(self) -> Iterator[Completeness]:
        for day in sorted({*self.run.days, *map(self.day, self.refs)}):
            yield self._report(day, [name for name in self.refs if self.day(name) == day])

    def _report(self, day: str, names: list[str]) -> Completeness:
        ends = {name: self.ended(name) or self.known(name) for name in names if name not in self.manifests}
        missing = [name for name, end in ends.items() if end is None or end in ARCHIVED_OUTCOMES]
        others = {name: end for name, end in ends.items() if end is not None and name not in missing}
        archived = [name for name in names if name in self.manifests]
        sizes = [self.size(name, one) for name in archived for one in self.recordings(name)]
        told = [name for name in names if self.told(name) and not self.known(name)]
        return Completeness(
            day=day,
            run_id=self.run.run_id,
            generated_at=self.run.now,
            archived=len(archived),
            missing_ids=tuple(missing),
            unproven_ids=tuple(name for name in missing if self.ended(name) in ARCHIVED_OUTCOMES),
            partial_ids=tuple(name for name in missing if self.recordings(name)),
            other_ids={end: tuple(name for name in others if others[name] is end) for end in others.values()},
            late_ids=tuple(name for name in archived if self.late(name)),
            contacts={n: tuple(self.recordings(n)) for n in archived if self.recordings(n) != [n]},
            recordings=len(sizes),
            size_bytes=sum(size for size in sizes if size is not None),
            bytes_unknown=sizes.count(None),
            undated=sum(self.start(name) is None for name in names),
            requests_used=None if names and not told else sum(map(self.requests, told)),
            looked_back=day not in self.run.days,
        )


@given(
    refs=st.lists(REFS, max_size=15),
    logs=st.lists(LOGS, max_size=20),
    stored=st.lists(STORED, max_size=20),
    since=st.one_of(st.none(), st.integers(0, 3)),
)
def test_compact_is_plain(refs: list[Any], logs: list[AuditLog], stored: list[Any], since: int | None) -> None:
    started_at = None if since is None else NOW.subtract(microseconds=since)
    run = Run("run", Window(START, START.add(days=1)), NOW, started_at)
    times: list[pendulum.DateTime] = [NOW]
    store = FakeStore(now=lambda: times[-1])
    media: dict[tuple[str, str], int] = {}
    manifests: dict[str, pendulum.DateTime | None] = {}
    for name, day, size_bytes, before in stored:
        times.append(NOW.subtract(microseconds=before))
        store.put(LAYOUT.media_key(name, day, "mp3"), bytes(size_bytes), ObjectAttributes("audio/mpeg"))
        store.put(LAYOUT.manifest_key(name), b"{}", ObjectAttributes("application/json"))
        media[name, "unknown" if day is None else day.to_date_string()] = size_bytes
        manifests[name] = times[-1]
    documents = list(listed(refs))
    first = dict(reversed(list(zip(listed_ids(documents), documents, strict=True))))
    in_order = {name: first[name] for name in listed_ids(documents)}
    plain = Plain(in_order, logs, manifests, media, run)

    assert reconcile(expectations(iter(documents)), iter(logs), store, LAYOUT, run) == list(plain.reports())
    held = holdings(store, LAYOUT, iter(in_order))
    assert held == {
        name: Holding(name in manifests, plain.recordings(name), manifests.get(name))
        for name in in_order
        if plain.recordings(name)
    }
    assert len(held) == len(list(held))


@given(st.integers(0, 2**33 * 10**6), st.integers(-2, 2))
def test_times_are_told_apart_to_the_microsecond(microseconds: int, later: int) -> None:
    moment = pendulum.datetime(1970, 1, 1) + timedelta(microseconds=microseconds)
    held = Holdings({"a": 0, "b": 1})
    held.add("a", "a", moment)
    held.add("b", "b", None)
    assert [one.committed_at for one in held.values()] == [moment, None]
    assert held.committed_since("a", moment + timedelta(microseconds=later)) is (later <= 0)
    assert not held.committed_since("b", moment)


@given(st.dictionaries(IDS, st.integers(0, 5 * 2**40)), st.lists(IDS, unique=True))
def test_sizes_of_listed_and_of_other_recordings(known: dict[str, int], names: list[str]) -> None:
    sizes = Sizes({name: number for number, name in enumerate(names)})
    sizes.update(known)
    assert {name: sizes.get(name) for name in {*names, *known}} == {name: known.get(name) for name in {*names, *known}}
