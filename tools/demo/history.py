"""A quarter of made-up runs behind the demo's own one, so that pictures of the console have something to show.

Reports alone, written as the operators write them: there is no media behind these days.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pendulum

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.recording import Outcome
from tools.demo.recordings import AGENTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAYS = 89
_WEEKEND = 5
_REQUESTS_A_DAY = 43_200  # 150 in five minutes
_REST = (
    [Outcome.NO_RECORDING] * 6 + [Outcome.REJECTED] * 2 + [Outcome.IN_COLD_STORAGE] + [Outcome.ALREADY_ARCHIVED] * 40
)


def write_history(s3: S3Client, layout: ArchiveLayout, today: pendulum.Date) -> None:
    """Write the reports of the days before `today`; the same for the same day."""
    for back in range(1, DAYS + 1):
        day = today.subtract(days=back)
        dice = random.Random(day.to_date_string())  # noqa: S311  # a picture's, not a secret's
        logs = _logs(day, dice)
        body = "".join(f"{json.dumps(log.to_document(with_entries=False), sort_keys=True)}\n" for log in logs)
        run_id = f"scheduled__{day.to_date_string()}T00:00:00+00:00"
        s3.put_object(Bucket=layout.bucket, Key=layout.run_key(day, run_id), Body=body.encode())
        report = json.dumps(_completeness(day, logs, dice)).encode()
        s3.put_object(
            Bucket=layout.bucket, Key=f"{layout.runs_prefix()}date={day.to_date_string()}/reconcile-1.json", Body=report
        )


def _logs(day: pendulum.Date, dice: random.Random) -> list[AuditLog]:
    count = dice.randint(8, 25) if day.weekday() >= _WEEKEND else dice.randint(70, 150)
    return [_log(day, number, dice) for number in range(count)]


def _log(day: pendulum.Date, number: int, dice: random.Random) -> AuditLog:
    began = pendulum.datetime(day.year, day.month, day.day, 3, 0, number % 60)
    recording_id = f"{day.format('YYMMDD')}-{number:04}-{dice.getrandbits(32):08x}"
    known: dict[str, Any] = {
        "started_at": began,
        "finished_at": began.add(seconds=2),
        "recorded_at": began.subtract(hours=dice.randint(7, 18)),
        "agent": dice.choice(AGENTS),
    }
    outcome = Outcome.ARCHIVED if dice.random() < 0.9 else dice.choice(_REST)  # nine in ten
    if dice.random() < 0.0006:  # a bad day now and then
        error = AuditError("ShortBody", "the body ended early: found 131072, expected 262144", retryable=True)
        return AuditLog(recording_id, Outcome.FAILED, error=error, attempts=5, **known)
    if outcome is Outcome.REJECTED:
        error = AuditError("Rejected", "max_duration_s: found 5400, limit 3600")
        return AuditLog(recording_id, outcome, error=error, **known)
    if outcome not in {Outcome.ARCHIVED, Outcome.ALREADY_ARCHIVED}:
        return AuditLog(recording_id, outcome, **known)
    size_bytes = int(dice.lognormvariate(14.6, 0.8))
    uri = f"s3://archive/cxone/recordings/date={day.subtract(days=1).to_date_string()}/{recording_id}.wav"
    return AuditLog(
        recording_id, outcome, s3_uri=uri, total_bytes=size_bytes, chunks_processed=1, format="wav",
        duration_s=size_bytes / 32_000, latency_ms=size_bytes / dice.uniform(4_000, 14_000), attempts=1, **known,
    )  # fmt: skip


def _completeness(day: pendulum.Date, logs: list[AuditLog], dice: random.Random) -> dict[str, Any]:
    missing = [f"{day.format('YYMMDD')}-late-{n}" for n in range(2)] if dice.random() < 0.04 else []  # rare
    used = min(_REQUESTS_A_DAY, int(len(logs) * dice.uniform(240, 300)))
    return {
        "schema": "cxone.completeness/1", "day": day.to_date_string(), "expected": len(logs) + len(missing),
        "archived": sum(log.success for log in logs), "missing": missing, "requests_used": used,
        "requests_allowed": _REQUESTS_A_DAY,
    }  # fmt: skip
