"""The bounded fuzz run of every `make test`: the kept inputs, and a fixed number of changed ones from a printed seed.

``CXONE_FUZZ_SEED`` and ``CXONE_FUZZ_INPUTS`` make it another or a longer run; `make fuzz` is the coverage-guided one.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import islice

import pytest

from tests.fuzz.mutations import FOLDER, MAX_INPUT_BYTES, Material, dictionary
from tests.fuzz.oracle import examine_answers, examine_audio

SEED = int(os.environ.get("CXONE_FUZZ_SEED", "20261123"))
INPUTS = int(os.environ.get("CXONE_FUZZ_INPUTS", "6000"))
LONGEST_CPU_S = 2.0
PEAK_BYTES = 2**18  # 64 KiB for an Ogg page or a FLAC window, copied a few times
TARGETS: dict[str, Callable[[bytes], object]] = {"audio": examine_audio, "answers": examine_answers}


def show(capsys: pytest.CaptureFixture[str], message: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n[fuzz] {message}\n")


@pytest.mark.timeout(0)
@pytest.mark.parametrize("target", TARGETS)
def test_changed_inputs_give_answers_or_typed_errors_in_bounded_time(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    examine = TARGETS[target]
    ends: Counter[object] = Counter()
    slowest_s = 0.0
    for number, data in enumerate(Material(target).inputs(SEED, INPUTS)):
        began_s = time.thread_time()
        try:
            ends[examine(data)] += 1
        except Exception as error:
            raise AssertionError(f"{target}: input {number} of seed {SEED}: {data!r}") from error
        slowest_s = max(slowest_s, time.thread_time() - began_s)
    told = ", ".join(f"{count} {end}" for end, count in ends.most_common() if end is not None)
    show(capsys, f"{target}: seed {SEED}, {INPUTS} inputs, slowest {slowest_s * 1000:.0f} ms {told}")
    assert slowest_s < LONGEST_CPU_S


def test_memory_does_not_grow_with_what_an_input_declares() -> None:
    peaks: dict[bytes, int] = {}
    for data in islice(Material("audio").inputs(SEED + 1, 600), 600):
        tracemalloc.start()
        examine_audio(data)
        peaks[data] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert {data: peak for data, peak in peaks.items() if peak > PEAK_BYTES} == {}


@pytest.mark.parametrize("target", TARGETS)
def test_kept_inputs_end_as_they_should(target: str) -> None:
    corpus = Material(target).corpus
    assert len(corpus) >= 15
    assert sum(map(len, corpus.values())) < 200_000
    for data in corpus.values():
        assert len(data) <= MAX_INPUT_BYTES
        TARGETS[target](data)


def test_the_corpus_begins_with_a_whole_file_of_every_format() -> None:
    found = {examine_audio(data) for data in Material("audio").corpus.values()}
    assert found >= {"mp3", "wav", "mp4", "ogg", "flac", "amr"}


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, other, third = (list(Material("audio").inputs(seed, 50)) for seed in (1, 1, 2))
    assert one == other
    assert one != third


def test_a_dictionary_is_read_as_libfuzzer_reads_it() -> None:
    words = dictionary(FOLDER / "audio.dict")
    assert b"ID3\x04\x00\x00" in words
    assert b"fmt " in words
    assert b'{"id": ' in dictionary(FOLDER / "answers.dict")


@pytest.mark.parametrize("broken", [b"", b"RIFF"])
def test_the_oracle_sees_what_is_wrong(broken: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, a silent oracle would look like a clean run."""
    from cxone_provider.archive.audio import AudioVerification

    def feed(self: AudioVerification, data: bytes) -> None:
        raise KeyError(data)

    def finish(self: AudioVerification) -> None:
        raise KeyError("end")

    monkeypatch.setattr(AudioVerification, "feed", feed)
    monkeypatch.setattr(AudioVerification, "finish", finish)
    with pytest.raises(KeyError):
        examine_audio(broken)
