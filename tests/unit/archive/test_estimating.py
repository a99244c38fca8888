from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.estimating import Estimate, EstimateSettings, estimate, table_of
from cxone_provider.archive.listing import listed
from cxone_provider.archive.terms import MEDIA_PLAYBACK, SECURE_EXTERNAL_ACCESS, Allowance, Terms
from tests.fakes.alive import Alive
from tests.unit.archive.reconciling_cases import ref

MIB = 2**20
PLAYBACK = EstimateSettings(Terms(MEDIA_PLAYBACK, Allowance()))


def estimated(
    *documents: dict[str, Any], archived: set[str] | None = None, settings: EstimateSettings = PLAYBACK
) -> Estimate:
    return estimate(listed(documents), None if archived is None else Asked(archived), settings)


class Asked:
    """An archive that tells of more than it is asked."""

    def __init__(self, archived: set[str]) -> None:
        self.archived = archived
        self.names: list[str] = []

    def __call__(self, names: Iterable[str]) -> Iterator[str]:
        """Yield what is archived."""
        self.names += names
        return iter(sorted(self.archived))


def test_every_contact_that_is_not_archived_costs_one_request() -> None:
    made = estimated(
        ref("a", has_media=True), ref("b"), ref("c", has_media=False), ref("d", has_media=True), ref("../x"),
        archived={"d", "not listed"},
    )  # fmt: skip
    assert (made.contacts, made.with_media, made.without_media, made.media_unknown, made.unusable) == (5, 2, 1, 1, 1)
    assert (made.already_archived, made.to_archive, made.requests, made.requests_exact) == (1, 2, 2, True)


def test_the_archive_is_asked_once_for_each_id_by_the_name_that_its_plan_has() -> None:
    archive = Asked(set())
    estimate(listed(["a", "b", "a", "x y"]), archive, PLAYBACK)
    assert archive.names == ["a", "b", "x y"]


@pytest.mark.parametrize("settings", [PLAYBACK, EstimateSettings(), EstimateSettings(Terms(SECURE_EXTERNAL_ACCESS))])
@pytest.mark.parametrize("archived", [set(), {"a"}, {"b", "c"}, set("abcdefgh")])
def test_what_is_archived_counts_as_if_it_had_no_media(settings: EstimateSettings, archived: set[str]) -> None:
    sizes: list[dict[str, Any]] = [
        {}, {"duration_s": 0}, {"duration_s": 366 * 24 * 3600}, {"metadata": {"size_bytes": 5 * 2**40}},
        {"metadata": {"size_bytes": 1}}, {"has_media": False}, {"duration_s": 3600.5}, {"has_media": True},
    ]  # fmt: skip
    all_of_them = {name: ref(name, **fields) for name, fields in zip("abcdefgh", sizes, strict=True)}
    left = [document for name, document in all_of_them.items() if name not in archived]
    made = estimated(*all_of_them.values(), archived=archived, settings=settings)
    alone = estimated(*left, settings=replace(settings, interactions=8))
    same = ("to_archive", "requests", "requests_exact", "bytes_listed", "bytes_estimated", "bytes_unknown")
    assert {name: getattr(made, name) for name in same} == {name: getattr(alone, name) for name in same}
    assert (made.contacts, made.interactions, made.already_archived) == (8, 8, len(archived))


def test_documents_are_counted_while_they_are_listed_and_none_is_held() -> None:
    alive = Alive()
    documents = alive.documents(range(1000), lambda number: ref(f"{number}"))
    assert estimate(documents, Asked({"7"}), PLAYBACK).to_archive == 999
    assert alive.most <= 3, "the one that is counted, and those that were before it"


def test_what_nobody_looked_up_is_not_said_to_be_missing() -> None:
    made = estimated(ref("a"), ref("b"))
    assert (made.already_archived, made.to_archive) == (None, 2)


def test_a_recording_that_is_listed_twice_counts_once_as_it_was_listed_first() -> None:
    made = estimated(ref("a", has_media=True), ref("a", has_media=False))
    assert (made.contacts, made.with_media) == (1, 1)


def test_hours_are_those_at_full_quota() -> None:
    made = estimated(*(ref(f"{number}") for number in range(9000)))
    assert made.hours == 5.0
    assert estimated(ref("a"), settings=EstimateSettings()).hours is None


def test_bytes_come_from_the_list_and_else_from_durations() -> None:
    made = estimated(
        ref("a", metadata={"size_bytes": 1000}),
        ref("b", metadata={"size_bytes": "2000"}, duration_s=60),
        ref("c", duration_s=60.5),
        ref("d"),
        ref("e", metadata={"size_bytes": "huge"}),
        ref("f", metadata={"size_bytes": -1}),
        ref("g", metadata={"size_bytes": True}),
        ref("h", duration_s=60, has_media=False),
    )
    assert (made.bytes_listed, made.bytes_estimated, made.bytes_unknown) == (3000, 484_000, 4)
    slower = estimated(ref("c", duration_s=60.5), settings=EstimateSettings(bitrate_bps=8_000))
    assert slower.bytes_estimated == 60_500


@pytest.mark.parametrize(
    ("fields", "requests", "exact"),
    [
        ({"metadata": {"size_bytes": 8 * MIB}}, 2, True),
        ({"metadata": {"size_bytes": 8 * MIB + 1}}, 3, True),
        ({"duration_s": 3600}, 1 + 4, False),
        ({}, 2, False),
    ],
)
def test_recording_v2_asks_for_metadata_and_every_segment(fields: dict[str, Any], requests: int, exact: bool) -> None:
    made = estimated(ref("a", **fields), settings=EstimateSettings())
    assert (made.requests, made.requests_exact) == (requests, exact)
    assert estimated(ref("a", **fields)).requests == 1


def test_the_share_is_told_against_the_fee_line() -> None:
    made = estimated(*(ref(f"{number}") for number in range(80)), settings=EstimateSettings(interactions=1000))
    assert (made.share, made.above_fee_line) == (0.08, 30)
    free = estimated(ref("a"), settings=EstimateSettings(interactions=1000))
    assert (free.share, free.above_fee_line) == (0.001, 0)
    assert estimated(ref("a"), settings=EstimateSettings(fee_share=0)).above_fee_line == 1
    assert estimated().share is None


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ({"bitrate_bps": 0}, "unusable bitrate_bps"),
        ({"interactions": 0}, "unusable interactions"),
        ({"fee_share": 1.5}, "unusable fee_share"),
    ],
)
def test_grounds_that_make_no_sense_are_refused(setting: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidSetting, match=cause):
        EstimateSettings(**setting)


def test_the_table_can_be_read() -> None:
    made = Estimate(
        MEDIA_PLAYBACK, with_media=9600, without_media=400, already_archived=1200, to_archive=8400, requests=8400,
        quota=Allowance(), bytes_estimated=5_000_000_000, bytes_unknown=12, interactions=10_000,
    )  # fmt: skip
    assert table_of(made).splitlines() == [
        "listed                                10,000  media-playback",
        "  with media                           9,600",
        "  without media                          400  no request",
        "  media unknown                            0",
        "  unusable                                 0  no request",
        "archived already                       1,200  no request",
        "to archive                             8,400",
        "requests                               8,400  one each",
        "hours at the quota                      4.67  150 requests in 300 s",
        "bytes, as listed                           0",
        "bytes, estimated               5,000,000,000  from durations, at 64,000 bit/s",
        "of unknown size                           12  in neither of the two",
        "share of interactions                 84.00%  of 10,000; above 5.0% exports are billed: 7,900 lie above it",
    ]
    assert "archived already                              not looked up" in table_of(Estimate("recording-v2"))


@pytest.mark.parametrize("settings", [PLAYBACK, EstimateSettings()])
def test_the_document_is_read_back_as_it_was(settings: EstimateSettings) -> None:
    made = estimated(ref("a", duration_s=61.5), ref("b", has_media=False), archived={"b"}, settings=settings)
    assert Estimate.from_document(made.to_document()) == made
    assert made.to_document()["schema"] == "cxone.estimate/1"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "cxone.estimate/2"},
        {"contacts": 7},
        {"with_media": "one"},
        {"hours": 1},
        {"share": 0.5},
        {"requests_per_period": 0},
        {"interactions": None},
    ],
)
def test_what_is_no_estimate_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        Estimate.from_document({**estimated(ref("a")).to_document(), **change})
    with pytest.raises(InvalidDocument):
        Estimate.from_document(None)
