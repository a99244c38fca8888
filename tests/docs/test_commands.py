"""Every command line that a document shows is one that its program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from cxone_provider.__main__ import _parser
from tests.docs.snippets import ROOT, documents

_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SHELLS = {"", "bash", "console", "sh"}
OURS, AIRFLOW, MAKE = "python -m cxone_provider ", "airflow ", "make "


def command_lines(program: str) -> list[tuple[str, ...]]:
    """Return the words after a program's name of each line that starts with it, in any document."""
    return sorted(set(_lines_of(program)))


def _lines_of(program: str) -> Iterator[tuple[str, ...]]:
    for document in documents():
        fenced = _FENCED.findall(document.read_text(encoding="utf-8"))
        for block in (code for language, code in fenced if language in _SHELLS):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.strip().removeprefix("$ ")
                if command.startswith(program):
                    # what follows is the shell's
                    words = shlex.split(command.removeprefix(program), comments=True)
                    yield tuple(words[: next((at for at, word in enumerate(words) if word in {">", "|", "&"}), None)])


@pytest.mark.parametrize("words", command_lines(OURS), ids=" ".join)
def test_our_own_commands(words: tuple[str, ...]) -> None:
    if "--help" in words:
        with pytest.raises(SystemExit, match="0"):
            _parser().parse_args(words)
    else:
        assert callable(_parser().parse_args(words).run)


@pytest.mark.airflow
@pytest.mark.parametrize("words", command_lines(AIRFLOW), ids=" ".join)
def test_airflows_commands(words: tuple[str, ...]) -> None:
    from airflow.cli.cli_parser import get_parser

    assert callable(get_parser().parse_args(words).func)


@pytest.mark.parametrize("words", command_lines(MAKE), ids=" ".join)
def test_make_targets(words: tuple[str, ...]) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert words[0] in targets


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(SystemExit, match="2"):
        _parser().parse_args(["verify", "s3://archive/cxone", "--recordings", "4711"])
    assert len(command_lines(OURS)) > 10
    assert len(command_lines(AIRFLOW)) > 2
