"""Data of the overview and of a day. Annotations are values here: FastAPI reads the ones that name a right."""

from collections.abc import Sequence
from typing import Annotated, Any

import pendulum
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from cxone_provider.archive.audit import agent_of
from cxone_provider.archive.manifest import Manifest
from cxone_provider.archive.recording import Outcome
from cxone_provider.console.access import user_id
from cxone_provider.console.days import RANKED, Attention, DaySummary, Ranked
from cxone_provider.console.event_log import EXPORTED
from cxone_provider.console.origins import context_of
from cxone_provider.console.reading import ArchiveReader, Row, parse_day
from cxone_provider.console.services import Services
from cxone_provider.console.table import DAMAGED, Selection, csv_lines, outcomes_of, row_document

_CANDIDATES = 60


def days_router(services: Services) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api")
    access = services.access

    @router.get("/overview")
    def overview(first: str, last: str) -> JSONResponse:
        days = services.archive.reader.summaries(parse_day(first), parse_day(last))
        return JSONResponse({"days": [day.to_document() for day in days]})

    @router.get("/standouts")
    def standouts(
        request: Request, user: Annotated[BaseUser, Depends(access.to_look)], first: str, last: str
    ) -> JSONResponse:
        days = services.archive.reader.summaries(parse_day(first), parse_day(last))
        return JSONResponse(standouts_document(services, request, user, days))

    @router.get("/day")
    def day(
        request: Request,
        user: Annotated[BaseUser, Depends(access.to_look)],
        selection: Annotated[Selection, Depends(_selection)],
        day: str,
    ) -> JSONResponse:
        rows = visible_rows(services, request, user, day)
        return JSONResponse(day_document(services.archive.reader, rows, selection, parse_day(day)))

    @router.get("/day.csv")
    def day_csv(
        request: Request,
        user: Annotated[BaseUser, Depends(access.to_look)],
        selection: Annotated[Selection, Depends(_selection)],
        day: str,
    ) -> StreamingResponse:
        rows = selection.chosen(visible_rows(services, request, user, day)[0])
        services.events.record(EXPORTED, user_id(user), {"day": parse_day(day).to_date_string(), "rows": len(rows)})
        named = f'attachment; filename="recordings-{parse_day(day).to_date_string()}.csv"'
        return StreamingResponse(
            csv_lines(rows), media_type="text/csv; charset=utf-8", headers={"Content-Disposition": named}
        )

    return router


def _selection(
    q: Annotated[str, Query(max_length=200)] = "",
    outcome: Annotated[str, Query(max_length=40)] = "",
    sort: str = "finished_at",
    order: str = "asc",
    page: int = 1,
    size: int = 50,
) -> Selection:
    return Selection(q, outcome, sort, order == "desc", page, size)


def standouts_document(
    services: Services, request: Request, user: BaseUser, days: Sequence[DaySummary]
) -> dict[str, Any]:
    """Return what a person should look at, and what was largest and slowest: of runs that the user may see."""
    attention = _candidates(days)
    ranked = {name: _top(days, name) for name in ("slowest", "largest")}
    named = {one.run for one in attention} | {one.run for _, one in ranked["slowest"] + ranked["largest"]}
    samples = {run: sample for day in days for run, sample in day.runs.items() if run in named}
    dags = services.origins.dag_ids(services.archive.reader, samples)
    hidden = {
        run for run, dag_id in dags.items() if not services.access.may_see_runs_of(request, user, dag_id)
    }  # fmt: skip
    checks = services.access.may_see_runs_of(request, user, services.settings.verify_dag_id)
    seen = [one for one in attention if (checks if one.kind == DAMAGED else one.run not in hidden)]
    archived = services.archive.reader.archived([one.recording_id for one in seen if one.kind != DAMAGED])
    standing = [one for one in seen if one.kind == DAMAGED or one.recording_id not in archived]
    return {
        "attention": [one.to_document() for one in standing],
        "all_shown": len(attention) < _CANDIDATES,
        **{
            name: [_ranked_document(day, one) for day, one in top if one.run not in hidden]
            for name, top in ranked.items()
        },
    }


def _candidates(days: Sequence[DaySummary]) -> list[Attention]:
    """Return the newest that a person should look at, each recording once."""
    found: dict[tuple[str, bool], Attention] = {}
    for day in reversed(days):
        for one in day.attention:
            found.setdefault((one.recording_id, one.kind == DAMAGED), one)
    return list(found.values())[:_CANDIDATES]


def _top(days: Sequence[DaySummary], what: str) -> list[tuple[str, Ranked]]:
    """Return the highest of all days, each with its day, the highest first."""
    name = {"slowest": "latency_ms", "largest": "total_bytes"}[what]
    found: list[tuple[str, Ranked]] = [(day.day, one) for day in days for one in getattr(day, what)]
    return sorted(found, key=lambda entry: getattr(entry[1].line, name), reverse=True)[:RANKED]


def _ranked_document(day: str, one: Ranked) -> dict[str, Any]:
    line = one.line
    return {
        "recording_id": line.recording_id,
        "bytes": line.total_bytes,
        "latency_ms": line.latency_ms,
        "duration_s": line.duration_s,
        "day": day,
    }


def visible_rows(
    services: Services, request: Request, user: BaseUser, day: str
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows of those runs that the user may see, and those runs."""
    rows = services.archive.reader.rows(parse_day(day))
    samples: dict[str, str | None] = {}
    for line, file in rows:
        samples[file.name] = samples.get(file.name) or (line.recording_id if line.outcome == Outcome.ARCHIVED else None)
    checks = {file.name for line, file in rows if line.tells_a_check}
    dags = services.origins.dag_ids(services.archive.reader, samples)
    runs = [_run(services, name, name in checks, dags[name]) for name in samples]
    seen = [run for run in runs if services.access.may_see_runs_of(request, user, run["dag_id"])]
    names = {run["name"] for run in seen}
    return [row for row in rows if row[1].name in names], seen


def _run(services: Services, name: str, checked: bool, dag_id: str) -> dict[str, Any]:  # noqa: FBT001  # two kinds of runs
    if checked:
        run_id, _, task_id = name.rpartition(".")
        return {"name": name, "dag_id": services.settings.verify_dag_id, "run_id": run_id, "task_id": task_id}
    return {"name": name, "dag_id": dag_id, "run_id": name, "task_id": None}


def day_document(
    reader: ArchiveReader, found: tuple[list[Row], list[dict[str, Any]]], selection: Selection, day: pendulum.Date
) -> dict[str, Any]:
    """Return one page of a day's rows, and the day's counts."""
    rows, runs = found
    chosen = selection.chosen(rows)
    page = selection.page_of(chosen)
    manifests = reader.manifests([line.recording_id for line, _ in page if line.s3_uri])
    told = reader.completeness(day)
    return {
        "day": day.to_date_string(),
        "rows": [_enriched(row, manifests.get(row[0].recording_id)) for row in page],
        "found": len(chosen),
        "all": len(rows),
        "page": selection.page,
        "pages": max(1, -(-len(chosen) // selection.page_size)),
        "outcomes": dict(outcomes_of(rows)),
        "runs": runs,
        "expected": None if told is None else told.expected,
        "missing": None if told is None else told.missing,
        "missing_ids": [] if told is None else list(told.missing_ids),
    }


def _enriched(row: Row, manifest: Manifest | None) -> dict[str, Any]:
    """Return a row with what only the manifest knows: the task that archived it, and what older reports leave out."""
    document = row_document(row)
    if manifest is None:
        return {**document, "task": None}
    context = context_of(manifest)
    return {
        **document,
        "agent": document["agent"] or agent_of(manifest.metadata),
        "recorded_at": document["recorded_at"] or manifest.plan.get("recorded_at"),
        "task": context or None,
    }
