"""What can be wrong with what a user gives the simulator."""

from __future__ import annotations

from collections.abc import Iterable


class ScenarioError(ValueError):
    """A recording, index, scenario, fault or setting that makes no sense.

    The message says what was found and lists what exists.
    """


def unknown_name(kind: str, found: object, known: Iterable[str]) -> ScenarioError:
    """Return the error for a name that is not one of `known`."""
    return ScenarioError(f"unknown {kind} {found!r}; there are: {', '.join(sorted(known))}")
