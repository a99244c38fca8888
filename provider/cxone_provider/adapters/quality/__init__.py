"""Data rules of whole batches, as Great Expectations suites that are shipped as files beside this package.

==========================  ===========================  =========================================================
check                       shipped suite                one row of its table is
==========================  ===========================  =========================================================
:func:`check_recordings`    ``recording_metadata.json``  one recording, as its source describes it
:func:`check_plans`         ``segment_plan.json``        one segment of a plan, and one closing row per plan
:func:`check_run`           ``archive_run.json``         one recording's audit log
:func:`check_completeness`  ``completeness.json``        one day, expected against archived
==========================  ===========================  =========================================================

A suite of one's own, a path or an object in Great Expectations' JSON form, takes the place of the shipped one: same
columns, same parameters (``{"$PARAMETER": "max_size_bytes"}``). ``meta.rule`` names the rule in reports, ``meta.limit``
may say the limit in words, ``severity`` decides: only ``critical`` fails. An expectation one of whose parameters is
switched off (None) is left out. A suite is trusted like the DAG that names it.

Great Expectations costs seconds and some 200 MB to import, so it is imported by the first check, never with this
package. Its telemetry and progress bars are off, and nothing is written to disk.
"""

from __future__ import annotations

from cxone_provider.adapters.quality.completeness import check_completeness
from cxone_provider.adapters.quality.data_docs import build_data_docs
from cxone_provider.adapters.quality.plans import check_plans
from cxone_provider.adapters.quality.recordings import check_recordings
from cxone_provider.adapters.quality.report import FailedRule, QualityReport
from cxone_provider.adapters.quality.runs import RunCheck, check_run

__all__ = [
    "FailedRule",
    "QualityReport",
    "RunCheck",
    "build_data_docs",
    "check_completeness",
    "check_plans",
    "check_recordings",
    "check_run",
]
