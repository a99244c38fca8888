"""Data of the overview and of a day. Annotations are values here: FastAPI reads the ones that name a right."""

from typing import Annotated, Any

import pendulum
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from cxone_provider.archive.manifest import Manifest
from cxone_provider.console.access import user_id
from cxone_provider.console.days import RANKED, Attention, DaySummary
from cxone_provider.console.event_log import EXPORTED
from cxone_provider.console.reading import ArchiveReader, Row, parse_day
from cxone_provider.console.run_lines import RunLine
from cxone_provider.console.services import Services
from cxone_provider.console.table import Selection, csv_lines, outcomes_of, row_document

_CANDIDATES = 60


def days_router(services: Services) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api")
    access = services.access

    @router.get("/overview")
    def overview(first: str, last: str) -> JSONResponse:
        return JSONResponse(overview_document(services.archive.reader, first, last))

    @router.get("/attention")
    def attention(first: str, last: str) -> JSONResponse:
        return JSONResponse(attention_document(services.archive.reader, first, last))

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


def overview_document(reader: ArchiveReader, first: str, last: str) -> dict[str, Any]:
    """Return the days, and what stands out of them."""
    days = reader.summaries(parse_day(first), parse_day(last))
    return {
        "days": [day.to_document() for day in days],
        "slowest": _top(days, "slowest"),
        "largest": _top(days, "largest"),
    }


def attention_document(reader: ArchiveReader, first: str, last: str) -> dict[str, Any]:
    """Return the newest recordings that a person should look at; what a later run archived is left out."""
    days = reader.summaries(parse_day(first), parse_day(last))
    found: dict[tuple[str, bool], Attention] = {}
    for day in reversed(days):
        for one in day.attention:
            found.setdefault((one.recording_id, one.kind == "DAMAGED"), one)
    candidates = list(found.values())[:_CANDIDATES]
    archived = reader.archived([one.recording_id for one in candidates if one.kind != "DAMAGED"])
    standing = [one for one in candidates if one.kind == "DAMAGED" or one.recording_id not in archived]
    return {"items": [one.to_document() for one in standing], "all_shown": len(found) <= _CANDIDATES}


def _top(days: Any, what: str) -> list[dict[str, Any]]:
    """Return the highest of all days, the highest first."""
    name = {"slowest": "latency_ms", "largest": "total_bytes"}[what]
    lines: list[tuple[float, RunLine, DaySummary]] = [
        (getattr(line, name), line, day) for day in days for line in getattr(day, what)
    ]
    lines.sort(key=lambda entry: entry[0], reverse=True)
    return [
        {
            "recording_id": line.recording_id,
            "bytes": line.total_bytes,
            "latency_ms": line.latency_ms,
            "duration_s": line.duration_s,
            "day": day.day,
        }
        for _, line, day in lines[:RANKED]
    ]


def visible_rows(
    services: Services, request: Request, user: BaseUser, day: str
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows of those runs that the user may see, and those runs."""
    rows = services.archive.reader.rows(parse_day(day))
    first: dict[str, Row] = {}
    for row in rows:
        known = first.get(row[1].key)
        if known is None or (row[0].outcome == "ARCHIVED" and known[0].outcome != "ARCHIVED"):
            first[row[1].key] = row
    runs = {key: _run(services, row) for key, row in first.items()}
    seen = {key: run for key, run in runs.items() if services.access.may_see_runs_of(request, user, run["dag_id"])}
    return [row for row in rows if row[1].key in seen], list(seen.values())


def _run(services: Services, row: Row) -> dict[str, Any]:
    """Return which DAG's run wrote a file: as the manifest of one of its recordings tells, else as is configured."""
    line, file = row
    if line.tells_a_check:
        run_id, _, task_id = file.name.rpartition(".")
        return {"name": file.name, "dag_id": services.settings.verify_dag_id, "run_id": run_id, "task_id": task_id}
    known = {"name": file.name, "dag_id": services.settings.archive_dag_id, "run_id": file.name, "task_id": None}
    if line.outcome != "ARCHIVED":
        return known
    context = _context(services.archive.reader.manifests([line.recording_id]).get(line.recording_id))
    return {**known, "dag_id": context["dag_id"]} if context.get("run_id") == file.name else known


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
    from cxone_provider.archive.audit import agent_of

    document = row_document(row)
    if manifest is None:
        return {**document, "task": None}
    context = _context(manifest)
    return {
        **document,
        "agent": document["agent"] or agent_of(manifest.metadata),
        "recorded_at": document["recorded_at"] or manifest.plan.get("recorded_at"),
        "task": context or None,
    }


def _context(manifest: Manifest | None) -> dict[str, Any]:
    """Return who archived, where all of it is told."""
    names = ("dag_id", "run_id", "task_id")
    context = {} if manifest is None else manifest.context
    if not all(isinstance(context.get(name), str) for name in names):
        return {}
    index = context.get("map_index")
    return {**{name: context[name] for name in names}, "map_index": index if isinstance(index, int) else -1}
