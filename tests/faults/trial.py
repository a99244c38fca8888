"""One row, played once: broken, archived, judged by what lies in the bucket, and then tried again without the fault."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

import pendulum
from standardwebhooks import Webhook

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verifying import verify_recording
from cxone_provider.simulator import RequestRecord
from tests.faults.bucket import Seen, look
from tests.faults.clock import HurriedClock
from tests.faults.row import RIGHT, Row, Size, Strike, TenantFault
from tests.faults.stage import WEBHOOK_SECRET, Archive, Stage, end_of, name_of_end, seeded
from tests.faults.subject import subject_of
from tests.servers.s3_faults import S3Fault

LONGEST_S = 60.0
_NOTHING_TO_TELL = "nothing to tell"  # of a run that could not begin


@dataclass(frozen=True, slots=True)
class Result:
    """How one trial ended.

    Attributes:
        verdict: ``ok`` right object, ``err`` named error and nothing published, ``BAD`` anything else.
        end: how the archive says the recording ended.
        problems: why it is BAD.
        struck: how often each fault struck.
    """

    row: Row
    size: Size
    server: str
    end: str
    problems: tuple[str, ...]
    struck: Counter[str] = field(compare=False)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """``ok``, ``err`` or ``BAD``."""
        if self.problems:
            return "BAD"
        return "ok" if self.end in RIGHT else "err"


class Trial:
    """One row with one recording on one server.

    Args:
        stage: where.
        row: what is broken.
        size: of the recording.
        seed: of where it is broken.
    """

    def __init__(self, stage: Stage, row: Row, size: Size, seed: int) -> None:
        self._stage = stage
        self._row = row
        self._size = size
        self._id = f"{row.name}.{size.segment_count}"
        self._prefix = f"{self._id}/{uuid4().hex[:8]}"  # a row may be played more than once
        self._subject = subject_of(stage.simulator, row, self._id, size)
        self._archive = Archive(stage, row, self._subject, self._prefix, HurriedClock())
        self._strike = Strike.drawn(size, seeded(seed, row.name, size.name, stage.name))
        self._layout = ArchiveLayout(stage.bucket, self._prefix)

    def run(self) -> Result:
        """Play the row."""
        began_s = time.monotonic()
        self._subject.set_up()
        problems = [*self._first_try()]
        self._break(self._row.tenant, self._row.store)
        end, logs = name_of_end(self._archive)
        announced = self._announce(logs)
        struck = self._stage.struck()
        problems += self._judge(end, announced, struck)
        problems += self._judge_recordings(logs)
        problems += self._heal()
        seconds = time.monotonic() - began_s
        if seconds > LONGEST_S:
            problems.append(f"took {seconds:.0f} s")
        return Result(self._row, self._size, self._stage.name, end, tuple(problems), struck, seconds)

    def _break(self, tenant: Sequence[TenantFault], store: Sequence[S3Fault]) -> None:
        self._subject.break_with([self._strike.resolve(fault) for fault in tenant])
        self._stage.proxy.script.replace(store)

    def _first_try(self) -> Iterator[str]:
        if not self._row.has_earlier_try:
            return
        self._break(self._row.first_tenant, self._row.first_store)
        end, _ = name_of_end(self._archive, tries_left=True)
        if end in RIGHT:
            yield "the earlier try did not fail"
        if self._row.between == "swept":
            for key, upload_id in self._look().uploads.items():
                self._stage.client.abort_multipart_upload(Bucket=self._stage.bucket, Key=key, UploadId=upload_id)

    def _announce(self, logs: Sequence[AuditLog]) -> str:
        if not logs:
            return _NOTHING_TO_TELL
        try:
            self._archive.announce(logs[-1].to_document())
        except ArchiveError as error:
            return type(error).__name__
        return "delivered"

    def _judge(self, end: str, announced: str, struck: Counter[str]) -> Iterator[str]:
        row = self._row
        if row.end != RIGHT and end in RIGHT:
            yield "success was not to be expected"
        elif end not in row.end:
            yield f"ended {end}, not {' or '.join(sorted(row.end))}"
        if announced not in row.announced | {_NOTHING_TO_TELL}:
            yield f"announcement ended {announced}, not {' or '.join(sorted(row.announced))}"
        if (row.tenant or row.store) and not struck:
            yield "no fault struck"
        if row.links.lapse != "never" and not self._refused_links():
            yield "no link had expired"
        yield from self._judge_webhooks(succeeded=end in RIGHT, delivered=announced == "delivered")

    def _refused_links(self) -> int:
        return sum(record.status == HTTPStatus.FORBIDDEN for record in self._medias_asked())

    def _medias_asked(self) -> Sequence[RequestRecord]:
        return [record for record in self._stage.simulator.requests if record.endpoint == "media"]

    def _judge_recordings(self, logs: Sequence[AuditLog]) -> Iterator[str]:
        """Judge what lies in the bucket: of each recording, what its own log says."""
        archived = [
            recording_id for recording_id, log in zip(self._subject.recording_ids, logs, strict=False) if log.success
        ]
        seen = self._look()
        if self._medias_asked() and len(logs) < len(self._subject.recording_ids):
            yield "a recording without an audit log"
        yield from (f"beside the broken recording: {end_of(log)}" for log in logs[:-1] if not log.success)
        yield from self._judge_archived(seen, archived) if archived else self._judge_failed(seen)

    def _judge_archived(self, seen: Seen, recording_ids: Sequence[str]) -> Iterator[str]:
        contents = {recording_id: self._subject.content(recording_id) for recording_id in recording_ids}
        sha256 = {recording_id: hashlib.sha256(content).hexdigest() for recording_id, content in contents.items()}
        if sorted(seen.media.values()) != sorted(sha256.values()):
            yield "wrong bytes at the final key" if seen.media else "nothing at the final key"
        told = {found["recording_id"]: (found["sha256"], found["size_bytes"]) for found in seen.manifests.values()}
        if told != {recording_id: (sha256[recording_id], len(content)) for recording_id, content in contents.items()}:
            yield "the manifests tell of other bytes" if told else "no manifest"
        if seen.uploads:
            yield "an upload is left behind"
        yield from self._judge_contact(seen, complete=set(recording_ids) == set(self._subject.recording_ids))
        yield from self._verifications(recording_ids)

    def _judge_contact(self, seen: Seen, *, complete: bool) -> Iterator[str]:
        if len(self._subject.recording_ids) == 1:
            return
        if bool(seen.contacts) != complete:
            yield "no manifest of the contact" if complete else "a manifest of the contact although one is missing"

    def _verifications(self, recording_ids: Sequence[str]) -> Iterator[str]:
        """Ask the archive's own check as well."""
        with self._archive.opened_store() as store:
            self._stage.proxy.script.replace(())
            for recording_id in recording_ids:
                problem = verify_recording(store, self._layout, recording_id).problem
                if problem is not None:
                    yield problem

    def _judge_failed(self, seen: Seen) -> Iterator[str]:
        left = self._row.left
        if seen.manifests or seen.contacts:
            yield "a manifest although it failed"
        right = [hashlib.sha256(self._subject.content(self._subject.recording_ids[-1])).hexdigest()]
        if left == "media" and list(seen.media.values()) != right:
            yield "the media that waits for its manifest is not the recording"
        if left != "media" and seen.media:
            yield "an object at the final key although it failed"
        if bool(seen.uploads) != (left == "upload"):
            yield "an upload is left behind" if seen.uploads else "the upload that the row leaves is not there"

    def _judge_webhooks(self, *, succeeded: bool, delivered: bool) -> Iterator[str]:
        deliveries = self._stage.simulator.webhooks
        if delivered and not deliveries:
            yield "nothing reached the webhook's receiver"
        if len({delivery.header("webhook-id") for delivery in deliveries}) > 1:
            yield "one event under several webhook ids"
        for delivery in deliveries:
            headers = {name.lower(): value for name, value in delivery.headers}
            told = Webhook(WEBHOOK_SECRET).verify(delivery.body, headers)
            if told["success"] is not succeeded:
                yield "the webhook tells another end"

    def _heal(self) -> Iterator[str]:
        """Try again without the fault: nothing may be lost for good, and nothing of the failure may stay."""
        self._subject.mend()
        self._stage.proxy.script.replace(())
        if self._row.left == "upload":
            yield from self._sweep()
        end, logs = name_of_end(self._archive)
        if end not in RIGHT:
            yield f"the next try, without the fault, ended {end}"
            return
        for problem in self._judge_recordings(logs):
            yield f"after the next try: {problem}"

    def _sweep(self) -> Iterator[str]:
        self._archive.clock.skip(pendulum.duration(days=3).total_seconds())
        with self._archive.opened_store() as store:
            swept = list(sweep_uploads(store, self._layout, self._archive.clock))
        if not swept or any(one.problem for one in swept):
            yield "the sweeper does not remove what is left"

    def _look(self) -> Seen:
        return look(self._stage.client, self._stage.bucket, self._prefix)


def play(stage: Stage, row: Row, size: Size, seed: int) -> Result:
    """Play a row once."""
    return Trial(stage, row, size, seed).run()
