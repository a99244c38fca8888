"""Many cases: every step, every seed, two processes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kills.site import Store, seaweedfs_store
from tests.kills.steps import Case
from tests.kills.trials import Ended

Trial = Callable[[Case, Store, Path], Ended]
AT_ONCE = 2
_CASES_PER_SERVER = 300  # a server keeps every version of every object: 12 MiB a case


def run_cases(trial: Trial, cases: Sequence[Case], store: Store, folder: Path) -> Iterator[Ended]:
    """Yield the end of every case, in their order, a few at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda case: trial(case, store, folder), cases)


def run_campaign(trial: Trial, cases: Sequence[Case]) -> Iterator[Ended]:
    """Yield the end of every case; servers are started afresh now and then, to keep the disk small."""
    for first in range(0, len(cases), _CASES_PER_SERVER):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="cxone-kills-", ignore_cleanup_errors=True)))
            store = stack.enter_context(seaweedfs_store(folder / "s3"))
            yield from run_cases(trial, cases[first : first + _CASES_PER_SERVER], store, folder / "cases")
