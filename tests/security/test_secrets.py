"""Twelve canary secrets through every fault at DEBUG: none is in what is logged, stored, handed on or raised."""

from __future__ import annotations

import base64
import logging
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from cxone_provider.archive.audit import AuditError
from cxone_provider.archive.errors import ArchiveError
from tests.faults.row import AUDIO, Row, Strike
from tests.faults.table import ROWS
from tests.security import canaries
from tests.security.canaries import CANARIES, forms, found
from tests.security.listening import Listener, listening
from tests.security.world import BUCKET, World, world_of
from tests.servers.s3_faults import S3Fault
from tools.servers.seaweedfs import S3Server, seaweedfs

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore")]  # Great Expectations warns
_OF_TENANT = frozenset({"token", "webhook"})
_SEED = 20261123
_ALWAYS: dict[str, Any] = {"times": "always"}
_LIBRARIES = {"cxone_provider", "botocore", "urllib3"}


@pytest.fixture
def world(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose S3 server takes any credentials, so that these are canaries, too."""
    server = replace(moto_server, secret_key=canaries.AWS_SECRET_KEY)
    with world_of(server, canaries.AWS_SESSION_TOKEN) as made:
        keep_errors(made, monkeypatch)
        yield made


def keep_errors(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every error that ends in an audit log, with its causes."""
    made_of = AuditError.of

    def keeping(error: ArchiveError) -> AuditError:
        world.keep_error(error)
        return made_of(error)

    monkeypatch.setattr(AuditError, "of", keeping)


def play(world: World, row: Row, prefix: str | None = None) -> tuple[list[str], Listener]:
    """Archive a recording under a row's faults, as often as the row says; return how it ended and what was logged."""
    prefix = prefix or row.name
    size = row.sizes[0]
    strike = Strike.drawn(size, random.Random(f"{_SEED}/{row.name}"))
    if size.file is None:
        world.tenant.add_generated(row.name, size.size_bytes)
    else:
        world.tenant.add_recording(row.name, AUDIO / size.file)
    ended: list[str] = []
    with listening() as listener:
        if row.has_earlier_try:
            break_world(world, row.name, strike, row.first_tenant, row.first_store)
            ended += world.run(row.name, prefix, keep_unfinished=True)
        break_world(world, row.name, strike, row.tenant, row.store)
        ended += world.run(row.name, prefix)
    world.broken_s3.script.replace(())
    return ended, listener


def break_world(world: World, recording_id: str, strike: Strike, tenant: Any, store: Any) -> None:
    faults: list[Mapping[str, object]] = [strike.resolve(fault) for fault in tenant]
    world.tenant.script(recording_id, [fault for fault in faults if fault.get("on") not in _OF_TENANT])
    world.tenant.script_tenant([fault for fault in faults if fault.get("on") in _OF_TENANT])
    world.broken_s3.script.replace(store)


QUICK = {row.name for row in ROWS if row.group == "classic"} | {"s3-put-500", "s3-part-lost", "webhook-400", "resume"}
# Answers that repeat what was sent to them, as gateways, and AWS itself, do.
_SENT_TO_TENANT = f"secret={canaries.CLIENT_SECRET} {quote_plus(canaries.CLIENT_SECRET)}"
_SENT_TO_WEBHOOK = " ".join(
    (canaries.WEBHOOK_HEADER_TOKEN, f"/{canaries.WEBHOOK_PATH_TOKEN}?code={canaries.WEBHOOK_QUERY_TOKEN}")
)
_REFUSED_SIGNATURE = f"""<Error><Code>SignatureDoesNotMatch</Code><Message>Not your signature</Message>
<CanonicalRequest>PUT&#10;/&#10;host:s3&#10;x-amz-security-token:{canaries.AWS_SESSION_TOKEN}</CanonicalRequest></Error>"""
ECHOES = [
    Row(
        f"echo-{place}-{status}", f"{status} that repeats what was sent", frozenset(),
        tenant=({"fault": "status", "status": status, "on": place, "body": body, **_ALWAYS},),
    )
    for place, status, body in (
        ("token", 400, _SENT_TO_TENANT), ("token", 500, _SENT_TO_TENANT), ("metadata", 403, _SENT_TO_TENANT),
        ("media", 404, _SENT_TO_TENANT), ("webhook", 400, _SENT_TO_WEBHOOK), ("webhook", 503, _SENT_TO_WEBHOOK),
    )
] + [
    Row(
        "echo-s3-signature", "S3 repeats the request it refuses", frozenset(),
        store=(S3Fault("answer", "PutObject", status=403, body=_REFUSED_SIGNATURE.encode(), times=99),),
    ),
    Row(
        "signed-link", "a redirect to a signed link", frozenset(),
        tenant=({
            "fault": "redirect", **_ALWAYS,
            "location": f"https://media.example/m?X-Amz-Signature={canaries.WEBHOOK_QUERY_TOKEN}",
        },),
    ),
]  # fmt: skip


def marked(row: Row) -> Any:
    return pytest.param(row, id=row.name, marks=() if row.name in QUICK else pytest.mark.slow)


# Links are secrets of another dialect: test_playback_secrets.py.
WITHOUT_LINKS = [row for row in ROWS if row.group != "playback"]


@pytest.mark.parametrize("row", [*map(marked, WITHOUT_LINKS), *(pytest.param(row, id=row.name) for row in ECHOES)])
def test_no_fault_makes_a_secret_visible(world: World, row: Row) -> None:
    ended, listener = play(world, row)
    assert ended
    assert any(record.levelno == logging.DEBUG for record in listener.records)
    places = {**listener.places(), **world.left, **world.bucket_content(row.name)}
    assert found(world.secrets(), places) == []


def test_every_secret_that_must_travel_does_and_the_others_do_not(world: World) -> None:
    """Without this, that nothing is found would prove nothing."""
    ended, listener = play(world, ROWS[0], prefix="what-travels")
    assert ended == ["ARCHIVED, announced"]
    assert listener.loggers() >= _LIBRARIES
    heads = b"\n".join(request.head for request in world.proxy.requests)
    forms_sent = b"\n".join(request.body for request in world.proxy.requests if "/oauth/token" in request.line)
    for secret in (
        canaries.AWS_SESSION_TOKEN, canaries.WEBHOOK_HEADER_TOKEN, canaries.WEBHOOK_PATH_TOKEN,
        canaries.WEBHOOK_QUERY_TOKEN, *world.tokens,
    ):  # fmt: skip
        assert secret.encode() in heads
    for password in (canaries.TENANT_PROXY_PASSWORD, canaries.WEBHOOK_PROXY_PASSWORD, canaries.AWS_PROXY_PASSWORD):
        assert base64.b64encode(f"archive:{password}".encode()) in heads
    assert quote_plus(canaries.CLIENT_SECRET).encode() in forms_sent
    kept = {"stream secret", "access key secret", "webhook signing secret", "AWS secret access key"}
    wire = {"the wire": heads + b"".join(request.body for request in world.proxy.requests)}
    assert found({name: CANARIES[name] for name in kept}, wire) == []


def test_on_a_server_that_verifies_signatures_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (ROWS[0], next(row for row in ROWS if row.name == "15-flipped-bit"), ECHOES[-2])
    server = seaweedfs(tmp_path, buckets=[BUCKET], secret_key=canaries.AWS_SECRET_KEY)
    with server as reached, world_of(reached, None) as made:
        keep_errors(made, monkeypatch)
        for row in rows:
            ended, listener = play(made, row)
            places = {**listener.places(), **made.left, **made.bucket_content(row.name)}
            assert (ended, found(made.secrets(), places)) == (ended, [])


@pytest.mark.parametrize("name", CANARIES)
def test_the_search_finds_each_secret_in_each_form(name: str) -> None:
    secret = CANARIES[name]
    for form, written in forms(secret):
        assert f"{name} ({form}) in the log" in found(CANARIES, {"the log": b"before " + written + b" after"})
    for user in ("a", "ab", "abc", "abcd"):
        encoded = base64.b64encode(f"{user}:{secret}:tail".encode())
        assert any("base64" in hit for hit in found(CANARIES, {"a header": b"Basic " + encoded}))


def test_the_search_finds_what_is_split_over_two_calls_and_what_a_traceback_says() -> None:
    secret = canaries.CLIENT_SECRET
    with listening() as listener:
        logging.getLogger("botocore.somewhere").debug("secret: %s", secret[:9])
        logging.getLogger("botocore.somewhere").debug("%s.", secret[9:])
        error = ValueError(canaries.STREAM_SECRET)
        logging.getLogger("urllib3.somewhere").debug("failed", exc_info=error)
    hits = " ".join(found(CANARIES, listener.places()))
    assert "client secret (plain) in the log, joined" in hits
    assert "stream secret (plain) in the log" in hits
