"""What the benchmarks' page is made of: parts that are kept, stacks that are sorted, pictures that are drawn."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import kept, places, purposes
from benchmarks.comparing import shares, spread
from benchmarks.flames import flame_graph
from benchmarks.places import Sample
from benchmarks.stacks import Frame, Stacks, stacks_of

SAMPLES = """\
Stack (most recent call first):
  File "/somewhere/lib/python3.11/hmac.py", line 120 in update
  File "/tree/provider/cxone_provider/archive/integrity.py", line 34 in chunk_signature
  File "/somewhere/lib/python3.11/threading.py", line 982 in run
Stack (most recent call first):
  File "/tree/.venv/lib/python3.11/site-packages/urllib3/response.py", line 6Stack (most recent call first):
  File "/tree/.venv/lib/python3.11/site-packages/urllib3/response.py", line 694 in readinto
"""
SPINNER = """
import sys, time
from benchmarks.client import Job, serve
def spin(job):
    until_s = time.process_time() + 0.4
    while time.process_time() < until_s:
        pass
serve({"spin": spin})
"""


def stack(*names: str) -> tuple[Frame, ...]:
    return tuple(Frame(*name.split(":")) for name in names)


def test_a_part_takes_the_place_of_the_one_before_and_leaves_the_others() -> None:
    run = {**kept.EMPTY, "loads": {"a": 1, "b": 2}, "memory": [1, 2], "growth": [3]}
    new = kept.renewed(run, {"loads": {"b": 3}, "memory": [4]})
    assert (new["loads"], new["memory"], new["growth"]) == ({"a": 1, "b": 3}, [4], [3])


def test_what_is_kept_is_read_again_and_nothing_else_is_left_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    assert kept.opened(path) == kept.EMPTY
    kept.keep({**kept.EMPTY, "memory": [{"peak_mib": 5}]}, path)
    assert kept.opened(path)["memory"] == [{"peak_mib": 5}]
    assert list(path.parent.iterdir()) == [path]


def test_shares_are_of_one_recording_in_the_same_round() -> None:
    ours = [{"count": 2, "cpu_s": 2.0}, {"count": 2, "cpu_s": 8.0}]
    peer = [{"count": 1, "cpu_s": 2.0}, {"count": 1, "cpu_s": 4.0}]
    assert shares(ours, peer, "cpu_s") == [0.5, 1.0]
    assert spread([0.5, 1.0]) == 0.125


def test_stacks_are_read_outermost_first_and_torn_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples"
    path.write_text(SAMPLES)
    assert stacks_of([path]) == Counter(
        {
            stack("archive/integrity.py:chunk_signature", "hmac.py:update"): 1,
            stack("urllib3/response.py:readinto"): 1,
        }
    )


@pytest.mark.parametrize(
    ("purpose", "frames"),
    [
        ("HMAC of each chunk", ("archive/reading.py:_verify", "archive/integrity.py:verify_chunk", "hmac.py:update")),
        ("SHA-256 of the whole", ("archive/conveyor.py:show", "archive/integrity.py:see")),
        ("audio walked", ("archive/integrity.py:see", "archive/audio/wav.py:verify_wav")),
        ("store: requests built and signed", ("archive/attempt.py:_commit", "adapters/s3/direct.py:send")),
        ("tenant: requests and heads", ("adapters/cxone/session.py:_get", "http/client.py:begin")),
        ("the pipeline's own steps", ("archive/attempt.py:run",)),
        (purposes.REST, ("gc.py:collect",)),
    ],
)
def test_a_stack_is_of_the_narrowest_purpose(purpose: str, frames: tuple[str, ...]) -> None:
    assert purposes.purpose_of(stack(*frames)) == purpose


def test_a_flame_graph_has_a_function_as_wide_as_its_share_and_may_be_read_by_anything() -> None:
    stacks: Stacks = Counter({stack("a.py:<lambda>", "b.py:left"): 3, stack("a.py:<lambda>", "b.py:right"): 1})
    picture = ET.fromstring(flame_graph("a & b", stacks))
    widths = {}
    for group in picture.iter("{http://www.w3.org/2000/svg}g"):
        title, box = group.find("{*}title"), group.find("{*}rect")
        if title is not None and title.text and box is not None:
            widths[title.text.split(" (")[0]] = float(box.get("width", 0)) + 0.4
    assert widths["left"] == pytest.approx(3 * widths["right"], rel=0.01)
    assert widths["<lambda>"] == pytest.approx(widths["left"] + widths["right"], rel=0.01)
    assert flame_graph("a & b", stacks) == flame_graph("a & b", stacks)


@pytest.mark.parametrize(
    ("place", "frames"),
    [
        ("kernel: network, sending", [("_copy_from_iter", "kernel"), ("tcp_sendmsg", "kernel"), ("write", "libc.so")]),
        ("kernel: the rest", [("do_syscall_64", "kernel"), ("tcp_sendmsg", "libc.so")]),
        (places.HASHING, [("[unknown]", "libcrypto.so.3")]),
        (places.HASHING, [("crypto/md5.block", "rclone")]),
        (places.COPYING, [("__memmove_avx512_unaligned_erms", "libc.so.6")]),
        (places.RUNTIME, [("_PyEval_EvalFrameDefault", "libpython3.11.so")]),
        (places.RUNTIME, [("runtime.mallocgc", "rclone")]),
        (places.PROGRAM, [("net/http.(*Transport).roundTrip", "rclone")]),
    ],
)
def test_a_sample_is_sorted_by_its_innermost_function(place: str, frames: list[tuple[str, str]]) -> None:
    named = [(1, symbol, "[kernel.kallsyms]" if file == "kernel" else file) for symbol, file in frames]
    assert places.place_of(Sample(0.0, named), {}) == place


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timer for profilers")
def test_a_client_tells_where_its_processor_time_went(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    job = {"source_url": "", "s3_url": "", "access_key": "", "secret_key": "", "bucket": "", "ids": []}
    ran = subprocess.run(
        [sys.executable, "-c", SPINNER, "spin"],
        input=json.dumps({**job, "options": {"samples": str(samples)}}) + "\n",
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert json.loads(ran.stdout)["cpu_s"] >= 0.4
    stacks = stacks_of([samples])
    assert stacks.most_common(1)[0][0] == stack("<string>:spin")
    # Kernels tell time in ticks of 1 to 10 ms, and charge what a neighbour on the same machine took.
    assert stacks.total() >= 10
