"""Where processor time goes: ours by purpose, from its own stacks; ours and others by place, from `perf`."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import places, purposes
from benchmarks.ends import Ends, ends
from benchmarks.equipment import WORK
from benchmarks.flames import flame_graph
from benchmarks.loads import FULL, Load, make_media
from benchmarks.rounds import CLIENTS, ClientFailed, Cost, once
from benchmarks.stacks import stacks_of

OURS = ("ours", "ours_unsigned")
_TITLES = {"ours": "signed chunks", "ours_unsigned": "unsigned tenant"}
_TIMES = {"large": 6, "small": 2}  # enough for two thousand samples each
_BESIDE = {"large": ("rclone", "curl_curl"), "small": ("rclone",)}


def profiles(folder: Path) -> Mapping[str, Any]:
    """Profile both loads, leave flame graphs in `folder`, and return the shares and what they are shares of."""
    purposes.check_rules()
    told: dict[str, Any] = {}
    has_perf = places.works()
    for name, times in _TIMES.items():
        load = FULL[name]
        media = WORK / "profiles"
        make_media(load, media)
        with tempfile.TemporaryDirectory(dir=WORK) as scratch, ends(media, Path(scratch)) as both:
            at = Path(scratch)
            told[name] = {
                "purposes": {own: _by_purpose(load, both, own, times, at, folder) for own in OURS},
                "places": dict(_by_place(load, both, name, at)) if has_perf else {},
            }
        (media / load.media).unlink()
    return told


def _by_purpose(load: Load, both: Ends, own: str, times: int, scratch: Path, folder: Path) -> Mapping[str, Any]:
    samples = [scratch / f"{own}-{number}.samples" for number in range(times)]
    costs = [_sampled(load, both, own, path) for path in samples]
    print(f"[bench] {load.name}: profile of {_TITLES[own]}", file=sys.stderr, flush=True)
    stacks = stacks_of(samples)
    cpu_s = statistics.median(cost.cpu_s for cost in costs)
    title = f"{load.name}, {_TITLES[own]}: {cpu_s:.2f} s of processor, {stacks.total():,} samples"
    folder.mkdir(exist_ok=True)
    picture = folder / f"profile-{load.media}-{own.replace('_', '-')}.svg"
    picture.write_text(flame_graph(title, stacks), encoding="utf-8")
    took_s = statistics.median(cost.took_s for cost in costs)
    shares = purposes.shares_of(stacks)
    return {"cpu_s": cpu_s, "took_s": took_s, "samples": stacks.total(), "shares": shares, "picture": picture.name}


def _sampled(load: Load, both: Ends, own: str, path: Path, tries: int = 4) -> Cost:
    """Run once under the sampler; once more where it met a stack that was just being made: that may end a process."""
    try:
        return once(CLIENTS[own], load, both, samples=str(path))
    except ClientFailed:
        if tries == 1:
            raise
    return _sampled(load, both, own, path, tries - 1)


def _by_place(load: Load, both: Ends, name: str, scratch: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for client in (*OURS, *_BESIDE[name]):
        path, how = scratch / f"{client}.perf", CLIENTS[client]
        plain = once(how, load, both)
        seen = once(how, load, both, places.recorder(path), span=True)
        shares = places.shares_of(path, seen.told.get("span"))
        print(f"[bench] {load.name}: where {client} spends its time", file=sys.stderr, flush=True)
        yield client, {"cpu_s": plain.cpu_s, "took_s": plain.took_s, "shares": shares}
