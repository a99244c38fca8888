"""How runs of the matrix ended, as numbers and as the table in docs/versions.md. Standard library only."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

NOT_RUN = "not run: this machine has no such Python"
HEAD = "| Airflow | Python | | passed | skipped | failed | tests took | on |\n|---|---|---|---:|---:|---:|---:|---|"


@dataclass(frozen=True)
class Run:
    """How the tests of one combination ended.

    Attributes:
        passed, skipped, failed: numbers of tests; errors count as failed.
        seconds: of the tests alone.
        trouble: why there are no numbers, or nothing.
    """

    passed: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    trouble: str = ""

    @property
    def is_red(self) -> bool:
        """Tell whether something is wrong; a Python that is not there is not."""
        return bool(self.failed or (self.trouble and self.trouble != NOT_RUN))

    @property
    def told(self) -> str:
        """The result in a word or a sentence."""
        return self.trouble or ("red" if self.failed else "green")


def counted(report: str) -> Run:
    """Return the numbers of a JUnit report that pytest wrote."""
    suite = next(ET.fromstring(report).iter("testsuite"))  # noqa: S314  # of the pytest that ran just now
    total, skipped, *bad = (int(suite.attrib[name]) for name in ("tests", "skipped", "failures", "errors"))
    return Run(total - skipped - sum(bad), skipped, sum(bad), float(suite.attrib["time"]))


def row(version: str, python: str, run: Run, day: str) -> str:
    """Return a combination's line of the table."""
    if run.trouble:
        return f"| {version} | {python} | {run.trouble} | | | | | {day} |"
    numbers = f"{run.passed:,} | {run.skipped:,} | {run.failed:,} | {run.seconds:,.0f} s"
    return f"| {version} | {python} | {run.told} | {numbers} | {day} |"


def written(page: str, rows: Sequence[str]) -> str:
    """Return the page with these rows in its table, each in the place of the combination's older one."""
    start, end = "<!-- matrix -->\n", "<!-- /matrix -->"
    before, _, rest = page.partition(start)
    table, _, after = rest.partition(end)
    kept = {_key(line): line for line in [*table.splitlines()[2:], *rows] if line.startswith("|")}
    lines = [kept[key] for key in sorted(kept)]
    return f"{before}{start}{HEAD}\n" + "".join(f"{line}\n" for line in lines) + f"{end}{after}"


def _key(line: str) -> tuple[tuple[int, ...], ...]:
    airflow, python = (tuple(int(number) for number in cell.split(".")[:2]) for cell in line.split("|")[1:3])
    return airflow, python
