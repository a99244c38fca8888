"""The same inside a real Airflow: its worker dies in mid-transfer, and its retry goes on from the task state store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kills.airflow_kills import STRIKES, Strike, strike
from tests.kills.plant import Plant, plant

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("plant")) as line:
        yield line


@pytest.mark.parametrize("how", STRIKES, ids=lambda how: how.name)
def test_the_retry_archives_what_the_signal_interrupted(line: Plant, how: Strike) -> None:
    struck = strike(line, how, seed=0)
    assert struck.problems == ()
    assert struck.tries == 2
