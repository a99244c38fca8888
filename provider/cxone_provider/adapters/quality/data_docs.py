"""Data Docs: validation results as pages that people read."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxone_provider.adapters.quality.report import QualityReport
from cxone_provider.adapters.quality.validation import in_memory_context
from cxone_provider.archive.errors import InvalidSetting, shown

_SITE = "archive"


def build_data_docs(reports: Sequence[QualityReport], directory: str | Path) -> Path:
    """Write a Data Docs site of all reports below `directory` and return its ``index.html``.

    The pages are static; their styles come from content delivery networks, so without the internet they are plain.

    Raises:
        InvalidSetting: the directory cannot be written.
    """
    target = Path(directory).absolute()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSetting("Data Docs cannot be written", found=str(target), hint=shown(str(error))) from error
    context: Any = in_memory_context()
    context.add_data_docs_site(_SITE, _site(target))
    results = [(report.suite, result) for report in reports for result in report.results]
    for number, (suite, result) in enumerate(results):
        _store(context, suite, result, f"batch-{number}")
    context.build_data_docs(site_names=[_SITE])
    return target / "index.html"


def _site(directory: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(directory)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _store(context: Any, suite: str, result: Mapping[str, Any], batch: str) -> None:
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    store = context.validation_results_store
    run = result["meta"]["run_id"]
    identifier = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=suite),
        run_id=RunIdentifier(run_name=run["run_name"], run_time=run["run_time"]),
        batch_identifier=batch,
    )
    store.set(identifier, store.deserialize(_with_values_escaped(result)))


def _with_values_escaped(result: Mapping[str, Any]) -> dict[str, Any]:
    # Great Expectations writes values into its pages as they are, and they are what a source sent
    return {**result, "results": [{**one, "result": _escaped(one["result"])} for one in result["results"]]}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, Mapping):
        return {name: _escaped(inner) for name, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list) else value
