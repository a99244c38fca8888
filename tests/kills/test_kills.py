"""Every named step, once: a real process dies there, and the next one makes everything whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import VERSIONED_BUCKET
from tests.kills.campaign import run_cases
from tests.kills.site import Store
from tests.kills.steps import SINGLE_STEPS, STEPS, STOPPED_STEPS, Step, case_of
from tests.kills.trials import Ended, killed, overtaken, stopped
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
SEED = 0
# One seed leaves these for the long run.
SOME = 6


def name_of(step: Step) -> str:
    return f"{step.name} ({step.shape})"


@pytest.fixture(scope="module")
def store(seaweedfs_server: S3Server, seaweedfs_client: S3Client) -> Store:
    return Store(seaweedfs_server, seaweedfs_client, VERSIONED_BUCKET)


@pytest.fixture(scope="module")
def kills(store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    cases = [case_of(step, SEED, small=True) for step in STEPS]
    folder = tmp_path_factory.mktemp("kills")
    return {name_of(ended.case.step): ended for ended in run_cases(killed, cases, store, folder)}


def test_there_are_enough_steps_with_names_of_their_own() -> None:
    assert len({name_of(step) for step in STEPS}) == len(STEPS) >= 25


@pytest.mark.parametrize("step", STEPS, ids=name_of)
def test_a_process_that_is_killed_at_this_step_costs_nothing_but_a_part(kills: dict[str, Ended], step: Step) -> None:
    ended = kills[name_of(step)]
    assert ended.problems == ()
    assert ended.deaths == (1 if step.first is None else 2)


@pytest.mark.parametrize("step", STOPPED_STEPS[::SOME], ids=name_of)
def test_sigterm_leaves_no_upload_and_is_no_success(store: Store, tmp_path: Path, step: Step) -> None:
    ended = stopped(case_of(step, SEED + 1, small=True), store, tmp_path)
    assert (ended.problems, ended.deaths) == ((), 1)


@pytest.mark.parametrize("step", SINGLE_STEPS[::SOME], ids=name_of)
def test_a_worker_that_is_overtaken_finds_the_recording_archived(store: Store, tmp_path: Path, step: Step) -> None:
    ended = overtaken(case_of(step, SEED + 2, small=True), store, tmp_path)
    assert ended.problems == ()
    assert sorted(ended.outcomes) == ["ALREADY_ARCHIVED", "ARCHIVED"]
