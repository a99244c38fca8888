"""All rows of the matrix."""

from __future__ import annotations

from tests.faults.answer_rows import ANSWER_ROWS
from tests.faults.archive_rows import SECOND_TRY_ROWS, STORE_ROWS, WEBHOOK_ROWS
from tests.faults.classic_rows import ALWAYS, CLASSIC_ROWS
from tests.faults.playback_rows import PLAYBACK_ROWS
from tests.faults.row import RIGHT, SEVERAL_SEGMENTS, Row
from tests.faults.tenant_rows import TENANT_ROWS

# What nobody can see: kept here so that the reading notes stay true. They are no promise, and count nowhere.
LIMIT_ROWS = (
    Row(
        "limit-flipped-bit", "one bit of PCM flipped, nothing to compare with", RIGHT, "limit",
        ({"fault": "flip_bit", "offset": "@byte", **ALWAYS},), sizes=SEVERAL_SEGMENTS, peers=False,
    ),
)  # fmt: skip

ROWS = (*CLASSIC_ROWS, *ANSWER_ROWS, *TENANT_ROWS, *PLAYBACK_ROWS, *STORE_ROWS, *SECOND_TRY_ROWS, *WEBHOOK_ROWS)
