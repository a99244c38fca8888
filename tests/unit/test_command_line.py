"""``python -m cxone_provider`` where it asks no store: arguments, trails that lie in a file, and what it imports."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cxone_provider.__main__ import _parser, main
from cxone_provider.archive.trail import empty_trail

PROJECT = Path(__file__).parents[2]
PROVIDER = PROJECT / "provider"
TRAIL = empty_trail("rec").extended(
    [
        *({"event": "segment", "chunk_index": number} for number in range(3)),
        {"event": "verified", "sha256": "ab" * 32, "size_bytes": 3},
    ]
)
BUCKET = "s3://archive/cxone"


@pytest.fixture
def trail_file(tmp_path: Path) -> Path:
    path = tmp_path / "rec.jsonl"
    path.write_bytes(TRAIL.raw)
    return path


def test_a_trail_that_holds_is_told_with_what_it_does_not_prove(
    trail_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--trail", str(trail_file), "--recording", "rec"]) == 0
    told = capsys.readouterr().out
    assert "4 lines, the chain holds" in told
    assert TRAIL.head in told
    assert "ab" * 32 in told
    assert "since receipt" in told
    assert "A tail that was cut off shows only against the head that the webhook announced" in told


def test_an_announced_head_shows_a_cut_tail(trail_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["verify", "--trail", str(trail_file), "--recording", "rec", "--head", TRAIL.head]
    assert main(command) == 0
    assert "holds the announced head" in capsys.readouterr().out
    trail_file.write_bytes(TRAIL.cut(3).raw)
    assert main(command[:-2]) == 0
    assert main(command) == 1
    assert "does not hold the announced head" in capsys.readouterr().out


def test_a_changed_trail_is_a_problem_in_words_and_in_json(
    trail_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail_file.write_bytes(TRAIL.raw.replace(b'"chunk_index":1', b'"chunk_index":7'))
    command = ["verify", "--trail", str(trail_file), "--recording", "rec"]
    assert main(command) == 1
    assert "breaks at line 2" in capsys.readouterr().out
    assert main([*command, "--json"]) == 1
    assert "breaks at line 2" in json.loads(capsys.readouterr().out)["problem"]
    trail_file.write_bytes(b"")
    assert main(command) == 1


def test_a_trail_as_json(trail_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--trail", str(trail_file), "--recording", "rec", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": "cxone.trail-verification/1",
        "recording_id": "rec",
        "problem": None,
        "lines": 4,
        "head": TRAIL.head,
        "media_sha256": "ab" * 32,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["archive"],
        ["verify", "archive/cxone"],
        ["verify", "https://archive/cxone"],
        ["verify", "s3:///cxone"],
        ["verify", "s3://archive/../x"],
        ["verify", BUCKET, "--slice", "0/7"],
        ["verify", BUCKET, "--slice", "8/7"],
        ["verify", BUCKET, "--slice", "seven"],
        ["verify", BUCKET, "--recording", "../x"],
        ["verify", BUCKET, "--head", "ab"],
        ["verify", BUCKET, "--recording", "a", "--slice", "1/2"],
        ["verify", BUCKET, "--recording", "a", "--recording", "b", "--head", "ab"],
        ["verify", BUCKET, "--trail", "file", "--recording", "a"],
        ["verify", BUCKET, "--concurrency", "0"],
        ["verify", "--trail", "file"],
        ["sweep", BUCKET],
        ["sweep", BUCKET, "--older-than", "5m"],
        ["sweep", "--older-than", "2d"],
    ],
)
def test_a_question_that_makes_no_sense_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_file_that_is_not_there_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--trail", str(tmp_path / "none"), "--recording", "rec"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_an_endpoint_that_is_none_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", BUCKET, "--endpoint-url", "nonsense"]) == 2
    assert "boto3 cannot make an S3 client" in capsys.readouterr().err


def test_the_documented_commands_are_commands() -> None:
    text = (PROJECT / "docs" / "archive.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("python -m cxone_provider ")]
    assert len(lines) >= 5
    for line in lines:
        _parser().parse_args(shlex.split(line, comments=True)[3:])


def test_the_document_says_what_digests_do_not_prove() -> None:
    assert "*unchanged since receipt*" in (PROJECT / "docs" / "archive.md").read_text()


BLOCKED = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.modules["airflow"] = None
sys.argv = ["cxone_provider", *sys.argv[2:]]
runpy.run_module("cxone_provider", run_name="__main__")
"""


def test_it_runs_where_airflow_is_missing(trail_file: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, str(PROVIDER), "verify", "--trail", str(trail_file), "--recording", "rec"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "the chain holds" in result.stdout
