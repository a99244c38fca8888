"""The audit logs of a run: what the quality gate at the end of a DAG looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cxone_provider.adapters.quality.columns import NumberColumn, TextColumn, passing_values
from cxone_provider.adapters.quality.report import QualityReport
from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.table import Table, text_or_none
from cxone_provider.adapters.quality.validation import report_of
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.policy import number_of

_TEXT_FIELDS = ("recording_id", "outcome", "s3_uri", "manifest_uri", "audit_uri", "sha256")
_NUMBER_FIELDS = ("total_bytes", "chunks_processed", "latency_ms")
_TEXT_COLUMNS = (*_TEXT_FIELDS, "success", "error_type")
_NUMBER_COLUMNS = (*_NUMBER_FIELDS, "agreed_bytes", "entry_bytes", "entry_count")


def check_run(
    audit_logs: Iterable[Mapping[str, Any]],
    suite: Mapping[str, Any] | str | Path | None = None,
    *,
    sizes: Mapping[str, int | None] | None = None,
) -> QualityReport:
    """Check the audit logs of a run: bytes agree, digests are well-formed, ids are unique, archived means stored.

    Columns: text ``recording_id``, ``outcome``, ``success`` (``true`` or ``false``), ``s3_uri``, ``manifest_uri``,
    ``audit_uri``, ``sha256``, ``error_type``; numbers ``total_bytes``, ``agreed_bytes`` (from `sizes`),
    ``chunks_processed``, ``latency_ms``, ``entry_bytes`` and ``entry_count`` (of the audit entries, where all of them
    ride along). A FAILED recording is a warning: its own task has told of it, and the rest of the run may stand.

    Args:
        audit_logs: documents of the contract. None at all is not a pass.
        suite: a suite of one's own; None for the shipped one.
        sizes: size in bytes by recording id, from the run's plans or its manifests; unknown ones are None or absent.

    Raises:
        InvalidSetting: the suite cannot be read or run.
        InvalidDocument: an audit log is not an object.
    """
    check = RunCheck(lambda: suite, sizes=sizes)
    for log in audit_logs:
        check.add(log)
    return check.report()


class RunCheck:
    """The check of a run whose audit logs come one by one; of each the cells of a row are held, and no document.

    Args:
        suite: asked at once for a suite of one's own, None for the shipped one; what it or reading the suite raises is
            raised by :meth:`report`.
        sizes: as for :func:`check_run`.
    """

    def __init__(
        self,
        suite: Callable[[], Mapping[str, Any] | str | Path | None] = lambda: None,
        *,
        sizes: Mapping[str, int | None] | None = None,
    ) -> None:
        self._sizes = sizes or {}
        self._suite: dict[str, Any] | InvalidSetting
        try:
            self._suite = suite_document("archive_run", suite())
            passing = passing_values(self._suite, _TEXT_COLUMNS[1:])  # but the id, by which all is told
        except InvalidSetting as error:
            self._suite, passing = error, {}
        self._text = {name: TextColumn(passing.get(name)) for name in _TEXT_COLUMNS}
        self._numbers = {name: NumberColumn() for name in _NUMBER_COLUMNS}

    def add(self, audit_log: object) -> None:
        """Take an audit log's document into account.

        Raises:
            InvalidDocument: it is not an object.
        """
        row = _row(audit_log, self._sizes)
        for name, text in self._text.items():
            text.append(row[name])
        for name, numbers in self._numbers.items():
            numbers.append(row[name])

    def report(self) -> QualityReport:
        """Return what the rules make of all that was added.

        Raises:
            InvalidSetting: the suite cannot be read or run.
        """
        if isinstance(self._suite, InvalidSetting):
            raise self._suite
        text = {name: column.values for name, column in self._text.items()}
        table = Table(text=text, numbers=self._numbers, items=range(len(text["recording_id"])))
        recording_ids = [name or "(no recording_id)" for name in text["recording_id"]]
        return report_of(self._suite, [table], recording_ids=recording_ids)


def _row(log: object, agreed: Mapping[str, int | None]) -> dict[str, Any]:
    """Return one audit log's cells."""
    if not isinstance(log, Mapping):
        raise InvalidDocument("not an audit log", found=log, expected="an object")
    entries = _complete_entries(log)
    return {
        **{name: text_or_none(log.get(name)) for name in _TEXT_FIELDS},
        "success": text_or_none(log.get("success")) and str(log["success"]).lower(),
        "error_type": text_or_none(_error_of(log).get("type")),
        **{name: number_of(log.get(name)) for name in _NUMBER_FIELDS},
        "agreed_bytes": number_of(agreed.get(str(log.get("recording_id")))),
        "entry_bytes": None if entries is None else number_of(_bytes_of(entries)),
        "entry_count": None if entries is None else len(entries),
    }


def _complete_entries(log: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Return the audit entries, or None where they are not, or not all, in the document."""
    entries = log.get("audit_entries")
    if not isinstance(entries, (list, tuple)) or not entries or log.get("audit_entries_omitted"):
        return None
    return [entry if isinstance(entry, Mapping) else {} for entry in entries]


def _bytes_of(entries: Sequence[Mapping[str, Any]]) -> float:
    counts = [number_of(entry.get("bytes_read")) for entry in entries]
    numbers = [count for count in counts if isinstance(count, (int, float))]
    # an entry without a count makes a sum that agrees with no size
    return sum(numbers) if len(numbers) == len(entries) else -1


def _error_of(log: Mapping[str, Any]) -> Mapping[str, Any]:
    error = log.get("error")
    return error if isinstance(error, Mapping) else {}
