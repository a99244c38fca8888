"""Every operator, at the address that DAGs import from."""

from __future__ import annotations

from cxone_provider.operators.estimation import EstimateArchiveOperator
from cxone_provider.operators.listing import ListRecordingsOperator
from cxone_provider.operators.media_download import RequestMediaDownloadOperator
from cxone_provider.operators.notification import NotifyArchiveOperator
from cxone_provider.operators.quality import CheckArchiveRunOperator
from cxone_provider.operators.reconciliation import ReconcileArchiveOperator
from cxone_provider.operators.statistics import MeasureCallsOperator
from cxone_provider.operators.streaming import StreamRecordingToS3Operator
from cxone_provider.operators.validation import ValidateRecordingOperator
from cxone_provider.operators.verification import SweepUploadsOperator, VerifyArchiveOperator

__all__ = [
    "CheckArchiveRunOperator",
    "EstimateArchiveOperator",
    "ListRecordingsOperator",
    "MeasureCallsOperator",
    "NotifyArchiveOperator",
    "ReconcileArchiveOperator",
    "RequestMediaDownloadOperator",
    "StreamRecordingToS3Operator",
    "SweepUploadsOperator",
    "ValidateRecordingOperator",
    "VerifyArchiveOperator",
]
