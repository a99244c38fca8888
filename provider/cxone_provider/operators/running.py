"""What the operators share of the running task: its end by a kill, its tries, its identity, what is handed to it."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    Context,
)

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.errors import ArchiveError, InvalidSetting, TransferCancelled
from cxone_provider.archive.listing import batch_of
from cxone_provider.operators.batches import Share, taken

TRIGGERER_GRACE_S = 900
"""How long after the deadline a deferred task fails if no triggerer has answered."""
_NAMES_SHOWN = 10
_RESULTS_AT_ONCE = 50
_RETURN_KEY = "return_value"


class KillableOperator(BaseOperator):
    """An operator that a SIGTERM ends, and never in success.

    Airflow calls ``on_kill`` and lets ``execute`` go on, so whatever waits or moves bytes looks at :attr:`cancelled`.

    Attributes:
        told_to_stop: True from the signal on.
    """

    told_to_stop = False

    @cached_property
    def cancelled(self) -> threading.Event:
        """Set once the task is to stop."""
        return threading.Event()

    @cached_property
    def clock(self) -> SystemClock:
        """Time; waits end with the task."""
        return SystemClock(self.cancelled)

    def on_kill(self) -> None:
        """Stop the work at its next step."""
        # Seen by the main thread as soon as it goes on; the event follows a moment later.
        self.told_to_stop = True
        # A signal interrupts the main thread anywhere, also while it holds the event's own lock: setting it here could
        # wait for ever.
        _thread.start_new_thread(self.cancelled.set, ())

    @contextmanager
    def work(self) -> Iterator[None]:
        """Run the body of ``execute``; the core's errors become Airflow's.

        Raises:
            AirflowException: another try can mend it, or the task was told to stop.
            AirflowFailException: another try cannot mend it.
        """
        try:
            yield
            if self.told_to_stop or self.cancelled.is_set():
                raise TransferCancelled("the task was told to stop")
        except ArchiveError as error:
            kind = AirflowException if error.retryable else AirflowFailException
            raise kind(str(error)) from error


def push_result(context: Context, documents: Sequence[Mapping[str, Any]]) -> None:
    """Leave a task's result in XCom although it is about to fail, for the tasks that look at failures."""
    ti: Any = context["ti"]
    ti.xcom_push(key=_RETURN_KEY, value=list(documents))


def tries_left(context: Context) -> bool:
    """Tell whether Airflow would try this task again if it failed now."""
    ti: Any = context["ti"]
    return int(ti.try_number) <= int(ti.max_tries)


def run_identity(context: Context) -> dict[str, Any]:
    """Return who is archiving, for the manifest: DAG, run, task, map index and try."""
    ti: Any = context["ti"]
    return {
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "try_number": ti.try_number,
    }


def run_after(context: Context) -> pendulum.DateTime:
    """Return the moment from which the run was due; also there when it was triggered by hand."""
    return pendulum.instance(context["dag_run"].run_after).in_timezone("UTC")


def data_interval(context: Mapping[str, Any]) -> tuple[pendulum.DateTime, pendulum.DateTime] | None:
    """Return the run's data interval in UTC; None where it is absent or empty, as plain cron schedules make it."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None or not start < end:
        return None
    return pendulum.instance(start).in_timezone("UTC"), pendulum.instance(end).in_timezone("UTC")


def documents_of(value: object, name: str, context: Context | None = None) -> list[Any]:
    """Return what upstream tasks hand on, flat: one document, a list of them, or a list per mapped task.

    Args:
        value: what they hand on.
        name: of the argument, for errors.
        context: of the task, where `value` may be a listing: its batches may lie in XComs of their own.

    Raises:
        InvalidSetting: nothing was handed on at all.
        AirflowSkipException: an empty batch; it is nobody's success.
    """
    documents = flat(value, context)
    _check_given(documents, value, name)
    return documents


def share_of(value: object, name: str, context: Context) -> Share:
    """Return what upstream tasks hand on to one task, batch by batch.

    Args:
        value: what they hand on: documents, or where batches of them lie.
        name: of the argument, for errors.
        context: of the task.

    Raises:
        InvalidSetting: nothing was handed on at all.
        AirflowSkipException: an empty batch; it is nobody's success.
    """
    share = Share.of(each_of(value), context)
    _check_given(share, value, name)
    return share


def _check_given(found: Sized, value: object, name: str) -> None:
    if found:
        return
    if isinstance(value, Sequence) and (not isinstance(value, str) or value.lstrip().startswith("[")):
        raise AirflowSkipException(f"{name} is an empty batch: nothing to do, and nothing that passed")
    raise InvalidSetting(f"{name} is empty", found=value, expected="what an upstream task returned")


def flat(value: object, context: Context | None = None) -> list[Any]:
    """Return what upstream tasks hand on, flat; empty where that is nothing."""
    return list(each_of(value, context))


def each_of(value: object, context: Context | None = None) -> Iterator[Any]:
    """Yield what upstream tasks hand on, flat, without holding all of it."""
    is_text = isinstance(value, (str, bytes, bytearray))
    documents = _flat([value] if isinstance(value, Sequence) and not is_text else batch_of(value))
    yield from documents if context is None else taken(documents, context)


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, Sequence) and not isinstance(value, str):
            for some in _slices(value):
                yield from _flat(some)
        elif value is not None:
            yield value


def _slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield a mapped task's results, some at a time: a slice is one request, and all of them can be a large answer."""
    if isinstance(values, (list, tuple)):
        yield values
        return
    for start in count(0, _RESULTS_AT_ONCE):
        some = values[start : start + _RESULTS_AT_ONCE]
        yield some
        if len(some) < _RESULTS_AT_ONCE:
            return


def some_of(names: Sequence[str]) -> str:
    """Return names for one line of a log, the first few and how many more there are."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
