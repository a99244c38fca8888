"""The fields of faults: their types, checked and named for people.

Types come from ``typing`` and values from JSON, so both are ``Any`` here and nowhere else.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from cxone_provider.simulator.faults.fault import Bounds, Fault

_NAMES: Mapping[object, str] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "true or false",
    types.NoneType: "null",
    dict: "object",
    list: "list",
}


@dataclass(frozen=True, slots=True)
class FaultField:
    """One field of a fault.

    Attributes:
        meaning: one sentence for the documentation.
        default: None also where the field is needed.
    """

    name: str
    hint: Any
    meaning: str
    is_needed: bool
    default: object

    def admits(self, value: object) -> bool:
        """Return whether the value has the field's type and lies within its bounds."""
        return _fits(value, self.hint)

    @property
    def type_name(self) -> str:
        """The type in words."""
        return _named(self.hint)


def fault_fields(kind: type[Fault]) -> dict[str, FaultField]:
    """Return the fields of a fault by name, in order."""
    hints = get_type_hints(kind, include_extras=True)
    declared: tuple[Field[Any], ...] = fields(kind)  # type: ignore[arg-type]  # every fault is a dataclass
    return {field.name: _described(field, hints[field.name]) for field in declared}


def _described(field: Field[Any], hint: Any) -> FaultField:
    meaning = next(note for note in get_args(hint) if isinstance(note, str))
    is_needed = field.default is MISSING and field.default_factory is MISSING
    return FaultField(field.name, hint, meaning, is_needed, None if field.default is MISSING else field.default)


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _fits(value, arguments[0]) and all(bound.admits(value) for bound in _bounds(arguments))
    if origin in {Union, types.UnionType}:
        return any(_fits(value, option) for option in arguments)
    if origin is Literal:
        return value in arguments
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values())
    if origin is list:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    return _fits_plain(value, hint)


def _fits_plain(value: object, hint: Any) -> bool:
    if isinstance(value, bool):
        return hint in {bool, object}
    if hint is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, hint)


def _named(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _named(arguments[0]) + "".join(f" {bound}" for bound in _bounds(arguments))
    if origin in {Union, types.UnionType}:
        return " or ".join(_named(option) for option in arguments)
    if origin is Literal:
        return " or ".join(f'"{option}"' for option in arguments)
    return _NAMES.get(origin or hint, "anything")


def _bounds(arguments: tuple[Any, ...]) -> list[Bounds]:
    return [note for note in arguments[1:] if isinstance(note, Bounds)]
