"""Access keys against the simulator: discovery, renewal, and a token that was revoked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.archive.errors import AuthenticationFailed
from cxone_provider.simulator import ApiSettings, ManualClock, Simulator
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.server
APIS = ApiSettings(access_key_id="key/id+1====", access_key_secret="se&cr+et%====", api_endpoint="/under/a/path")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(client_secret="a:b&c=", apis=APIS, clock=ManualClock()) as running:
        running.add_contact("4711", [])
        yield running


def api_of(simulator: Simulator, clock: FakeClock, **extra: str) -> TenantApi:
    fields = {
        "api": "media-playback",
        "access_key_id": APIS.access_key_id,
        "access_key_secret": APIS.access_key_secret,
        **extra,
    }
    return TenantApi(settings_of(simulator.base_url, simulator.client_id, simulator.client_secret, fields), clock)


def ask(api: TenantApi) -> int:
    with api.ask(Call("/media-playback/v1/contacts", 5, {"acd-call-id": "4711"}), {}) as answer:
        return answer.status_code


@pytest.mark.parametrize("client_auth", ["basic", "form"])
def test_the_whole_way_to_the_tenants_api(simulator: Simulator, client_auth: str) -> None:
    api = api_of(simulator, FakeClock(), client_auth=client_auth)
    assert api.check() == f"{simulator.base_url}/under/a/path"
    assert ask(api) == 200
    assert simulator.tokens_issued == 1


def test_an_older_tenants_way(simulator: Simulator) -> None:
    api = api_of(simulator, FakeClock(), auth="access_key_json", area=simulator.base_url)
    assert ask(api) == 200


def test_renewal_works_as_long_as_the_tenant_lets_it(simulator: Simulator) -> None:
    clock = FakeClock()
    api = api_of(simulator, clock)
    for _ in range(3):
        assert ask(api) == 200
        clock.pass_s(3571)
    assert simulator.tokens_issued == 3


def test_a_revoked_token_costs_one_new_one(simulator: Simulator) -> None:
    api = api_of(simulator, FakeClock())
    assert ask(api) == 200
    simulator.revoke_tokens()
    assert ask(api) == 200
    assert simulator.tokens_issued == 2


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    with pytest.raises(AuthenticationFailed, match="refused the credentials"):
        api_of(simulator, FakeClock(), access_key_secret="wrong====").check()
