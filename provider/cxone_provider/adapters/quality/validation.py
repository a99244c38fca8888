"""Running one suite over tables with Great Expectations, and reading what broke."""

from __future__ import annotations

import gc
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cxone_provider.adapters.quality.report import CRITICAL, Finding, QualityReport
from cxone_provider.adapters.quality.suite import expectations_of, rule_of
from cxone_provider.adapters.quality.table import Table, plain
from cxone_provider.archive.errors import InvalidSetting, shown
from cxone_provider.archive.plan import Reason

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.core.validation_definition import ValidationDefinition
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext

# COMPLETE tells every row; the query that would find them again is as long as the rows are many
_RESULT_FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
_LONG_LISTS = ("unexpected_list", "unexpected_index_list")


@dataclass(frozen=True, slots=True)
class _Validated:
    findings: Sequence[Finding]
    rules: int
    rows: int
    result: Mapping[str, Any]


def great_expectations() -> ModuleType:
    """Return the library, imported at the first call of the process: seconds and some 200 MB."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    log = logging.getLogger("great_expectations")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)  # its import alone writes hundreds of lines into a task's log
    with warnings.catch_warnings(), _without_collections():
        # its imports use deprecated modules of the standard library; nobody here can act on that
        warnings.simplefilter("ignore")
        import great_expectations as gx
    return gx


@contextmanager
def _without_collections() -> Iterator[None]:
    """Leave garbage collection out: an import makes a third of a million objects to stay, looked at again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def in_memory_context() -> EphemeralDataContext:
    """Return a context of its own for one check: no folder, no Data Docs site, no progress bars."""
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context: EphemeralDataContext = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    return context


def report_of(
    document: Mapping[str, Any],
    tables: Iterable[Table],
    *,
    recording_ids: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
) -> QualityReport:
    """Run the suite over every table and return one report; at least one table must come.

    Raises:
        InvalidSetting: Great Expectations cannot run the suite: an unknown expectation, argument, column or parameter.
    """
    runs = list(_validations(document, tables, parameters or {}))
    findings = [found for run in runs for found in run.findings]
    return QualityReport(
        suite=document["name"],
        success=not any(found.severity == CRITICAL for found in findings),
        recording_ids=recording_ids,
        findings=findings,
        statistics={
            "recordings": len(recording_ids),
            "rows": sum(run.rows for run in runs),
            "rules": max(run.rules for run in runs),
            "broken_rules": len({found.reason.rule for found in findings}),
        },
        results=[run.result for run in runs],
    )


def _validations(
    document: Mapping[str, Any], tables: Iterable[Table], parameters: Mapping[str, Any]
) -> Iterator[_Validated]:
    configurations = expectations_of(document, parameters)
    order = {rule_of(configuration): number for number, configuration in enumerate(configurations)}
    definition = _definition(document["name"], configurations)
    for table in tables:
        result = _run(definition, table, parameters)
        # Great Expectations groups results by column; the suite's order is the one people wrote
        results = sorted(result.results, key=lambda one: order.get(_rule(one), len(order)))
        findings = [found for one in results for found in _findings(one, table)]
        yield _Validated(findings, len(configurations), len(table.items), _kept(result))


def _definition(name: str, configurations: Sequence[Mapping[str, Any]]) -> ValidationDefinition:
    gx = great_expectations()
    context = in_memory_context()
    asset = context.data_sources.add_pandas("cxone").add_dataframe_asset(name)
    suite = gx.ExpectationSuite(name=name, expectations=[_expectation(one) for one in configurations])
    batch = asset.add_batch_definition_whole_dataframe("batch")
    definition: ValidationDefinition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
    )
    return definition


def _expectation(configuration: Mapping[str, Any]) -> Any:
    # built one by one: a suite logs and drops an expectation that it cannot make, and a dropped rule would pass
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        return ExpectationConfiguration(**configuration).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise InvalidSetting(
            f"unusable expectation {rule_of(configuration)}", found=dict(configuration), hint=shown(str(error))
        ) from error


def _run(
    definition: ValidationDefinition, table: Table, parameters: Mapping[str, Any]
) -> ExpectationSuiteValidationResult:
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    try:
        return definition.run(
            batch_parameters={"dataframe": table.frame()},
            expectation_parameters=dict(parameters),
            result_format=_RESULT_FORMAT,
        )
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise InvalidSetting(
            f"suite {shown(definition.name)} cannot be run",
            expected=f"parameters out of: {', '.join(sorted(parameters)) or 'none'}",
            hint=shown(str(error)),
        ) from error


def _findings(result: ExpectationValidationResult, table: Table) -> Iterator[Finding]:
    _check_ran(result, table)
    if result.success:
        return
    severity = _severity(result)
    rows = result.result.get("unexpected_index_list") or ()
    for row in rows:
        yield Finding(table.items[row], severity, _row_reason(result, table, row))
    if not rows:
        yield Finding(None, severity, Reason(_rule(result), plain(result.result.get("observed_value")), _limit(result)))


def _check_ran(result: ExpectationValidationResult, table: Table) -> None:
    raised = [info for info in _exceptions(result.exception_info) if info.get("raised_exception")]
    if raised:
        raise InvalidSetting(
            f"expectation {_rule(result)} cannot be evaluated",
            expected=f"columns out of: {', '.join((*table.text, *table.numbers))}",
            hint=shown(str(raised[0].get("exception_message"))),
        )


def _exceptions(info: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    # one object, or one per metric
    given = info or {}
    return [given] if "raised_exception" in given else [one for one in given.values() if isinstance(one, Mapping)]


def _row_reason(result: ExpectationValidationResult, table: Table, row: int) -> Reason:
    kwargs, meta = _configuration(result)
    pair = [kwargs[name] for name in ("column_A", "column_B") if name in kwargs]
    if len(pair) == 2:
        shown_column = meta.get("value_column", pair[0])
        other = pair[0] if shown_column == pair[1] else pair[1]
        return Reason(_rule(result), table.value(shown_column, row), table.value(other, row))
    columns = [kwargs["column"]] if "column" in kwargs else list(kwargs.get("column_list", ()))
    values = [table.value(column, row) for column in columns]
    return Reason(_rule(result), values[0] if len(values) == 1 else ", ".join(map(str, values)), _limit(result))


def _limit(result: ExpectationValidationResult) -> Any:
    """Return what an expectation's arguments allow, as people and dashboards read it."""
    kwargs, meta = _configuration(result)
    if isinstance(meta.get("limit"), str):
        return shown(meta["limit"])
    least, most = plain(kwargs.get("min_value")), plain(kwargs.get("max_value"))
    if least is not None and most is not None:
        return f"{least} to {most}"
    if least is not None:
        return f"> {least}" if kwargs.get("strict_min") else least
    if most is not None:
        return f"< {most}" if kwargs.get("strict_max") else most
    for name in ("value_set", "regex"):
        if name in kwargs:
            value = kwargs[name]
            return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    own = {name: value for name, value in kwargs.items() if not name.startswith(("column", "batch_id", "row_"))}
    return ", ".join(f"{name} {value}" for name, value in own.items()) or _type(result)


def _configuration(result: ExpectationValidationResult) -> tuple[dict[str, Any], dict[str, Any]]:
    configuration: Any = result.expectation_config  # set in every result of a run
    return configuration.kwargs, configuration.meta or {}


def _rule(result: ExpectationValidationResult) -> str:
    kwargs, meta = _configuration(result)
    return rule_of({"type": _type(result), "kwargs": kwargs, "meta": meta})


def _type(result: ExpectationValidationResult) -> str:
    configuration: Any = result.expectation_config
    return str(configuration.type)


def _severity(result: ExpectationValidationResult) -> str:
    configuration: Any = result.expectation_config
    return str(configuration.severity.value)


def _kept(result: ExpectationSuiteValidationResult) -> dict[str, Any]:
    for one in result.results:
        for name in _LONG_LISTS:
            one.result.pop(name, None)
    document: dict[str, Any] = plain(result.to_json_dict())  # type: ignore[no-untyped-call]  # the library's
    return document
