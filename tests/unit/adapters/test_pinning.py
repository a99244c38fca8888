"""Pinned connections keep the name: for Host, for SNI, and for the check of the certificate."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from requests import Request, Response
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ProxyError, SSLError
from urllib3.connection import HTTPConnection

from cxone_provider.adapters import pinning
from cxone_provider.adapters.addresses import AddressGuard, AllowList, Endpoint
from cxone_provider.adapters.pinning import PinningAdapter
from cxone_provider.archive.errors import InvalidSetting, ReceiverForbidden
from tests.fakes.certificates import Authority
from tests.fakes.receiver import Answer, receiving

NAME = "hooks.example"


class Table:
    """A resolver that knows a few names and counts."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Endpoint]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [Endpoint(socket.AF_INET, (address, port)) for address in self.names[host]]


def get(table: Table, url: str, *, bundle: Path | None = None, proxy: str | None = None, allow: str = "") -> Response:
    guard = AddressGuard(AllowList.parse(f"127.0.0.0/8 {allow}"), resolver=table)
    request = Request("GET", url).prepare()
    verify = str(bundle) if bundle else True
    proxies = {"all": proxy} if proxy else {}
    with closing(PinningAdapter(guard)) as transport:
        response = transport.send(request, timeout=5, verify=verify, proxies=proxies)
        response.close()
    return response


def test_host_sni_and_certificate_are_those_of_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    table = Table(hooks_example=["127.0.0.1"])
    with receiving(tls=authority.server(NAME)) as receiver:
        answer = get(table, f"https://{NAME}:{receiver.port}/in", bundle=authority.bundle)
    assert answer.status_code == 204
    assert receiver.server_names == [NAME]
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"
    assert table.asked == [NAME]


def test_an_address_in_the_certificate_is_checked_for_an_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    table = Table(**{"127.0.0.1": ["127.0.0.1"]})
    with receiving(tls=authority.server("127.0.0.1")) as receiver:
        assert get(table, f"{receiver.url}/in", bundle=authority.bundle).status_code == 204


@pytest.mark.parametrize("flaw", ["other name", "address only", "expired", "unknown authority"])
def test_a_bad_certificate_ends_the_connection_before_the_request(tmp_path: Path, flaw: str) -> None:
    authority = Authority(tmp_path)
    contexts = {
        "other name": lambda: authority.server("other.example"),
        "address only": lambda: authority.server("127.0.0.1"),
        "expired": lambda: authority.server(NAME, days=-1),
        "unknown authority": lambda: Authority(tmp_path, "Somebody else").server(NAME),
    }
    with receiving(tls=contexts[flaw]()) as receiver, pytest.raises(SSLError, match="certificate verify failed"):
        get(Table(hooks_example=["127.0.0.1"]), f"https://{NAME}:{receiver.port}/in", bundle=authority.bundle)
    assert receiver.requests == []


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with receiving() as receiver:
        table = Table(hooks_example=["127.0.0.2", "127.0.0.1"])
        assert get(table, f"http://{NAME}:{receiver.port}/in").status_code == 204
    assert receiver.connections == 1


@pytest.mark.parametrize("table", [Table(), Table(hooks_example=[])])
def test_a_name_without_addresses_is_a_broken_connection(table: Table) -> None:
    with pytest.raises(RequestsConnectionError, match="NameResolutionError"):
        get(table, f"https://{NAME}/in")


def test_a_closed_port_is_a_broken_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RequestsConnectionError, match="refused"):
        get(Table(hooks_example=["127.0.0.1"]), f"http://{NAME}:{port}/in")


def test_a_connection_that_does_not_come_up_in_time_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_socket: socket.socket, _address: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", never)
    with pytest.raises(ConnectTimeout, match="timed out"):
        get(Table(hooks_example=["127.0.0.1"]), f"http://{NAME}/in")


def test_a_proxy_resolves_the_name_and_may_live_in_a_private_network() -> None:
    table = Table(proxy_internal=["127.0.0.1"])
    with receiving(Answer(201)) as proxy:
        answer = get(table, f"http://{NAME}/in", proxy=f"http://proxy.internal:{proxy.port}", allow=NAME)
    assert answer.status_code == 201
    assert proxy.requests[0].target == f"http://{NAME}/in"
    assert table.asked == ["proxy.internal"]


def test_tls_goes_through_the_proxy_as_a_tunnel_to_the_name() -> None:
    table = Table(proxy_internal=["127.0.0.1"])
    with receiving(Answer(403)) as proxy, pytest.raises(ProxyError, match="403"):
        get(table, f"https://{NAME}/in", proxy=f"http://proxy.internal:{proxy.port}")
    assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", f"{NAME}:443")]
    assert table.asked == ["proxy.internal"]


def test_plain_http_behind_a_proxy_needs_the_allow_list() -> None:
    with receiving() as proxy, pytest.raises(ReceiverForbidden, match="plain http"):
        get(Table(proxy_internal=["127.0.0.1"]), f"http://{NAME}/in", proxy=f"http://proxy.internal:{proxy.port}")
    assert proxy.connections == 0


def test_proxies_that_might_resolve_here_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="socks5"):
        get(Table(), f"https://{NAME}/in", proxy="socks5://proxy.internal:1080")


def test_a_urllib3_that_connects_by_another_way_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning._PinnedConnection, "_new_conn", HTTPConnection._new_conn)
    with receiving() as receiver, pytest.raises(RequestsConnectionError, match="guard was not asked"):
        get(Table(), f"http://127.0.0.1:{receiver.port}/in")
    assert receiver.requests == []
