"""Where a tenant's token endpoint and API are, as the issuer's documents say.

The documents are not trusted: what they name is used only where it is https, or plain http that the connection allows,
at the issuer's own host or one of the connection's `api_hosts`. Secrets and tokens go nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxone_provider.adapters.cxone.grants import TokenRequests
from cxone_provider.adapters.cxone.origins import is_loopback, parse_base_url
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.archive.errors import UnexpectedAnswer, shown

OPENID_PATH = "/.well-known/openid-configuration"
TENANT_PATH = "/.well-known/cxone-configuration"


def checked_endpoint(document: Mapping[str, Any], name: str, settings: CXoneSettings) -> str:
    """Return the URL that a discovery document names, without a slash at its end.

    Raises:
        UnexpectedAnswer: it is missing, has a user, query or fragment, or may not be given a secret.
    """
    value = document.get(name)
    url = parse_base_url(value) if isinstance(value, str) else None
    issuer = parse_base_url(settings.base_url)
    if url is None or issuer is None:
        raise UnexpectedAnswer(f"{name} of the discovery document", found=shown(value), expected="https://host[/path]")
    known = url.host == issuer.host or settings.api_hosts.match(url.host)
    if known and (url.tls or settings.allow_http or is_loopback(url.host)):
        return url.text
    raise UnexpectedAnswer(
        f"{name} of the discovery document leads where no secret may go", found=shown(url.text),
        expected=f"https at {issuer.host} or {', '.join(settings.api_hosts.patterns)}",
        hint="If this host is the vendor's, add it to api_hosts in the connection's extra.",
    )  # fmt: skip


class Discovery:
    """Reads each document once; for one thread at a time.

    Args:
        token_requests: sends the requests.
    """

    def __init__(self, token_requests: TokenRequests) -> None:
        self._requests = token_requests
        self._token_endpoint: str | None = None
        self._api_endpoints: dict[str, str] = {}

    def token_endpoint(self) -> str:
        """Return the URL that credentials are sent to.

        Raises:
            RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        if self._token_endpoint is None:
            document = self._document(OPENID_PATH, {})
            self._token_endpoint = checked_endpoint(document, "token_endpoint", self._requests.settings)
        return self._token_endpoint

    def api_endpoint(self, tenant_id: str) -> str:
        """Return the base URL of a tenant's API.

        Raises:
            RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        if tenant_id not in self._api_endpoints:
            document = self._document(TENANT_PATH, {"tenantId": tenant_id})
            self._api_endpoints[tenant_id] = checked_endpoint(document, "api_endpoint", self._requests.settings)
        return self._api_endpoints[tenant_id]

    def _document(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return self._requests.public_document(self._requests.settings.base_url, path, "discovery document", params)
