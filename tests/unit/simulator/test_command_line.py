from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxone_provider.simulator import ApiSettings, fault_table
from cxone_provider.simulator.__main__ import main, options_of, simulator_of

PROVIDER = Path(__file__).parents[3] / "provider"


@pytest.fixture
def started(audio_dir: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cxone_provider.simulator", "--recordings", str(audio_dir)]
    environment = {**os.environ, "PYTHONPATH": str(PROVIDER), "CXONE_SIMULATOR_CLIENT_SECRET": "from the environment"}
    with subprocess.Popen(
        [*command, "--request-log", str(tmp_path / "log.jsonl")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_cleanly(
    started: subprocess.Popen[str], number: signal.Signals, tmp_path: Path
) -> None:
    assert started.stdout is not None
    line = started.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    form = "grant_type=client_credentials&client_id=simulator&client_secret=from+the+environment&scope=recording%3Aread"
    url = line.removeprefix("listening on ").strip() + "/oauth/token"
    with urllib.request.urlopen(url, data=form.encode(), timeout=10) as response:
        assert response.status == 200
    started.send_signal(number)
    output, errors = started.communicate(timeout=10)
    assert (started.returncode, output, errors) == (0, "", "")
    logged = [json.loads(text) for text in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["endpoint"] for record in logged] == ["token"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recordings", "/nowhere/at/all"], "no folder"),
        (["--host", "192.0.2.1"], "--allow-remote"),
        (["--host", "no such host.invalid"], "error: "),
        (["--scenario", "x.json"], "needs the folder"),
        (["--playback-shape", "round"], "there are: capital"),
    ],
)
def test_mistakes_are_one_line_and_an_exit_status(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--port", "65536"])


def test_every_setting_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXONE_SIMULATOR_ACCESS_KEY_SECRET", "from the environment====")
    words = "--quota-requests 9 --quota-period-s 0.5 --no-quota-enforced --quota-retry-after --api-endpoint /area"
    given = simulator_of(options_of([*words.split(), "--access-key-id", "key===="])).apis
    assert given == ApiSettings(
        access_key_id="key====",
        access_key_secret="from the environment====",  # the simulator's
        quota_requests=9,
        quota_period_s=0.5,
        quota_enforced=False,
        quota_retry_after=True,
        api_endpoint="/area",
    )
    assert simulator_of(options_of(["--access-key-secret", "x"])).apis == ApiSettings(access_key_secret="x")


def test_no_help_text_and_no_representation_holds_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    secret = ApiSettings().access_key_secret
    assert secret not in capsys.readouterr().out + repr(ApiSettings())


def test_the_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0
    assert capsys.readouterr().out == fault_table() + "\n"
