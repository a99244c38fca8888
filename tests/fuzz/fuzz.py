"""Coverage-guided fuzzing: ``make fuzz``, or ``python -m tests.fuzz.fuzz audio [libFuzzer's options] [folders]``.

Needs atheris, which is not among the packages that the tests need: it has wheels for some machines only. ``make fuzz``
installs it beside them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

PARSERS = {
    "audio": ["cxone_provider.archive.audio"],
    "answers": [
        "cxone_provider.adapters.cxone.claims",
        "cxone_provider.adapters.cxone.discovery",
        "cxone_provider.adapters.cxone.documents",
        "cxone_provider.adapters.cxone.links",
        "cxone_provider.adapters.cxone.origins",
        "cxone_provider.adapters.cxone.playback_document",
        "cxone_provider.adapters.cxone.playback_fields",
        "cxone_provider.adapters.cxone.playback_sidecar",
        "cxone_provider.adapters.cxone.ranges",
        "cxone_provider.adapters.cxone.tokens",
        "cxone_provider.adapters.retrying",
        "cxone_provider.archive.list_file",
        "cxone_provider.archive.listing",
        "cxone_provider.archive.manifest",
        "cxone_provider.archive.recording",
        "cxone_provider.archive.trail",
    ],
}


def main(arguments: Sequence[str]) -> None:
    """Fuzz one target until libFuzzer's limits are reached or something is found; does not return."""
    target, *options = arguments
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=PARSERS[target]):
        oracle = importlib.import_module("tests.fuzz.oracle")
    examine = {"audio": oracle.examine_audio, "answers": oracle.examine_answers}[target]

    def examine_one(data: bytes) -> None:
        examine(data)  # what a target returns must be nothing

    atheris.Setup([sys.argv[0], *options], examine_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
