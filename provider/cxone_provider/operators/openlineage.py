"""Audit logs as OpenLineage tells them. Imported only when the OpenLineage provider asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import attrs
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    dataset_type_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.lineage import DayLineage, lineage_of, source_namespace

FACET = "cxone_recordings"
FACET_SCHEMA = (
    "https://raw.githubusercontent.com/airflow-provider-cxone/airflow-provider-cxone/main/docs/lineage/"
    "1-0-0/CXoneRecordingsDatasetFacet.json#/$defs/CXoneRecordingsDatasetFacet"
)


@attrs.define(kw_only=True)
class CXoneRecordingsDatasetFacet(DatasetFacet):
    """The rows of a day's folder, as the task that reports them knows it.

    Attributes:
        row: what a row is.
        archived: recordings that this try moved.
        alreadyArchived: recordings that were there before it.
        sizeBytes: bytes of all of them.
        digest: ``sha256:`` over the digests and addresses of all of them.
        recordings: the first of them, one by one.
        recordingsOmitted: how many more there are.
    """

    row: str = "recording"
    archived: int
    alreadyArchived: int  # noqa: N815  # the spec's way to write names
    sizeBytes: int  # noqa: N815  # the spec's way to write names
    digest: str
    recordings: list[dict[str, Any]]
    recordingsOmitted: int  # noqa: N815  # the spec's way to write names

    # Airflow's redaction is for what users typed; digests and ids here are what the facet is for.
    _additional_skip_redact: ClassVar[list[str]] = ["row", "digest"]

    @staticmethod
    def _get_schema() -> str:
        return FACET_SCHEMA


def lineage_facets(logs: Iterable[AuditLog], base_url: str) -> OperatorLineage[Dataset, Any]:
    """Return from which days of a tenant to which folders recordings went.

    Args:
        logs: how they ended; what is not archived is no lineage.
        base_url: the tenant's.
    """
    namespace = source_namespace(base_url)
    lineage: OperatorLineage[Dataset, Any] = OperatorLineage()
    for day in lineage_of(logs):
        lineage.inputs.append(_input_of(day, namespace))
        lineage.outputs.append(_output_of(day))
    return lineage


def _input_of(day: DayLineage, namespace: str) -> InputDataset:
    count, size_bytes = len(day.moved), _size_bytes(day.moved)
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(count, size_bytes, count)
    return InputDataset(
        namespace=namespace,
        name=day.source_name,
        facets={"datasetType": _type()},
        inputFacets={"inputStatistics": statistics},
    )


def _output_of(day: DayLineage) -> OutputDataset:
    count, size_bytes = len(day.moved), _size_bytes(day.moved)
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(count, size_bytes, count)
    return OutputDataset(
        namespace=f"s3://{day.bucket}",
        name=day.folder,
        facets={"datasetType": _type(), FACET: _facet_of(day)},
        outputFacets={"outputStatistics": statistics},
    )


def _type() -> DatasetFacet:
    return dataset_type_dataset.DatasetTypeDatasetFacet("FILE", "CALL_RECORDINGS")


def _facet_of(day: DayLineage) -> CXoneRecordingsDatasetFacet:
    rows = day.rows()
    return CXoneRecordingsDatasetFacet(
        archived=len(day.moved),
        alreadyArchived=len(day.logs) - len(day.moved),
        sizeBytes=_size_bytes(day.logs),
        digest=f"sha256:{day.digest}",
        recordings=rows,
        recordingsOmitted=len(day.logs) - len(rows),
    )


def _size_bytes(logs: Iterable[AuditLog]) -> int:
    return sum(log.total_bytes for log in logs)
