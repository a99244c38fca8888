"""Suites as JSON documents: the shipped ones, and a user's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from cxone_provider.archive.errors import InvalidSetting, shown

MAX_SUITE_BYTES = 2**20
_NAME = re.compile(r"\w[\w .-]{0,99}", re.ASCII)  # Data Docs make it a folder
_ROW_COUNT: Mapping[str, Any] = {
    "type": "expect_table_row_count_to_be_between",
    "kwargs": {"min_value": 1},
    "meta": {"rule": "row_count"},
    "severity": "critical",
}


def suite_document(shipped: str, own: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Return the suite to run: `own`, or the shipped one of that name.

    Every suite gets a row count of at least one where it has none: column rules pass on an empty table, and a check of
    nothing must not.

    Raises:
        InvalidSetting: `own` cannot be read, or is not a suite with at least one expectation.
    """
    if own is None:
        return _parsed((files("cxone_provider.adapters") / "suites" / f"{shipped}.json").read_bytes(), shipped)
    if isinstance(own, Mapping):
        return _checked(own, "the suite given as an object")
    return _parsed(_read(Path(own)), str(own))


def expectations_of(document: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the expectation configurations to run: those without a parameter that is None, and without ids."""
    off = {name for name, value in parameters.items() if value is None}
    return [
        {name: value for name, value in expectation.items() if name != "id"}
        for expectation in document["expectations"]
        if off.isdisjoint(_parameters_of(expectation))
    ]


def rule_of(expectation: Mapping[str, Any]) -> str:
    """Return the rule's name: ``meta.rule``, else the expectation's type with its columns."""
    meta = expectation.get("meta") or {}
    kwargs = expectation.get("kwargs") or {}
    if isinstance(meta, Mapping) and isinstance(meta.get("rule"), str) and meta["rule"].strip():
        return shown(meta["rule"].strip(), limit=64)
    columns = [str(kwargs[name]) for name in ("column", "column_A", "column_B", "column_list") if name in kwargs]
    return shown(f"{expectation.get('type')}({', '.join(columns)})", limit=120)


def _parameters_of(expectation: Mapping[str, Any]) -> set[str]:
    kwargs = expectation.get("kwargs")
    values = kwargs.values() if isinstance(kwargs, Mapping) else ()
    return {str(value["$PARAMETER"]) for value in values if isinstance(value, Mapping) and "$PARAMETER" in value}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SUITE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InvalidSetting("the suite cannot be read", found=str(path), hint=shown(str(error))) from error
    if len(raw) > MAX_SUITE_BYTES:
        raise InvalidSetting("the suite is too large", found=str(path), expected=f"at most {MAX_SUITE_BYTES} bytes")
    return raw


def _parsed(raw: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidSetting("the suite is not JSON", found=name, hint=shown(str(error))) from error
    return _checked(document, name)


def _checked(document: object, name: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidSetting(f"{shown(name)} is not a suite", found=document, expected="an object")
    if not isinstance(document.get("name"), str) or not _NAME.fullmatch(document["name"]):
        raise InvalidSetting(
            f"{shown(name)} is a suite without a usable name",
            found=document.get("name"),
            expected="a letter or digit, then up to 99 of letters, digits, space, _ . -",
        )
    expectations = document.get("expectations")
    if not isinstance(expectations, (list, tuple)) or not expectations:
        raise InvalidSetting(
            f"{shown(name)} is a suite without expectations", found=expectations, expected="a list of at least one"
        )
    for number, expectation in enumerate(expectations):
        if not isinstance(expectation, Mapping):
            raise InvalidSetting(f"expectation {number} of {shown(name)}", found=expectation, expected="an object")
    counted = any(str(expectation.get("type")).startswith("expect_table_row_count") for expectation in expectations)
    return {**document, "expectations": [*expectations] if counted else [_ROW_COUNT, *expectations]}
