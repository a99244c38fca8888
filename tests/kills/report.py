"""What a run found, as tables for a terminal and as ``docs/kills.md``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pendulum

from tests.kills import texts
from tests.kills.airflow_kills import Struck
from tests.kills.trials import Ended


@dataclass(frozen=True, slots=True)
class Section:
    """The cases of one kind.

    Attributes:
        title, text: what they are.
        ended: how they ended.
        by_step: whether the table has a line for each step.
    """

    title: str
    text: str
    ended: Sequence[Ended]
    by_step: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run.

    Attributes:
        command: what was run.
        seeds: which seeds.
        took_s: how long it took.
        sections: in the order of the document.
        struck: runs inside Airflow.
    """

    command: str
    seeds: Sequence[int]
    took_s: float
    sections: Sequence[Section]
    struck: Sequence[Struck]

    @property
    def broken(self) -> int:
        """Number of cases in which something does not hold."""
        outside = sum(bool(one.problems) for section in self.sections for one in section.ended)
        return outside + sum(bool(one.problems) for one in self.struck)

    def document(self) -> str:
        """Return ``docs/kills.md``."""
        day = pendulum.now("UTC").to_date_string()
        python = ".".join(map(str, sys.version_info[:2]))
        ran = (
            f"## One run\n\n`{self.command}` on {day}, Python {python}, two cases at a time,\n"
            f"{self.took_s / 60:.0f} minutes; seeds {self.seeds[0]} to {self.seeds[-1]}. **{self._totals()}**\n"
        )
        parts = [texts.EXPLANATION, ran, *map(_section, self.sections), *_airflow_section(self.struck), texts.LIMITS]
        return "\n".join(parts)

    def _totals(self) -> str:
        cases = sum(len(section.ended) for section in self.sections) + len(self.struck)
        deaths = sum(one.deaths for section in self.sections for one in section.ended) + len(self.struck)
        return f"{cases} cases, {deaths} processes struck, {self.broken} broken."


def _section(section: Section) -> str:
    lines = [f"## {section.title}\n", section.text, ""]
    if section.by_step:
        lines += [
            "| step | processes struck | asked for again, at most | swept | told twice | broken |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        names = list(dict.fromkeys(one.case.step.name for one in section.ended))
        lines += [_line(name, [one for one in section.ended if one.case.step.name == name]) for name in names]
        lines.append(_line("**all**", section.ended))
    else:
        counts = Counter(" and ".join(f"`{outcome}`" for outcome in sorted(one.outcomes)) for one in section.ended)
        lines += ["| races | ended | broken |", "|---:|---|---:|"]
        lines += [
            f"| {count} | {ended} | {sum(bool(one.problems) for one in section.ended)} |"
            for ended, count in counts.items()
        ]
    return "\n".join(lines) + "\n"


def _line(name: str, ended: Sequence[Ended]) -> str:
    costs = [(one.costs, one.case.recording.layout.unit_bytes) for one in ended if one.costs is not None]
    parts = max((cost.bytes_again / unit_bytes for cost, unit_bytes in costs), default=0.0)
    swept = sum(cost.swept for cost, _ in costs)
    twice = sum(cost.deliveries > 1 for cost, _ in costs)
    broken = sum(bool(one.problems) for one in ended)
    return f"| {name} | {sum(one.deaths for one in ended)} | {parts:.2f} parts | {swept} | {twice} | {broken} |"


def _airflow_section(struck: Sequence[Struck]) -> Iterator[str]:
    if not struck:
        return
    yield (
        f"## Inside Airflow\n\n{texts.AIRFLOW}\n\n"
        "| signal | sent to | runs | asked for again, at most | tries | broken |\n|---|---|---:|---:|---|---:|"
    )
    for how in dict.fromkeys(one.strike for one in struck):
        runs = [one for one in struck if one.strike == how]
        again_mib = max(one.costs.bytes_again for one in runs) / 2**20
        tries = ", ".join(str(count) for count in sorted({one.tries for one in runs}))
        broken = sum(bool(one.problems) for one in runs)
        yield f"| {how.number.name} | {how.victim} | {len(runs)} | {again_mib:.0f} MiB | {tries} | {broken} |"
    yield ""
