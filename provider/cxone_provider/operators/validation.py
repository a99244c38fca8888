"""From recordings to segment plans, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, conf

from cxone_provider.archive.audio import canonical_format
from cxone_provider.archive.contact import read_archived
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES, checked_segment_size
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import RecordingSource
from cxone_provider.archive.recording import iso
from cxone_provider.archive.validating import (
    DEFAULT_READERS,
    Checks,
    Validation,
    ValidationSettings,
    validate_recordings,
)
from cxone_provider.archive.waiting import (
    POLL_INTERVAL_S,
    StorageWait,
    StorageWatch,
    parse_wait_s,
    wait_for_storage,
)
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import Results
from cxone_provider.operators.running import TRIGGERER_GRACE_S, KillableOperator, share_of, some_of
from cxone_provider.operators.verdicts import Verdict, cold_in, is_refused_for_good, tell

ON_REJECTED = ("fail", "report")


class ValidateRecordingOperator(KillableOperator):
    """Ask the tenant what it says of each recording, check the batch's data rules, return one plan per recording.

    Every broken rule is named, with value and limit. With `s3_bucket`, recordings and contacts whose manifest is
    there cost one request to S3 and none to CXone.

    Several batches are validated one after another; the plans of each lie in an XCom of its own, and what is returned
    says where.

    Args:
        recordings: ids or refs: one, a list of them, or JSON text of it.
        audio_format: ``mp3``, ``wav``, ``mp4``, or None for the native one.
        max_duration_s: longest recording; 3600 where nothing is given.
        max_size_bytes: largest native media.
        segment_size_bytes: size of every segment but the last, 1 byte to 512 MiB.
        retention: oldest recording: days, or ISO 8601 such as ``P7Y``; None for no limit.
        on_rejected: ``fail`` ends the task without another try when a recording cannot be archived; ``report``
            carries each outcome on.
        s3_bucket: bucket of the archive, to find what is archived already; None to leave that to the stream task.
        s3_prefix: path of the archive in it.
        replace: plan also what is archived.
        wait_for_storage: how long to wait for archived or pending media, all of them together: a duration,
            seconds, ISO 8601 such as ``PT2H``, or True for 6 hours; None for not at all. What still waits then ends
            IN_COLD_STORAGE.
        deferrable: wait in the triggerer instead of in a worker; by default as ``[operators] default_deferrable`` says.
        recording_suite: Great Expectations suite in place of the shipped one: a path, or its JSON object.
        plan_suite: the same for segment plans.
        aws_conn_id: connection of the Amazon provider.
        cxone_conn_id: connection to the tenant.
    """

    template_fields: Sequence[str] = (
        "recordings",
        "audio_format",
        "max_duration_s",
        "max_size_bytes",
        "segment_size_bytes",
        "retention",
        "on_rejected",
        "s3_bucket",
        "s3_prefix",
        "replace",
        "wait_for_storage",
        "deferrable",
        "recording_suite",
        "plan_suite",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "recordings": "json",
        "recording_suite": "json",
        "plan_suite": "json",
    }
    ui_color = "#fff2cc"

    def __init__(
        self,
        *,
        recordings: Any,
        audio_format: str | None = None,
        max_duration_s: float | str | None = None,
        max_size_bytes: int | str | None = None,
        segment_size_bytes: int | str = DEFAULT_SEGMENT_SIZE_BYTES,
        retention: Any = None,
        on_rejected: str = "fail",
        s3_bucket: str | None = None,
        s3_prefix: str = "cxone",
        replace: bool | str = False,
        wait_for_storage: Any = None,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        recording_suite: Any = None,
        plan_suite: Any = None,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recordings = recordings
        self.audio_format = audio_format
        self.max_duration_s = max_duration_s
        self.max_size_bytes = max_size_bytes
        self.segment_size_bytes = segment_size_bytes
        self.retention = retention
        self.on_rejected = on_rejected
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.replace = replace
        self.wait_for_storage = wait_for_storage
        self.deferrable = deferrable
        self.recording_suite = recording_suite
        self.plan_suite = plan_suite
        self.aws_conn_id = aws_conn_id
        self.cxone_conn_id = cxone_conn_id

    @cached_property
    def hook(self) -> CXoneHook:
        """The tenant's hook; waits inside it end with the task."""
        return CXoneHook(self.cxone_conn_id, cancelled=self.cancelled)

    def execute(self, context: Context) -> list[Any]:
        """Return one segment plan per recording; of several batches, where those of each lie."""
        with self.work():
            return self._planned(context, parse_wait_s(self.wait_for_storage), {})

    def execute_complete(self, context: Context, event: Any = None, told: Any = None) -> list[Any]:
        """Go on when the trigger has fired: ask again for the batches that waited, and wait no more.

        Args:
            context: of the task.
            event: what the trigger sent.
            told: number and result of each batch that did not wait; without them, as in `airflow dags test`, all of
                the batches are asked for again.
        """
        with self.work():
            self.log.info("%s", StorageWait.from_document(event))
            return self._planned(context, None, dict(told or ()))

    def _planned(self, context: Context, wait_s: float | None, told: dict[int, Any]) -> list[Any]:
        on_rejected = rendered.choice(self.on_rejected, "on_rejected", ON_REJECTED)
        results = Results(share_of(self.recordings, "recordings", context), told)
        verdict = Verdict(plans=sum(place["count"] for place in told.values()))
        with closing(self.hook.get_conn()) as source:
            held = self._validate(results, verdict, source, holds=wait_s is not None)
            cold = [recording_id for validation in held.values() for recording_id in cold_in(validation)]
            is_refused = bool(verdict.ended) or is_refused_for_good(held.values())
            if wait_s is not None and cold and not (on_rejected == "fail" and is_refused):
                self._wait(cold, wait_s, source, results)
                held = self._validate(results, verdict, source, holds=False)
            for number, validation in held.items():
                self._settle(number, validation, results, verdict)
        verdict.check(on_rejected, context)
        return results.returned

    def _validate(
        self, results: Results, verdict: Verdict, source: RecordingSource, *, holds: bool
    ) -> dict[int, Validation]:
        """Validate the batches that have no result yet; where `holds`, return those that waiting can change."""
        held = {}
        for number in results.open:
            validation = self._validated(results.share.batch(number), source)
            if holds and (validation.passing or cold_in(validation)):
                held[number] = validation
            else:
                self._settle(number, validation, results, verdict)
        return held

    def _settle(self, number: int, validation: Validation, results: Results, verdict: Verdict) -> None:
        tell(validation)
        verdict.add(validation)
        results.add(number, [plan.to_document() for plan in validation.plans])

    def _validated(self, documents: Sequence[Any], source: RecordingSource) -> Validation:
        return validate_recordings(
            documents,
            source=source,
            clock=self.clock,
            settings=self._settings(),
            checks=self._checks(),
            archived=self._archived(),
            cancelled=self.cancelled,
        )

    def _wait(self, recording_ids: Sequence[str], wait_s: float, source: RecordingSource, results: Results) -> None:
        """Wait here, or leave the worker: then this raises what Airflow defers a task by."""
        deadline_at = self.clock.now().add(seconds=wait_s)
        end = str(iso(deadline_at))
        self.log.info("Waiting until %s for %d recordings: %s", end, len(recording_ids), some_of(recording_ids))
        if not rendered.flag(self.deferrable, "deferrable"):
            watch = StorageWatch(recording_ids, deadline_at, POLL_INTERVAL_S)
            self.log.info("%s", wait_for_storage(watch, source, self.clock, self.cancelled))
            return
        from cxone_provider.triggers.storage import StorageStateTrigger

        conn_id = rendered.text(self.cxone_conn_id, "cxone_conn_id")
        self.defer(
            trigger=StorageStateTrigger(conn_id, recording_ids, end, POLL_INTERVAL_S),
            method_name="execute_complete",
            kwargs={"told": [[number, place] for number, place in results.told.items()]},
            timeout=wait_s + TRIGGERER_GRACE_S,
        )

    def _settings(self) -> ValidationSettings:
        audio_format = rendered.optional_text(self.audio_format, "audio_format")
        return ValidationSettings(
            policy=ArchivePolicy.from_settings(
                max_duration_s=rendered.given(self.max_duration_s),
                max_size_bytes=rendered.given(self.max_size_bytes),
                retention=rendered.given(self.retention),
            ),
            audio_format=None if audio_format is None else canonical_format(audio_format),
            segment_size_bytes=checked_segment_size(self.segment_size_bytes),
        )

    def _checks(self) -> Checks:
        from cxone_provider.adapters.quality import check_plans, check_recordings

        return Checks(
            recordings=partial(
                check_recordings, suite=rendered.text_or_mapping(self.recording_suite, "recording_suite")
            ),
            plans=partial(check_plans, suite=rendered.text_or_mapping(self.plan_suite, "plan_suite")),
        )

    def _archived(self) -> Callable[[str], bool] | None:
        bucket = rendered.optional_text(self.s3_bucket, "s3_bucket")
        if bucket is None or rendered.flag(self.replace, "replace"):
            return None
        layout = ArchiveLayout(bucket, rendered.optional_text(self.s3_prefix, "s3_prefix") or "")
        reached = archive_bucket(
            bucket, aws_conn_id=rendered.given(self.aws_conn_id), concurrency=DEFAULT_READERS, clock=self.clock
        )
        return lambda archived_id: read_archived(reached.store, layout, archived_id) is not None
