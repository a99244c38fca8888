"""Playback answers: every documented shape is read, and nothing else; what is kept is bounded and holds no link."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.playback_document import Interaction, parse_contact
from cxone_provider.archive.errors import UnexpectedAnswer

LINK = "https://bucket.s3.amazonaws.com/canary.mp4?X-Amz-Signature=canary"
START, END = "2026-11-22T10:00:00.000Z", "2026-11-22T10:01:30.500Z"
AT = pendulum.datetime(2026, 11, 22, 10)
LEG = {"segmentId": "leg-1", "startTime": START, "endTime": END, "agentId": "77", "skill": "Sales"}


def item(**changes: Any) -> dict[str, Any]:
    """Return an interaction; keys with a dot are inside `data`, a change to ... leaves the field out."""
    data = {"fileToPlayUrl": LINK, "participantDataList": [], "segmentsDataList": [LEG]}
    outer: dict[str, Any] = {"mediaType": "voice-only", "startTime": START, "endTime": END, "data": data}
    for name, value in changes.items():
        place = data if name in {*data, "direction", "skill", "disposition"} else outer
        place[name] = value
    for place in (data, outer):
        for name in [name for name, value in place.items() if value is ...]:
            del place[name]
    return outer


def contact(*items: Any) -> dict[str, Any]:
    return {"contactId": "1f2e", "interactions": list(items)}


def one(**changes: Any) -> Interaction:
    [interaction] = parse_contact(contact(item(**changes)))
    return interaction


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("capital", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_documented_shape_is_the_same_contact(value: bool, capital: bool, wrapped: bool) -> None:
    items = [item(), item(startTime="2026-11-22T09:00:00Z", mediaType="voice-and-screen")]
    plain = parse_contact(contact(*items))
    shaped: dict[str, Any] = {
        "contactId": "1f2e",
        "Interactions" if capital else "interactions": [{"Interaction": one} for one in items] if wrapped else items,
    }
    assert parse_contact({"value": shaped} if value else shaped) == plain
    assert [found.recorded_at.hour for found in plain] == [9, 10]


def test_an_interaction_is_its_times_its_link_and_what_is_told_of_it() -> None:
    found = one()
    assert (found.recorded_at, found.duration_s, found.link) == (AT, 90.5, LINK)
    assert found.metadata == {
        "media_type": "voice-only",
        "skill": "Sales",
        "participants": [],
        "contact_segments": [
            {
                "id": "leg-1",
                "agent_id": "77",
                "skill": "Sales",
                "started_at": "2026-11-22T10:00:00Z",
                "ended_at": "2026-11-22T10:01:30.500000Z",
            }
        ],
    }
    assert "canary" not in f"{found!r} {json.dumps(found.metadata)}"


def test_participants_keep_their_channel_and_where_the_recording_is_silent() -> None:
    stages = [{"stageType": kind, "startTime": START, "endTime": END} for kind in ("MASK", "TALK", "hold", "HOLD")]
    people = [
        {"participantType": "AGENT", "participantId": 77, "channel": 0, "voiceStages": stages, "url": LINK},
        {"participantType": "CUSTOMER", "participantId": LINK, "channel": "1", "voiceStages": None},
        {},
    ]
    told = {"started_at": "2026-11-22T10:00:00Z", "ended_at": "2026-11-22T10:01:30.500000Z"}
    assert one(participantDataList=people).metadata["participants"] == [
        {
            "type": "AGENT",
            "id": 77,
            "channel": 0,
            "stages": [{"type": "MASK", **told}, {"type": "HOLD", **told}, {"type": "HOLD", **told}],
        },
        {"type": "CUSTOMER", "channel": "1", "stages": []},
        {"stages": []},
    ]


def test_the_call_is_told_of_once_or_by_its_first_leg() -> None:
    legs = [{**LEG, "segmentId": "a"}, {**LEG, "segmentId": "b", "skill": "Late", "disposition": "sold"}]
    metadata = one(segmentsDataList=legs, direction="inbound").metadata
    assert (metadata["direction"], metadata["skill"], metadata["disposition"]) == ("inbound", "Sales", "sold")
    assert one(skill="Own").metadata["skill"] == "Own"


def test_what_is_kept_is_bounded_and_says_what_was_left_out() -> None:
    stage = {"stageType": "HOLD", "startTime": START, "endTime": END}
    metadata = one(
        participantDataList=[{"voiceStages": [stage] * 300}] * 80,
        segmentsDataList=[{**LEG, "segmentId": str(n), "disposition": "x" * 9999} for n in range(250)],
    ).metadata
    assert (len(metadata["participants"]), metadata["participants_omitted"]) == (50, 30)
    assert (len(metadata["contact_segments"]), metadata["contact_segments_omitted"]) == (100, 150)
    person = metadata["participants"][0]
    assert (len(person["stages"]), person["stages_omitted"]) == (100, 200)
    assert len(metadata["disposition"]) == 256


@pytest.mark.parametrize(
    ("media_type", "voice"),
    [
        ("voice-only", True), ("voice-and-screen", True), ("Voice", True), ("VOICE_ONLY", True),
        ("chat", False), ("email", False), ("screen-only", False), ("invoice", False),
    ],
)  # fmt: skip
def test_only_voice_is_a_recording(media_type: str, voice: bool) -> None:
    assert len(parse_contact(contact(item(mediaType=media_type)))) == voice


def test_nothing_to_play_is_no_error() -> None:
    assert parse_contact(contact()) == []
    assert parse_contact({"value": {"Interactions": []}}) == []


@pytest.mark.parametrize("link", [None, "", ...])
def test_an_interaction_may_have_no_link(link: Any) -> None:
    assert one(fileToPlayUrl=link).link is None


def test_no_end_is_no_duration() -> None:
    assert one(endTime=None).duration_s is None


@pytest.mark.parametrize("place", ["outer", "data"])
def test_times_may_stand_beside_the_link(place: str) -> None:
    document = item(startTime=..., endTime=...)
    (document if place == "outer" else document["data"]).update(startTime=START, endTime=END)
    [found] = parse_contact(contact(document))
    assert (found.recorded_at, found.duration_s) == (AT, 90.5)


def test_the_order_is_by_start_then_by_identity_however_the_answer_lists_them() -> None:
    items = [
        item(startTime="2026-11-22T10:00:30+00:00", segmentsDataList=[{"segmentId": "z"}]),
        *(item(segmentsDataList=[{"segmentId": name}]) for name in "abcd"),
        item(startTime="2026-11-22T11:30:00+02:00", segmentsDataList=[]),
    ]
    forward, backward = (parse_contact(contact(*order)) for order in (items, items[::-1]))
    assert [found.identity for found in forward] == [found.identity for found in backward]
    assert [found.recorded_at.to_time_string() for found in forward] == ["09:30:00", *["10:00:00"] * 4, "10:00:30"]


def test_an_identity_outlives_a_new_link_other_names_and_another_spelling_of_time() -> None:
    legs = [{"segmentId": "b"}, {"segmentId": "a", "agentName": "x"}]
    other = one(
        fileToPlayUrl=LINK + "&new=1", participantDataList=[{"participantType": "AGENT"}], disposition="late",
        startTime="2026-11-22T12:00:00+02:00", segmentsDataList=[legs[1], legs[0]],
    )  # fmt: skip
    assert other.identity == one(segmentsDataList=legs).identity


@pytest.mark.parametrize(
    "changes",
    [
        {"startTime": "2026-11-22T10:00:00.001Z"}, {"endTime": None}, {"mediaType": "voice-and-screen"},
        {"segmentsDataList": []}, {"segmentsDataList": [{"segmentId": "leg-2"}]},
    ],
)  # fmt: skip
def test_what_makes_another_interaction_makes_another_identity(changes: dict[str, Any]) -> None:
    assert one(**changes).identity != one().identity


def test_two_that_nothing_tells_apart_are_refused() -> None:
    with pytest.raises(UnexpectedAnswer, match="cannot be told apart"):
        parse_contact(contact(item(), item(fileToPlayUrl=LINK + "2")))


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({}, "interactions"),
        ({"value": None}, "interactions"),
        ({"value": []}, "value"),
        ({"value": "x"}, "value"),
        ({"interactions": None}, "interactions"),
        ({"interactions": {}}, "interactions"),
        ({"interactions": "canary"}, "interactions"),
        ({"interactions": [], "Interactions": []}, "interactions and Interactions"),
        ({"interactions": [None]}, r"interactions\[0\].mediaType"),
        ({"interactions": [[]]}, r"interactions\[0\]"),
        ({"interactions": ["x"]}, r"interactions\[0\]"),
        ({"Interactions": [{"Interaction": 7}]}, r"Interactions\[0\].Interaction"),
        ({"interactions": [{}] * 1001}, "1001 items"),
        (contact(item(), item(mediaType=None)), r"interactions\[1\].mediaType"),
        (contact(item(mediaType=1)), "mediaType"),
        (contact(item(mediaType="")), "mediaType"),
        (contact(item(mediaType="x" * 129)), "mediaType"),
        (contact(item(startTime=...)), "startTime"),
        (contact(item(startTime="")), "startTime"),
        (contact(item(startTime="today")), "startTime"),
        (contact(item(startTime=1764410000)), "startTime"),
        (contact(item(startTime="9" * 200)), "startTime"),
        (contact(item(endTime="2026-11-22T09:59:59Z")), "endTime"),
        (contact(item(endTime="2036-11-22T09:59:59Z")), "endTime"),
        (contact(item(endTime=[])), "endTime"),
        (contact(item(data=[])), "data"),
        (contact(item(data="x")), "data"),
        (contact(item(fileToPlayUrl=["canary"])), "fileToPlayUrl"),
        (contact(item(fileToPlayUrl=7)), "fileToPlayUrl"),
        (contact(item(segmentsDataList={})), "segmentsDataList"),
        (contact(item(segmentsDataList=["x"])), r"segmentsDataList\[0\]"),
        (contact(item(segmentsDataList=[{"segmentId": {"a": 1}}])), "segmentId"),
        (contact(item(segmentsDataList=[{"segmentId": True}])), "segmentId"),
        (contact(item(segmentsDataList=[{"startTime": "x"}])), r"segmentsDataList\[0\].startTime"),
        (contact(item(participantDataList={})), "participantDataList"),
        (contact(item(participantDataList=[7])), r"participantDataList\[0\]"),
        (contact(item(participantDataList=[{"channel": []}])), "channel"),
        (contact(item(participantDataList=[{"voiceStages": "x"}])), "voiceStages"),
        (contact(item(participantDataList=[{"voiceStages": [{}]}])), r"voiceStages\[0\].stageType"),
        (contact(item(participantDataList=[{"voiceStages": [{"stageType": "MASK", "endTime": 1}]}])), "endTime"),
        (contact(item(direction={})), "direction"),
    ],
)
def test_anything_else_is_an_error_that_names_the_field(document: dict[str, Any], named: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=named) as raised:
        parse_contact(document)
    said = f"{raised.value} {raised.value.found!r}"
    assert len(said) < 1000
    assert "canary" not in said


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([START, LINK])
)
NAMES = st.sampled_from(
    [
        "value", "interactions", "Interactions", "Interaction", "mediaType", "startTime", "endTime", "data",
        "fileToPlayUrl", "participantDataList", "segmentsDataList", "voiceStages", "stageType", "channel", "segmentId",
    ]
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=30
)


def read(document: dict[str, Any]) -> str:
    """Return what is kept of a document, as JSON, or what the typed error says."""
    try:
        return json.dumps([dict(found.metadata) for found in parse_contact(document)], allow_nan=False)
    except UnexpectedAnswer as error:
        return f"refused: {error}"


@given(st.dictionaries(NAMES, DOCUMENTS))
def test_any_document_is_interactions_or_a_typed_error(document: dict[str, Any]) -> None:
    assert read(document).startswith(("[", "refused: playback field", "refused: two interactions"))


@given(
    st.sampled_from(["mediaType", "startTime", "endTime", "fileToPlayUrl", "participantDataList", "segmentsDataList"]),
    DOCUMENTS,
)
def test_any_value_of_any_field_is_read_or_named(name: str, value: Any) -> None:
    said = read(contact(item(**{name: value})))
    assert len(said) < 100_000
    assert said.startswith("[") or f"interactions[0].{name}" in said or f"interactions[0].data.{name}" in said
    assert name == "mediaType" or "canary" not in said
