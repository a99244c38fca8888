"""What botocore and urllib3 log at DEBUG: rewritten before a handler sees it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import given

from cxone_provider.adapters.redacting import LOGGERS, hiding, redact_library_logs, redacted
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer
from tests.security.cards import card_numbers

TOKEN = "IQoJb3JpZ2luX2VjEC0a//canary+token=="
SECRET = "canary/secret+key"
CREDENTIALS = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>
<Expiration>2036-11-23T10:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    redact_library_logs()
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{{'X-Amz-Security-Token': b'{TOKEN}', 'a': 1}}", "{'X-Amz-Security-Token': b'***', 'a': 1}"),
        (f"host:s3\nx-amz-security-token:{TOKEN}\n\nhost", "host:s3\nx-amz-security-token:***\n\nhost"),
        (f"b'...x-amz-security-token:{TOKEN}\\n'", "b'...x-amz-security-token:***\\n'"),
        (f"<H>x-amz-security-token:{TOKEN}</H>", "<H>x-amz-security-token:***</H>"),
        ("'Authorization': b'AWS4-HMAC-SHA256 Credential=A/b, Signature=0f'}", "'Authorization': b'***'}"),
        ("'Proxy-Authorization': 'Basic dTpw', 'x'", "'Proxy-Authorization': '***', 'x'"),
        ("Authorization: Bearer abc.def\r\nHost: h", "Authorization: ***\r\nHost: h"),
        ('{"Set-Cookie": "a=b; c"}', '{"Set-Cookie": "***"}'),
        (f"b'<SessionToken>{TOKEN}</SessionToken>'", "b'<SessionToken>***</SessionToken>'"),
        (f"<SecretAccessKey>{SECRET}</SecretAccessKey>", "<SecretAccessKey>***</SecretAccessKey>"),
        (f'{{"SecretAccessKey" : "{SECRET}", "Token" : "{TOKEN}"}}', '{"SecretAccessKey" : "***", "Token" : "***"}'),
        (f'{{\\"SessionToken\\": \\"{TOKEN}\\"}}', '{\\"SessionToken\\": \\"***\\"}'),
        ("{'Action': 'AssumeRoleWithWebIdentity', 'WebIdentityToken': 'eyJ.a'}",
         "{'Action': 'AssumeRoleWithWebIdentity', 'WebIdentityToken': '***'}"),
        ('"GET /m.mp3?X-Amz-Credential=A%2F1&X-Amz-Signature=0f HTTP/1.1" 206',
         '"GET /m.mp3?X-Amz-Credential=***&X-Amz-Signature=*** HTTP/1.1" 206'),
        ("/m.mp3?sv=1&sig=a%2Bb&se=2", "/m.mp3?sv=1&sig=***&se=2"),
        ("/m.mp3?Signature=a~b&Key-Pair-Id=K", "/m.mp3?Signature=***&Key-Pair-Id=K"),
        ("x-amz-server-side-encryption-customer-key: a2V5", "x-amz-server-side-encryption-customer-key: ***"),
        ("b'{\"note\": \"4111 1111 1111 1111\"}'", "b'{\"note\": \"**** **** **** 1111\"}'"),
        ("{'body': b'ID3\\x00\\'s', 'url': 'u'}", "{'body': ***, 'url': 'u'}"),
        ("{'body': bytearray(b\"a'b\\\\\"), 'url': 'u'}", "{'body': bytearray(***), 'url': 'u'}"),
        ("{'body': '', 'url': 'u'}", "{'body': '', 'url': 'u'}"),
    ],
)  # fmt: skip
def test_hides_what_is_secret_and_nothing_else(said: str, told: str) -> None:
    assert redacted(said) == told
    assert redacted(told) == told


@pytest.mark.parametrize(
    "said",
    [
        'http://127.0.0.1:9000 "PUT /archive/cxone/manifests/call-1.json HTTP/1.1" 200 0',
        '"GET /api/v2/recording/download/call-1?format=mp3 HTTP/1.1" 206 262144',
        '"PUT /archive/k?uploadId=2~abc&partNumber=7 HTTP/1.1" 200 0',
        "Event needs-retry.s3.HeadObject: calling handler <function _update_status_code at 0x7fab4069a980>",
        "{'ETag': '\"106d8b5ecb29422193280fb97bb49405\"', 'x-amz-checksum-sha256': 'vL98KJfDAxpR'}",
        "StringToSign:\nAWS4-HMAC-SHA256\n20261123T150550Z\n20261123/us-east-1/s3/aws4_request",
    ],
)
def test_what_a_person_looks_for_stays(said: str) -> None:
    assert redacted(said) == said


def test_each_listed_logger_is_one_of_the_installed_libraries() -> None:
    boto3.session.Session(region_name="eu-west-3").client("s3").close()
    assert [
        name for name in LOGGERS if not isinstance(logging.Logger.manager.loggerDict.get(name), logging.Logger)
    ] == []


def test_installing_twice_is_installing_once() -> None:
    redact_library_logs()
    before = {name: list(logging.getLogger(name).filters) for name in LOGGERS}
    redact_library_logs()
    assert {name: list(logging.getLogger(name).filters) for name in LOGGERS} == before


def test_a_record_reaches_every_handler_rewritten_with_its_values(logged: pytest.LogCaptureFixture) -> None:
    logging.getLogger("botocore.auth").debug("CanonicalRequest:\n%s", f"x-amz-security-token:{TOKEN}")
    logging.getLogger("botocore.auth").debug("%d of %d", 1, 2)
    first, second = logged.records
    assert (first.getMessage(), first.args) == ("CanonicalRequest:\nx-amz-security-token:***", None)
    assert second.getMessage() == "1 of 2"


def test_texts_are_hidden_in_one_block_of_one_thread(logged: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("urllib3.connectionpool")
    with hiding(["/services/T0/canary", "canary"]):
        log.debug('"POST %s HTTP/1.1"', "/services/T0/canary")
        with hiding(["other"]):
            log.debug("canary other")
    log.debug("canary again")
    assert logged.messages == ['"POST *** HTTP/1.1"', "canary ***", "canary again"]


@pytest.mark.server
def test_credentials_that_sts_hands_out_are_in_no_log(logged: pytest.LogCaptureFixture) -> None:
    def assume_role(_request: WireRequest) -> Answer:
        return answer(200, CREDENTIALS.encode(), {"Content-Type": "text/xml"})

    with ScriptedServer(assume_role) as server:
        sts = boto3.session.Session().client(
            "sts", endpoint_url=server.url, region_name="eu-west-3", aws_access_key_id="A", aws_secret_access_key="B"
        )
        given_out = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/archive", RoleSessionName="run")
        sts.close()
    assert given_out["Credentials"]["SessionToken"] == TOKEN
    assert "Response body" in logged.text
    assert [secret for secret in (TOKEN, SECRET) if secret in logged.text] == []


@given(card_numbers())
def test_a_card_number_in_a_body_is_in_no_log(number: str) -> None:
    assert number not in redacted(f'Response body:\nb\'{{"note": "{number}"}}\'')


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10**6,
        "authorization: " * 70_000,
        '"Token": "' * 100_000,
        "1" * 10**6,
        "1 " * 500_000,
        "'body': b'" * 10**5,
    ],
)
def test_a_huge_record_costs_little(text: str) -> None:
    began_s = time.thread_time()
    redacted(text)
    assert time.thread_time() - began_s < 2
