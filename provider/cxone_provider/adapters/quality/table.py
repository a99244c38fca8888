"""The table that a suite looks at: typed columns, and which input each row is about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxone_provider.archive.errors import shown

if TYPE_CHECKING:
    import pandas as pd

_TEXT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Table:
    """One batch of rows; every column is as long as `items`.

    Attributes:
        text: text columns; None where there is no value.
        numbers: number columns; None or NaN where there is no value, text where a number should be and is not.
        items: for each row the position of the input (recording, plan, audit log) that it tells of.
    """

    text: Mapping[str, Sequence[str | None]]
    numbers: Mapping[str, Sequence[float | str | None]]
    items: Sequence[int]

    def frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame: nullable strings, and floats, which hold every size in bytes exactly."""
        import numpy as np
        import pandas as pd

        columns: dict[str, pd.Series[Any]] = {
            name: pd.Series(list(values), dtype="string") for name, values in self.text.items()
        }
        columns |= {
            name: pd.Series(np.fromiter(map(_float, values), "float64", len(values)))
            for name, values in self.numbers.items()
        }
        return pd.DataFrame(columns, copy=False)

    def value(self, column: str, row: int) -> Any:
        """Return a cell as reports show it: whole numbers as int, no value as None."""
        if column in self.text:
            return self.text[column][row]
        return plain(self.numbers[column][row]) if column in self.numbers else None


def text_or_none(value: object) -> str | None:
    """Return a value of any type as bounded text without control characters; None stays None."""
    return None if value is None else shown(value, limit=_TEXT_CHARACTERS)


def plain(value: Any) -> Any:
    """Return a bounded value that JSON can carry: no NaN, no infinity, no foreign number types."""
    item = value.item() if hasattr(value, "item") else value  # numpy's numbers
    if item is None or isinstance(item, (bool, int)):
        return item
    if isinstance(item, float):
        return _plain_float(item)
    if isinstance(item, Mapping):
        return {shown(name): plain(inner) for name, inner in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(inner) for inner in item]
    return shown(item if isinstance(item, str) else str(item))


def _plain_float(value: float) -> float | str | None:
    if math.isfinite(value):
        return int(value) if value.is_integer() else value
    return None if math.isnan(value) else str(value)


def _float(value: float | str | None) -> float:
    # what is no number breaks every lower limit and no upper one: it is reported once
    if isinstance(value, str):
        return -math.inf
    return math.nan if value is None else float(value)
