"""Code blocks of the documents that say they are tested: ``<!-- test: name -->`` on the line before the fence."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"<!-- test: (?P<name>[\w-]+) -->\n *```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


def snippet(document: str, name: str) -> str:
    """Return the code of one block.

    Raises:
        KeyError: the document has no such block.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    return {match["name"]: match["code"] for match in _BLOCK.finditer(text)}[name]


def documents() -> list[Path]:
    """Return every document of the project."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
