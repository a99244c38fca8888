from __future__ import annotations

from typing import Any

import pytest

from cxone_provider.simulator import FAULTS, ScenarioError, Simulator
from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.faults import Fault, Script, parse_rules
from cxone_provider.simulator.faults.fields import fault_fields
from cxone_provider.simulator.request import Request
from tests.unit.simulator.client import TenantClient


def media_request(byte_range: str | None) -> Request:
    headers = (("Range", byte_range),) if byte_range else ()
    return Request("GET", "/", "HTTP/1.1", headers, b"", 1)


@pytest.mark.parametrize(
    ("matching", "struck"),
    [
        ({}, [1]),
        ({"at": 3}, [3]),
        ({"times": 2}, [1, 2]),
        ({"at": 2, "times": 3}, [2, 3, 4]),
        ({"times": "always"}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"at": 3, "every": 3, "times": "always"}, [3, 6, 9]),
        ({"every": 4, "times": 2}, [1, 5]),
    ],
)
def test_occurrences_count_from_one(matching: dict[str, Any], struck: list[int]) -> None:
    script = Script(parse_rules([{"fault": "weak_etag", **matching}]))
    assert [n for n in range(1, 10) if script.striking(Endpoint.MEDIA, media_request(None))] == struck


@pytest.mark.parametrize(
    ("matching", "byte_range", "struck"),
    [
        ({"segment_start": 256}, "bytes=256-511", True),
        ({"segment_start": 256}, "bytes=0-511", False),
        ({"segment_start": 0}, None, True),
        ({"covers": 300}, "bytes=256-511", True),
        ({"covers": 300}, "bytes=0-299", False),
        ({"covers": 300}, "bytes=300-", True),
        ({"covers": 300}, None, True),
        ({"covers": 300, "segment_start": 256}, "bytes=0-", False),
    ],
)
def test_the_place_in_the_recording_counts(matching: dict[str, Any], byte_range: str | None, struck: bool) -> None:
    script = Script(parse_rules([{"fault": "weak_etag", "on": "any", **matching}]))
    assert script.striking(Endpoint.METADATA, media_request(byte_range)) == []
    assert bool(script.striking(Endpoint.MEDIA, media_request(byte_range))) is struck


def test_the_answer_to_head_holds_no_byte() -> None:
    script = Script(parse_rules([{"fault": "weak_etag", "covers": 0}]))
    assert script.striking(Endpoint.MEDIA, Request("HEAD", "/", "HTTP/1.1", (), b"", 1)) == []
    assert len(script.striking(Endpoint.MEDIA, media_request(None))) == 1


def test_requests_that_do_not_match_are_not_counted(client: TenantClient) -> None:
    client.simulator.script("call", [{"fault": "status", "status": 500, "segment_start": 10, "at": 2}])
    ranges = ["bytes=10-19", "bytes=0-9", "bytes=0-9", "bytes=10-19", "bytes=10-19"]
    assert [client.media("call", asked).status for asked in ranges] == [206, 206, 206, 500, 206]


def test_a_new_script_counts_anew(simulator: Simulator) -> None:
    client = TenantClient(simulator)
    for _ in range(2):
        simulator.script("call", [{"fault": "status", "status": 500, "at": 2}])
        assert [client.media("call").status for _ in range(2)] == [200, 500]
    simulator.script("call", [])
    assert client.media("call").status == 200


def test_tenant_wide_faults_count_over_all_recordings(client: TenantClient) -> None:
    client.simulator.add_recording("other", b"sound", format="mp3")
    client.simulator.script_tenant([{"fault": "status", "status": 503, "at": 2}])
    assert [client.media(name).status for name in ("call", "other", "call")] == [200, 503, 200]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"fault": "rest"}, "unknown fault 'rest'; there are: bad_signature, change_entity, close"),
        ({"name": "reset"}, 'a fault is {"fault": name, …}'),
        ("reset", 'a fault is {"fault": name, …}'),
        ({"fault": "reset", "bytes": 1}, "unknown field of the fault 'reset' 'bytes'; there are: after_bytes, at"),
        ({"fault": "reset", "after_bytes": -1}, "reset.after_bytes is -1; integer from 0 is needed"),
        ({"fault": "reset", "after_bytes": True}, "integer from 0 is needed"),
        ({"fault": "reset", "after_bytes": 1.5}, "integer from 0 is needed"),
        ({"fault": "delay", "seconds": "1"}, "number from 0 is needed"),
        ({"fault": "delay", "seconds": float("inf")}, "number from 0 is needed"),
        ({"fault": "delay"}, "the fault 'delay' needs: seconds"),
        ({"fault": "status", "status": 42}, "integer from 100 to 999 is needed"),
        ({"fault": "status", "status": 200, "headers": {"A": 1}}, "object is needed"),
        ({"fault": "status", "status": 200, "body": 1}, "text or null is needed"),
        ({"fault": "headers", "remove": "ETag"}, "list is needed"),
        ({"fault": "digest", "header": "Digest"}, '"Repr-Digest" or "Content-Digest" is needed'),
        ({"fault": "ignore_range", "on": "nowhere"}, "unknown endpoint here 'nowhere'; there are: any, media"),
        ({"fault": "ignore_range", "on": "token"}, "unknown endpoint here 'token'"),
        ({"fault": "ignore_range", "on": []}, "unknown endpoint here"),
        ({"fault": "ignore_range", "at": 0}, "'at' is 0; a count from 1 is needed"),
        ({"fault": "ignore_range", "every": "x"}, "a count from 1 is needed"),
        ({"fault": "ignore_range", "times": "ever"}, "a count from 1 or 'always' is needed"),
        ({"fault": "ignore_range", "segment_start": -1}, "a byte offset from 0 is needed"),
    ],
)
def test_a_fault_that_makes_no_sense_says_what_would(simulator: Simulator, document: object, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        simulator.script("call", [document])  # type: ignore[list-item]  # on purpose
    assert message in str(caught.value)


def test_faults_are_a_list(simulator: Simulator) -> None:
    with pytest.raises(ScenarioError, match="a list of objects"):
        simulator.script("call", {"fault": "reset"})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("kind", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_documented_data(kind: type[Fault]) -> None:
    assert all(field.meaning for field in fault_fields(kind).values())
    # without a docstring of its own a dataclass is given its signature as one
    assert not (kind.__doc__ or "(").startswith(("(", f"{kind.__name__}("))
