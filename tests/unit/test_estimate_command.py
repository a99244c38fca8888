"""``python -m cxone_provider estimate`` where it asks no store."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cxone_provider.__main__ import _parser, main
from cxone_provider.archive.estimating import Estimate

PROVIDER = Path(__file__).parents[2] / "provider"
ROWS = """recording_id,recorded_at,duration_s,has_media,size_bytes
late,2026-11-21T23:59:59Z,60,true,
a,2026-11-22T10:00:00Z,60,true,
b,2026-11-22T11:00:00Z,,true,20000000
c,2026-11-22T12:00:00Z,,false,
tomorrow,2026-11-23T00:00:00Z,60,true,
../x,2026-11-22T12:00:00Z,,,
"""
DAY = ["--start", "2026-11-22", "--end", "2026-11-23"]


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_CXONE_DEFAULT", raising=False)


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "list.csv"
    path.write_text(ROWS)
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Estimate:
    assert main(["estimate", *DAY, "--json", *arguments]) == 0
    return Estimate.from_document(json.loads(capsys.readouterr().out))


def test_a_day_of_a_list_is_estimated(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = told(capsys, "--manifest", manifest, "--api", "media-playback")
    assert (made.contacts, made.to_archive, made.requests, made.without_media, made.unusable) == (4, 2, 2, 1, 1)
    assert (made.bytes_listed, made.bytes_estimated) == (20_000_000, 480_000)
    assert told(capsys, "--manifest", manifest, "--lookback", "P1D").contacts == 5


def test_what_it_rests_on_can_be_given(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = told(
        capsys, "--manifest", manifest, "--requests-per-period", "1", "--period-s", "3600", "--bitrate-bps", "8000",
        "--segment-size-bytes", "10000000", "--interactions", "4", "--fee-share", "0.25",
    )  # fmt: skip
    assert (made.api, made.requests, made.requests_exact, made.hours) == ("recording-v2", 2 + 3, False, 5.0)
    assert (made.bytes_estimated, made.share, made.above_fee_line) == (60_000, 0.5, 1)


def test_it_answers_with_a_table(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", *DAY, "--manifest", manifest, "--api", "media-playback"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["listed", "4", "media-playback"]
    assert "150 requests in 300 s" in "\n".join(lines)


def test_nothing_listed_is_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other-days.csv"
    path.write_text("recording_id,recorded_at\na,2026-11-21T10:00:00Z\n")
    assert main(["estimate", *DAY, "--manifest", str(path)]) == 2
    assert "nothing is listed in [2026-11-22" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        DAY,
        ["--manifest", "x", "--start", "2026-11-22"],
        ["--manifest", "x", "--start", "soon", "--end", "2026-11-23"],
        ["--manifest", "x", "--start", "", "--end", "2026-11-23"],
        [*DAY, "--source", "completed-contacts", "--manifest", "x"],
        [*DAY, "--source", "somewhere"],
        [*DAY, "--manifest", "x", "--lookback", "long"],
        [*DAY, "--manifest", "x", "--api", "soap"],
        [*DAY, "--manifest", "x", "--archive", "archive/cxone"],
        [*DAY, "--manifest", "x", "--segment-size-bytes", "0"],
        [*DAY, "--manifest", "x", "--bitrate-bps", "fast"],
    ],
)
def test_a_question_that_makes_no_sense_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["estimate", *arguments])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--manifest", "/no/such/list.csv"], "No such file"),
        (["--source", "data-extraction"], "Airflow has no such connection: found cxone_default"),
        (["--manifest", "s3://lists"], "not an S3 URI"),
        (["--manifest", "LIST", "--end", "2026-11-22"], "the window is empty"),
        (["--manifest", "LIST", "--fee-share", "2"], "unusable fee_share"),
        (["--manifest", "LIST", "--interactions", "-1"], "unusable interactions"),
        (["--manifest", "LIST", "--requests-per-period", "-1"], "requests_per_period"),
    ],
)
def test_what_cannot_be_answered_is_status_2(
    arguments: list[str], cause: str, manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [manifest if one == "LIST" else one for one in arguments]
    assert main(["estimate", *DAY, *given]) == 2
    assert cause in capsys.readouterr().err


def run(manifest: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cxone_provider", "estimate", *DAY, "--manifest", manifest, "--json", *arguments]
    kept = {**os.environ, "PYTHONPATH": str(PROVIDER), **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=kept)


def test_the_documented_commands_are_commands() -> None:
    text = (PROVIDER.parent / "docs" / "operators.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("python -m cxone_provider estimate ")]
    assert len(lines) >= 2
    for line in lines:
        options = _parser().parse_args(shlex.split(line)[3:])
        assert (options.source == "manifest") is (options.manifest is not None)


BLOCKED = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.modules["airflow"] = None
sys.argv = ["cxone_provider", *sys.argv[2:]]
runpy.run_module("cxone_provider", run_name="__main__")
"""


def test_without_a_connection_it_needs_no_airflow(manifest: str) -> None:
    arguments = ["estimate", *DAY, "--manifest", manifest, "--json"]
    command = [sys.executable, "-c", BLOCKED, str(PROVIDER), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert Estimate.from_document(json.loads(result.stdout)).contacts == 4


AS_JSON = json.dumps(
    {"conn_type": "cxone", "password": "x", "extra": {"api": "media-playback", "requests_per_period": 300}}
)
AS_URI = "cxone://id:x@tenant/?api=media-playback&requests_per_period=300"


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("variable", "value", "arguments"),
    [
        ("AIRFLOW_CONN_CXONE_DEFAULT", AS_JSON, []),
        ("AIRFLOW_CONN_CXONE_DEFAULT", AS_URI, []),
        ("AIRFLOW_CONN_OTHER", AS_URI, ["--connection", "other"]),
    ],
    ids=["json", "uri", "named"],
)
def test_dialect_and_quota_come_from_airflow_s_connection(
    variable: str, value: str, arguments: list[str], manifest: str, tmp_path: Path
) -> None:
    result = run(manifest, *arguments, **{variable: value, "AIRFLOW_HOME": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    made = Estimate.from_document(json.loads(result.stdout))
    assert (made.api, made.quota and made.quota.requests) == ("media-playback", 300)
