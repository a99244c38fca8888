"""Arguments that share a line of a docstring, one each: ``source, start: where to list from`` becomes two rows."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SHARED = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +.*)*)", re.MULTILINE)


class OneArgumentEach(griffe.Extension):
    """Rewrites docstrings before they are parsed; the source stays as it is."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Look at one class, function or module."""
        del kwargs  # the syntax tree and the loader
        if obj.docstring:
            obj.docstring.value = _SHARED.sub(_one_each, obj.docstring.value)


def _one_each(found: re.Match[str]) -> str:
    indent, names, description = found.groups()
    return "\n".join(f"{indent}{name}: {description}" for name in names.split(", "))
