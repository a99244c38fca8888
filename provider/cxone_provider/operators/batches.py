"""How listed recordings reach the tasks after the listing: as batches, each read by its own task alone.

A mapped task reads the whole of what it is mapped over and picks its own item. Were that the recordings themselves, a
thousand tasks would each read a hundred thousand of them. So a long listing leaves every batch in an XCom of its own,
and what is mapped over says only where each lies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from airflow.providers.common.compat.sdk import Context

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.listing import batches

Batches: TypeAlias = Sequence[Sequence[Mapping[str, Any]]]

BATCH_SCHEMA = "cxone.batch/1"
MAX_BATCH_SIZE = 1000
MAX_INLINE_BYTES = 256 * 1024


def in_batches(documents: Sequence[Mapping[str, Any]], size: int, *, most: int) -> Batches:
    """Return the documents in batches of `size`; in larger ones where there would be more than `most` of them.

    Raises:
        InvalidDocument: batches of 1000 would still be too many.
    """
    needed = max(size, -(-len(documents) // most))
    if needed > MAX_BATCH_SIZE:
        raise InvalidDocument(
            "more recordings than Airflow maps over", found=len(documents), expected=f"at most {most * MAX_BATCH_SIZE}",
            hint="List less at once: a shorter window in several runs; or raise [core] max_map_length.",
        )  # fmt: skip
    return batches(documents, needed)


def handed_over(made: Batches, context: Context) -> list[Any]:
    """Return what a listing returns: its batches where they are few, else where each lies in XCom.

    ``{"schema": "cxone.batch/1", "task_id", "map_index", "key", "count"}`` says where one lies.
    """
    if _fits(made):
        return list(made)
    ti: Any = context["ti"]
    told = []
    for number, batch in enumerate(made):
        key = f"batch_{number}"
        ti.xcom_push(key=key, value=list(batch))
        told.append(
            {"schema": BATCH_SCHEMA, "task_id": ti.task_id, "map_index": ti.map_index, "key": key, "count": len(batch)}
        )
    return told


def taken(documents: Iterable[Any], context: Context) -> Iterator[Any]:
    """Yield what tasks handed on; in the place of each batch that lies elsewhere, its refs.

    Raises:
        InvalidDocument: the batch is not there any more, or another one is.
    """
    for document in documents:
        if isinstance(document, Mapping) and document.get("schema") == BATCH_SCHEMA:
            yield from _pulled(document, context)
        else:
            yield document


def _pulled(told: Mapping[str, Any], context: Context) -> list[Any]:
    ti: Any = context["ti"]
    map_index = told.get("map_index")
    found = ti.xcom_pull(
        task_ids=told.get("task_id"), key=told.get("key"), map_indexes=None if map_index in {None, -1} else map_index
    )
    if not isinstance(found, list) or len(found) != told.get("count"):
        raise InvalidDocument(
            f"batch {told.get('key')} in the XCom of {told.get('task_id')}",
            found="nothing" if found is None else f"{len(found) if isinstance(found, list) else type(found).__name__}",
            expected=f"{told.get('count')} recordings",
            hint="Clear the task that listed them, with all that follows it.",
        )
    return found


def _fits(made: Batches) -> bool:
    """Tell whether batches may be handed on as they are: one task reads it all anyway, or all of it is little."""
    if len(made) <= 1:
        return True
    size_bytes = 0
    for batch in made:
        size_bytes += len(json.dumps(batch))
        if size_bytes > MAX_INLINE_BYTES:
            return False
    return True
