"""How recordings reach the tasks after a listing: in batches, and a task takes one or several of them.

A mapped task reads the whole of what it is mapped over and picks its own item. Were that the recordings themselves, a
thousand tasks would each read a hundred thousand of them. So a long listing leaves every batch in an XCom of its own,
and what is mapped over says only where each lies.

The scheduler looks at every task instance of a running run, time and again: a run of thousands keeps it busy with
nothing else. So a day has a bounded number of mapped tasks. On a long day each takes several batches, one after
another, and hands on as many: what it holds and what lies in one XCom is a batch, however long the day.

The listing itself pushes a batch as soon as it is full, and holds no more of the day than that.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, TypeAlias, TypeVar

from airflow.providers.common.compat.sdk import Context, conf

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.listing import batches
from cxone_provider.operators import rendered

log = logging.getLogger(__name__)
T = TypeVar("T")
Documents: TypeAlias = Sequence[Mapping[str, Any]]

BATCH_SCHEMA = "cxone.batch/1"
DEFAULT_TASKS = 16
"""Mapped tasks that share a listing: enough to work side by side, few enough for the scheduler to look at."""
MAX_TASKS = 1024
BATCHES_OF_A_SIZE = 1024
MAX_BATCH_SIZE = 1000
MAX_RECORDINGS = 1_024_000
MAX_INLINE_BYTES = 256 * 1024


def in_batches(documents: Iterable[Mapping[str, Any]], size: int) -> Iterator[Documents]:
    """Yield the documents in batches of `size`, each as soon as it is full.

    How many there will be is not known before the last one. So that a long listing is no long list of little batches,
    their size doubles after every 1024 of them, up to 1000.

    Raises:
        InvalidDocument: more than 1,024,000 documents come.
    """
    listed = 0
    for number, batch in enumerate(batches(documents, (_size_of(number, size) for number in count()))):
        listed += len(batch)
        if listed > MAX_RECORDINGS:
            raise InvalidDocument(
                "more recordings than a run takes", found=f"{listed} or more", expected=f"at most {MAX_RECORDINGS}",
                hint="List less at once: a shorter window in several runs.",
            )  # fmt: skip
        if number and (grown := _size_of(number, size)) > _size_of(number - 1, size):
            log.warning("batches of %d instead of %d behind the first %d", grown, size, number)
        yield batch


def _size_of(number: int, size: int) -> int:
    return int(min(size * 2 ** (number // BATCHES_OF_A_SIZE), MAX_BATCH_SIZE))


def task_count(max_tasks: int | str) -> int:
    """Return how many mapped tasks may share a listing: what is asked for, or fewer where Airflow maps over fewer.

    Raises:
        InvalidSetting: it is no number from 1 to 1024.
    """
    asked = rendered.whole_number(max_tasks, "max_tasks", least=1, most=MAX_TASKS)
    mapped: int = conf.getint("core", "max_map_length")
    return min(asked, mapped)


def handed_over(made: Iterable[Documents], context: Context, *, max_tasks: int | str = DEFAULT_TASKS) -> list[Any]:
    """Return what is mapped over: an item for each of at most `max_tasks` tasks.

    An item is a batch where all of them are little: short ones are joined until there are not too many. Else each batch
    lies in an XCom of its own, ``{"schema": "cxone.batch/1", "task_id", "map_index", "key", "count"}`` says where, and
    an item is one of these, or a list of them. Batches are dealt out like cards, so that tasks are equally long: old
    recordings, archived already, lie together.

    `made` is read once; what is held of it is little, or a batch.
    """
    tasks = task_count(max_tasks)
    handed = _Handed.over(made, context)
    if len(handed) > tasks:
        log.info("%d batches are shared by %d tasks", len(handed), tasks)
    if handed.places:
        return handed.places if len(handed) <= tasks else _dealt(handed.places, tasks)
    return [list(chain.from_iterable(some)) for some in _dealt(handed.inline, tasks)]


def _dealt(cards: Sequence[T], tasks: int) -> list[Sequence[T]]:
    return [cards[first::tasks] for first in range(min(tasks, len(cards)))]


def kept_short(documents: Iterable[Mapping[str, Any]], context: Context) -> list[Any]:
    """Return documents as they are where they are little, else where each lies."""
    handed = _Handed.over(([document] for document in documents), context)
    kept: list[Any] = list(chain.from_iterable(handed.inline))
    return handed.places or kept


@dataclass(slots=True)
class _Handed:
    """Batches on their way: as they are while one task reads it all anyway or all of it is little, then by place.

    Attributes:
        context: of the task.
        inline: batches that are held.
        places: where batches lie; none is held then.
    """

    context: Context
    inline: list[Documents] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    _inline_bytes: int = 0

    @classmethod
    def over(cls, made: Iterable[Documents], context: Context) -> _Handed:
        handed = cls(context)
        for batch in made:
            handed.add(batch)
        return handed

    def __len__(self) -> int:
        return len(self.inline) + len(self.places)

    def add(self, batch: Documents) -> None:
        if not self.places:
            self.inline.append(batch)
            self._inline_bytes += len(json.dumps(batch))
            if len(self.inline) == 1 or self._inline_bytes <= MAX_INLINE_BYTES:
                return
        for one in self.inline or (batch,):
            self.places.append(left_in_xcom(one, len(self.places), self.context))
        self.inline.clear()


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
