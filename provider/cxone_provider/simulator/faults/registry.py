"""Faults by name: read from JSON with clear errors, and listed for the documentation."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping, Sequence

from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.errors import ScenarioError, unknown_name
from cxone_provider.simulator.faults import answers, bodies, connection, headers, pace, ranges
from cxone_provider.simulator.faults.fault import Fault
from cxone_provider.simulator.faults.fields import FaultField, fault_fields
from cxone_provider.simulator.faults.matching import Rule

FAULTS: Mapping[str, type[Fault]] = {
    kind.name: kind for module in (answers, ranges, headers, bodies, connection, pace) for kind in module.FAULTS
}
_RULE_FIELDS = ("on", "at", "every", "times", "segment_start", "covers")
_ANY = "any"
_ALWAYS = "always"


RECORDING_ENDPOINTS = (Endpoint.METADATA, Endpoint.MEDIA)


def parse_rules(documents: object, endpoints: Collection[Endpoint] = tuple(Endpoint)) -> tuple[Rule, ...]:
    """Return the rules of a list of ``{"fault": name, field: value, …, "on", "at", "every", "times", …}``.

    Args:
        documents: JSON values.
        endpoints: those that the rules' requests can be for.

    Raises:
        ScenarioError: an unknown fault or field, or a value that does not fit; the message lists what exists.
    """
    if not isinstance(documents, Sequence) or isinstance(documents, str):
        raise ScenarioError(f"faults are a list of objects, not {documents!r}")
    return tuple(_parse_rule(document, endpoints) for document in documents)


def fault_table() -> str:
    """Return the Markdown table of all faults and their fields, as the documentation has it."""
    rows = ["| fault | what happens | fields |", "|---|---|---|"]
    rows += [f"| `{name}` | {_summary(kind)} | {_field_list(kind)} |" for name, kind in FAULTS.items()]
    return "\n".join(rows)


def _parse_rule(document: object, endpoints: Collection[Endpoint]) -> Rule:
    if not isinstance(document, Mapping) or "fault" not in document:
        known = ", ".join(sorted(FAULTS))
        raise ScenarioError(f'a fault is {{"fault": name, …}}, not {document!r}; there are: {known}')
    kind = FAULTS.get(str(document["fault"]))
    if kind is None:
        raise unknown_name("fault", document["fault"], FAULTS)
    fault = _made(kind, {name: value for name, value in document.items() if name not in {"fault", *_RULE_FIELDS}})
    return Rule(
        fault=fault,
        on=_endpoint(document.get("on", fault.on), endpoints),
        at=_count(document, "at"),
        every=_count(document, "every"),
        times=None if document.get("times") == _ALWAYS else _count(document, "times"),
        segment_start=_offset(document, "segment_start", None),
        covers=_offset(document, "covers", fault.touches_byte),
    )


def _made(kind: type[Fault], given: Mapping[str, object]) -> Fault:
    known = fault_fields(kind)
    for name, value in given.items():
        if name not in known:
            raise unknown_name(f"field of the fault {kind.name!r}", name, (*known, *_RULE_FIELDS))
        if not known[name].admits(value):
            raise ScenarioError(f"{kind.name}.{name} is {value!r}; {known[name].type_name} is needed")
    missing = [field.name for field in known.values() if field.is_needed and field.name not in given]
    if missing:
        raise ScenarioError(f"the fault {kind.name!r} needs: {', '.join(missing)}")
    return kind(**given)


def _endpoint(value: object, endpoints: Collection[Endpoint]) -> Endpoint | None:
    if value == _ANY:
        return None
    for endpoint in endpoints:
        if value == endpoint.value:
            return endpoint
    raise unknown_name("endpoint here", value, (*endpoints, _ANY))


def _count(document: Mapping[str, object], name: str) -> int:
    value = document.get(name, 1)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    hint = f" or {_ALWAYS!r}" if name == "times" else ""
    raise ScenarioError(f"{name!r} is {value!r}; a count from 1{hint} is needed")


def _offset(document: Mapping[str, object], name: str, default: int | None) -> int | None:
    value = document.get(name, default)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ScenarioError(f"{name!r} is {value!r}; a byte offset from 0 is needed")


def _summary(kind: type[Fault]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace("|", "\\|")


def _field_list(kind: type[Fault]) -> str:
    target = [] if kind.on is Endpoint.MEDIA else [f"on `{kind.on}` unless said otherwise"]
    return "<br>".join([*map(_shown_field, fault_fields(kind).values()), *target]) or "none"


def _shown_field(field: FaultField) -> str:
    default = "" if field.default is None else f", default {json.dumps(field.default)}"
    return f"`{field.name}` ({field.type_name}{', needed' if field.is_needed else default}): {field.meaning}"
