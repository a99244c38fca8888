"""The recordings of a batch against the policy, in one validation run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pendulum

from cxone_provider.adapters.quality.report import QualityReport
from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.table import Table, text_or_none
from cxone_provider.adapters.quality.validation import report_of
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.policy import TRANSCODE_FORMATS, ArchivePolicy, number_of

TEXT_COLUMNS = ("recording_id", "status", "storage_state", "format", "transcode_to")
NUMBER_COLUMNS = ("size_bytes", "duration_s", "age_s")


def check_recordings(
    rows: Sequence[Mapping[str, Any]],
    policy: ArchivePolicy,
    now: pendulum.DateTime,
    suite: Mapping[str, Any] | str | Path | None = None,
) -> QualityReport:
    """Check every recording of a batch against every rule at once.

    Args:
        rows: one per recording, with the columns of :func:`~cxone_provider.archive.policy.recording_row`: text
            ``recording_id``, ``status``, ``storage_state``, ``format``, ``transcode_to``; numbers ``size_bytes``,
            ``duration_s``, ``age_s``. None is an unknown value.
        policy: its limits are the suite's parameters: ``storage_states``, ``statuses``, ``formats``,
            ``transcode_formats``, ``max_size_bytes``, ``max_duration_s``, ``min_age_s``, and, None without a
            retention, ``max_age_s`` and ``recorded_at_mostly``.
        now: the time that ages are counted from.
        suite: a suite of one's own; None for the shipped one, which agrees with :meth:`ArchivePolicy.evaluate`.

    Raises:
        InvalidSetting: the suite cannot be read or run.
        InvalidDocument: a row lacks a column.
    """
    _check_columns(rows)
    table = Table(
        text={name: [text_or_none(row[name]) for row in rows] for name in TEXT_COLUMNS},
        numbers={name: [number_of(row[name]) for row in rows] for name in NUMBER_COLUMNS},
        items=range(len(rows)),
    )
    return report_of(
        suite_document("recording_metadata", suite),
        [table],
        recording_ids=[str(row["recording_id"]) for row in rows],
        parameters=parameters_of(policy, now),
    )


def parameters_of(policy: ArchivePolicy, now: pendulum.DateTime) -> dict[str, Any]:
    """Return the limits of a policy as suite parameters."""
    return {
        "storage_states": sorted(policy.storage_states),
        "statuses": sorted(policy.statuses),
        "formats": sorted(policy.formats),
        "transcode_formats": sorted(TRANSCODE_FORMATS),
        "max_size_bytes": policy.max_size_bytes,
        "max_duration_s": policy.max_duration_s,
        "max_age_s": policy.max_age_s(now),
        "min_age_s": -policy.clock_tolerance_s,
        "recorded_at_mostly": None if policy.retention is None else 1.0,
    }


def _check_columns(rows: Sequence[Mapping[str, Any]]) -> None:
    for position, row in enumerate(rows):
        missing = [name for name in (*TEXT_COLUMNS, *NUMBER_COLUMNS) if name not in row]
        if missing:
            raise InvalidDocument(
                f"row {position} of the batch lacks columns", found=", ".join(row), expected=", ".join(missing)
            )
