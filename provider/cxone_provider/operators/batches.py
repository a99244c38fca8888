"""How recordings reach the tasks after a listing: in batches, and a task takes one or several of them.

A mapped task reads the whole of what it is mapped over and picks its own item. Were that the recordings themselves, a
thousand tasks would each read a hundred thousand of them. So a long listing leaves every batch in an XCom of its own,
and what is mapped over says only where each lies.

The scheduler looks at every task instance of a running run, time and again: a run of thousands keeps it busy with
nothing else. So a day has a bounded number of mapped tasks. On a long day each takes several batches, one after
another, and hands on as many: what it holds and what lies in one XCom is a batch, however long the day.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

from airflow.providers.common.compat.sdk import Context, conf

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.listing import batches
from cxone_provider.operators import rendered

log = logging.getLogger(__name__)
Batches: TypeAlias = Sequence[Sequence[Mapping[str, Any]]]

BATCH_SCHEMA = "cxone.batch/1"
DEFAULT_TASKS = 16
"""Mapped tasks that share a listing: enough to work side by side, few enough for the scheduler to look at."""
MAX_TASKS = 1024
MAX_BATCHES = 1024
MAX_BATCH_SIZE = 1000
MAX_INLINE_BYTES = 256 * 1024


def in_batches(documents: Sequence[Mapping[str, Any]], size: int, *, most: int = MAX_BATCHES) -> Batches:
    """Return the documents in batches of `size`; in larger ones where there would be more than `most` of them.

    Raises:
        InvalidDocument: batches of 1000 would still be too many.
    """
    needed = max(size, -(-len(documents) // most))
    if needed > MAX_BATCH_SIZE:
        raise InvalidDocument(
            "more recordings than a run takes", found=len(documents), expected=f"at most {most * MAX_BATCH_SIZE}",
            hint="List less at once: a shorter window in several runs.",
        )  # fmt: skip
    if needed > size:
        log.warning("batches of %d instead of %d: there are at most %d of them", needed, size, most)
    return batches(documents, needed)


def task_count(max_tasks: int | str) -> int:
    """Return how many mapped tasks may share a listing: what is asked for, or fewer where Airflow maps over fewer.

    Raises:
        InvalidSetting: it is no number from 1 to 1024.
    """
    asked = rendered.whole_number(max_tasks, "max_tasks", least=1, most=MAX_TASKS)
    mapped: int = conf.getint("core", "max_map_length")
    return min(asked, mapped)


def handed_over(made: Batches, context: Context, *, max_tasks: int | str = DEFAULT_TASKS) -> list[Any]:
    """Return what is mapped over: an item for each of at most `max_tasks` tasks.

    An item is a batch where all of them are little: short ones are joined until there are not too many. Else each batch
    lies in an XCom of its own, ``{"schema": "cxone.batch/1", "task_id", "map_index", "key", "count"}`` says where, and
    an item is one of these, or a list of them. Batches are dealt out like cards, so that tasks are equally long: old
    recordings, archived already, lie together.
    """
    tasks = task_count(max_tasks)
    if len(made) > tasks:
        log.info("%d batches are shared by %d tasks", len(made), tasks)
    if _fits(made):
        return [list(chain.from_iterable(made[first::tasks])) for first in range(min(tasks, len(made)))]
    places = [left_in_xcom(batch, number, context) for number, batch in enumerate(made)]
    if len(places) <= tasks:
        return list(places)
    return [places[first::tasks] for first in range(tasks)]


def kept_short(documents: Sequence[Mapping[str, Any]], context: Context) -> list[Any]:
    """Return documents as they are where they are little, else where each lies."""
    made = [[document] for document in documents]
    if _fits(made):
        return list(documents)
    return [left_in_xcom(batch, number, context) for number, batch in enumerate(made)]


def left_in_xcom(documents: Sequence[Mapping[str, Any]], number: int, context: Context) -> dict[str, Any]:
    """Leave a batch in an XCom of its own; return where it lies."""
    ti: Any = context["ti"]
    key = f"batch_{number}"
    ti.xcom_push(key=key, value=list(documents))
    place = {"schema": BATCH_SCHEMA, "task_id": ti.task_id, "map_index": ti.map_index}
    return {**place, "key": key, "count": len(documents)}


def taken(documents: Iterable[Any], context: Context) -> Iterator[Any]:
    """Yield what tasks handed on; in the place of each batch that lies elsewhere, its documents.

    Raises:
        InvalidDocument: the batch is not there any more, or another one is.
    """
    for document in documents:
        if _is_place(document):
            yield from _pulled(document, context)
        else:
            yield document


@dataclass(frozen=True, slots=True)
class Share:
    """What one task takes: batches, each fetched when its turn comes.

    Attributes:
        parts: documents, or where a batch of them lies.
        context: of the task.
    """

    parts: Sequence[Sequence[Any] | Mapping[str, Any]]
    context: Context

    @classmethod
    def of(cls, documents: Iterable[Any], context: Context) -> Share:
        """Return the share that was handed on, flat: what lies elsewhere is a batch each, all others are one."""
        loose: list[Any] = []
        places: list[Mapping[str, Any]] = []
        for document in documents:
            (places if _is_place(document) else loose).append(document)
        return cls([*([loose] if loose else ()), *places], context)

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.parts)

    def batch(self, number: int) -> list[Any]:
        """Return the documents of a batch.

        Raises:
            InvalidDocument: it is not there any more, or another one is.
        """
        part = self.parts[number]
        return _pulled(part, self.context) if isinstance(part, Mapping) else list(part)

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield the documents of each batch, which is fetched then."""
        return map(self.batch, range(len(self)))


@dataclass(slots=True)
class Results:
    """What a task returns of its share: the documents of its only batch, or where those of each batch lie.

    Attributes:
        share: what it took.
        told: by batch, what is returned of it.
    """

    share: Share
    told: dict[int, Any] = field(default_factory=dict)

    def add(self, number: int, documents: Sequence[Mapping[str, Any]]) -> None:
        """Keep the result of a batch."""
        alone = len(self.share) == 1
        self.told[number] = list(documents) if alone else left_in_xcom(documents, number, self.share.context)

    @property
    def open(self) -> list[int]:
        """The batches that have no result yet."""
        return [number for number in range(len(self.share)) if number not in self.told]

    @property
    def returned(self) -> list[Any]:
        """What the task returns."""
        kept = [self.told[number] for number in sorted(self.told)]
        return kept[0] if len(self.share) == 1 and kept else kept


def _is_place(document: object) -> bool:
    return isinstance(document, Mapping) and document.get("schema") == BATCH_SCHEMA


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
            expected=f"{told.get('count')} of them",
            hint="Clear the task that left it there, with all that follows it.",
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
