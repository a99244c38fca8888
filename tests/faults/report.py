"""The matrix as Markdown: for the terminal, and for ``docs/fault-matrix.md``."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tests.faults.campaign import MOTO, Campaign
from tests.faults.row import RIGHT, Group, Row
from tests.faults.table import LIMIT_ROWS, ROWS
from tests.faults.trial import Result

_TITLES: dict[Group, str] = {
    "classic": "The sixteen classic faults",
    "tenant": "More faults of the tenant and the network",
    "playback": "Links of `media-playback`",
    "store": "Faults of the S3 server",
    "second try": "A second try",
    "webhook": "Faults of the webhook's receiver",
}
_WITH_PEERS: frozenset[Group] = frozenset({"classic", "tenant", "playback"})
_INTRODUCTION = """\
# Fault matrix

What happens when things break, measured. `make faults` runs it again; this page is one run of it.

Each row breaks one thing and states how the recording must end. The real pipeline then archives it: tokens, metadata
and ranged media from the simulated tenant, a real S3 server behind a proxy that breaks requests and answers, the
signed webhook. The rows of `media-playback` archive a contact of two recordings, each by its presigned link, and break
one of them. What lies in the bucket afterwards is read by a plain S3 client and hashed; what our own code says is
compared with that, never trusted. Then the fault is taken away and the recording is tried again.

- **ok**: the right bytes at the final key, manifest and audit trail that fit them, no unfinished upload.
- **err**: the error that the row names; nothing at the final key, no manifest, no unfinished upload.
- **BAD**: anything else, above all success with wrong bytes.
- **hang** (tools only): no end within 12 seconds or 256 MiB, and no error.
- **n/a**: this fault cannot be met there, e.g. by a tool that asks for no ranges.

After every row, whatever its end, the next try without the fault must end with the right bytes: else it is BAD.
"""
_NOTES = """\
## How to read this fairly

- The other tools download one file by one request or two; they were not made to archive recordings. Each is called as
  its documentation shows, with retries where it has them, and judged by what it leaves when it reports success.
- A single request that asks for no range cannot meet a wrong range: those cells are n/a. A recording that changes
  meets it whole, the old or the new one.
- A flipped bit whose headers are all right (row 15) is seen only where the tenant signs chunks or sends a digest.
  Without either, the walk through the audio sees damage to its structure, and nobody sees a bit of PCM: the table
  above shows that ours does not either.
- Rows say "once" where the fault passes. What passes is mended by asking again; what stays ends as a named error.
- Two ends leave something in the bucket, and say so: media whose manifest could not be written is whole and verified,
  and the next try writes the manifest; an upload that could not be removed is removed by the sweeper.
- Rows of `media-playback`: where the contact could be played, its other recording must be archived in the same run,
  whatever became of the broken one, and the contact has a manifest exactly when both are. The tools know no contacts
  and no links that have to be renewed: n/a. Where a link expires, the tenant refuses every one it gave out until then.
- Nothing but a media's own Content-Length tells its size there. 1,000 bytes too many that it declares are seen by the
  walk through the audio alone.
- Rows 02 and 04 end well because what came before the cut is kept, and only the rest is asked for, under the same ETag.
- "Tutorial loop" is the loop over ranges of a Go tutorial for this very task, ported to Python. Its check of each
  chunk's first bytes is left out: with it, not even an undamaged WAV of two chunks passes.
- The gzip of `gzip-bomb` is made of many members. Where a cell says hang, the tool's decoder gives bytes for ever, as
  urllib3 2.8.0 does when it streams; ours reads no encoded body.
- HttpToS3Operator is the installed operator itself, `execute` and all, with its defaults.
- moto verifies no digests: rows about bytes that change on their way to S3 are not played there, and nothing is
  claimed from moto alone.
- SeaweedFS meets every size of recording that a row is for, the other servers one of them, drawn by the seed.
- Waits are shortened: the clock skips what retries would wait. Numbers of tries and bounds are production's own.
  Limits of silence are 0.5 to 4 seconds in place of 10 to 60.
- Tools and MiniStack are taken as they are found on PATH; those that are not there are left out.
"""


def summary(campaign: Campaign) -> str:
    """Return the figures in a few lines."""
    counted = [result for result in campaign.results if result.row.group != "limit"]
    verdicts = Counter(result.verdict for result in counted)
    struck = _struck(counted)
    rows = len({result.row.name for result in counted})
    return (
        f"{rows} rows, {len(counted)} trials on {len(campaign.servers)} kinds of S3 server, seed {campaign.seed}:"
        f" {verdicts['ok']} ok, {verdicts['err']} err, **{verdicts['BAD']} BAD**."
        f" {struck.total()} faults of {len(struck)} kinds were injected."
    )


def document(campaign: Campaign) -> str:
    """Return the page."""
    parts = [_INTRODUCTION, summary(campaign), "", *_versions(campaign), ""]
    for group, title in _TITLES.items():
        rows = [row for row in ROWS if row.group == group and _results_of(campaign, row)]
        if rows:
            parts += [f"## {title}", "", *_table(campaign, rows), ""]
    parts += [*_limits(campaign), _NOTES, "## Injected faults", "", *_histogram(campaign)]
    return "\n".join(parts) + "\n"


def problems(results: Iterable[Result]) -> list[str]:
    """Return a line for each result that must not be."""
    return [
        f"{result.row.name}, {result.size.name}, {result.server}: {'; '.join(result.problems) or 'no limit any more'}"
        for result in results
    ]


def _versions(campaign: Campaign) -> list[str]:
    servers = ", ".join(f"{name} {number}" for name, number in campaign.servers.items())
    tools = ", ".join(f"{peer.name} ({peer.version})" for peer in campaign.peers)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("requests", "urllib3", "botocore"))
    return [
        f"Run on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, {libraries}.",
        f"S3 servers: {servers}.",
        f"Tools: {tools or 'none'}.",
    ]


def _results_of(campaign: Campaign, row: Row, server: str | None = None) -> list[Result]:
    return [found for found in campaign.results if found.row.name == row.name and server in {None, found.server}]


def _table(campaign: Campaign, rows: Sequence[Row]) -> list[str]:
    peers = list(campaign.peers) if rows[0].group in _WITH_PEERS else []
    head = ["row", "what breaks", "stated end", *(f"ours, {name}" for name in campaign.servers)]
    lines = [_line([*head, *(peer.name for peer in peers)]), _line(["---"] * (len(head) + len(peers)))]
    for row in rows:
        ours = [_verdict(_results_of(campaign, row, server)) for server in campaign.servers]
        theirs = [campaign.peers[peer].get(row.name, "n/a") for peer in peers]
        lines.append(_line([f"`{row.name}`", _what(row), _stated(row), *ours, *(_marked(word) for word in theirs)]))
    if peers:
        broken = sum(row.breaks for row in rows)
        lines.append(_line(["", f"**BAD** of {broken}", "", *_bad_counts(campaign, rows)]))
    return lines


def _bad_counts(campaign: Campaign, rows: Sequence[Row]) -> list[str]:
    """Return how many rows ended BAD, and with tools how many never ended."""
    ours = [
        sum(_verdict(_results_of(campaign, row, server)) == "**BAD**" for row in rows) for server in campaign.servers
    ]
    theirs = []
    for verdicts in campaign.peers.values():
        counted = Counter(verdicts.get(row.name, "n/a") for row in rows)
        met = counted.total() - counted["n/a"]
        theirs.append(
            "n/a" if not met else f"**{counted['BAD']}**" + (f", {counted['hang']} hang" if counted["hang"] else "")
        )
    return [*(f"**{count}**" for count in ours), *theirs]


def _verdict(results: Sequence[Result]) -> str:
    words = sorted({result.verdict for result in results}, reverse=True)
    if "BAD" in words:
        return "**BAD**"
    return "/".join(words) or "n/a"


def _marked(word: str) -> str:
    return f"**{word}**" if word == "BAD" else word


def _what(row: Row) -> str:
    told = not row.signed or "chunks signed" in row.what
    return row.what if told else f"{row.what}; chunks signed"


def _stated(row: Row) -> str:
    ends = " or ".join(sorted(row.end)) if row.end == RIGHT else " or ".join(f"`{name}`" for name in sorted(row.end))
    left = {"nothing": "", "media": "; media waits for its manifest", "upload": "; an upload for the sweeper"}[row.left]
    delivered = {"delivered"} == row.announced
    announced = "" if delivered else "; webhook " + " or ".join(f"`{name}`" for name in sorted(row.announced))
    return f"{ends}{left}{announced}"


def _limits(campaign: Campaign) -> list[str]:
    head = ["## What nobody can see", "", _line(["row", "what breaks", "ours"]), _line(["---"] * 3)]
    found = [(row, _results_of(campaign, row)) for row in LIMIT_ROWS]
    lines = [
        _line([f"`{row.name}`", row.what, f"{_verdict(results)}, as expected; not counted"])
        for row, results in found
        if results
    ]
    return [*head, *lines, ""] if lines else []


def _struck(results: Iterable[Result]) -> Counter[str]:
    return sum((result.struck for result in results), Counter[str]())


def _histogram(campaign: Campaign) -> list[str]:
    struck = _struck(result for result in campaign.results if result.server != MOTO)
    on_moto = _struck(result for result in campaign.results if result.server == MOTO)
    lines = [_line(["fault", "times", "on moto"]), _line(["---"] * 3)]
    for name, _ in (struck + on_moto).most_common():
        lines.append(_line([f"`{name}`", str(struck[name]), str(on_moto[name])]))
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
