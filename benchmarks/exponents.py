"""How figures grow with the day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

STEEPEST = 1.1
FLATTEST = 0.1
# Steps that are a mapped task for each batch: their memory and XCom may not know how long the day is.
MAPPED = ("stream", "plan")
_FROM = 100
# Below these, a figure is the machine's noise.
_LEAST = {"cpu_s": 0.1, "took_s": 0.1, "peak_mib": 4.0, "scheduler_cpu_s": 0.1, "api_cpu_s": 0.1}


def exponent(rows: Sequence[Mapping[str, Any]], what: str, first: int = _FROM) -> float | None:
    """Return how a figure grows from `first` recordings on: 1 is in proportion, 0 not at all; None where nothing tells.

    Args:
        rows: one for each length of the day, the shortest first.
        what: the figure.
        first: shorter days do not count; what every run takes hides there what a recording takes.
    """
    told = [row for row in rows if row["count"] >= first and row.get(what, 0) > _LEAST.get(what, 0)]
    if len(told) < 2:
        return None
    return math.log(told[-1][what] / told[0][what]) / math.log(told[-1]["count"] / told[0]["count"])


def faults(run: Mapping[str, Any]) -> list[str]:
    """Return what grows faster than it may: anything faster than in proportion, or a mapped task's share at all."""
    found = []
    for name, rows in run["steps"].items():
        flat = ("peak_mib", "xcom_largest_bytes") if name in MAPPED else ()
        for what in ("cpu_s", "peak_mib", "cxone_requests", "s3_requests", "xcom_bytes", "xcom_largest_bytes"):
            found += _fault(f"{what} of {name}", exponent(rows, what), FLATTEST if what in flat else STEEPEST)
    # A database grows by pages: below ten batches that is all one sees.
    for what, first in (("scheduler_cpu_s", _FROM), ("tasks", _FROM), ("database_bytes", 10 * _FROM)):
        found += _fault(f"{what} of Airflow", exponent(run["scheduler"], what, first), STEEPEST)
    return found


def _fault(title: str, grown: float | None, most: float) -> list[str]:
    return [f"{title} grows by {grown:.2f}, at most {most}"] if grown is not None and grown > most else []
