"""Where botocore would send a bucket's requests and how it would sign them: asked of botocore, with nothing sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import get_environ_proxies
from urllib3.response import HTTPResponse

from cxone_provider.adapters.s3.signing import Keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PROBE = "a-key-that-is-only-looked-at"


@dataclass(frozen=True, slots=True)
class Route:
    """A bucket as botocore addresses and signs it.

    Attributes:
        scheme, host: of the endpoint; `host` as the header says it.
        path: what stands before a key; begins and ends with a slash.
        region: requests are signed for.
    """

    scheme: str
    host: str
    path: str
    region: str
    _signer: Any = field(repr=False)

    def keys(self) -> Keys:
        """Return what signs now; renewed by botocore where it ends."""
        keys: Keys = self._signer.get_auth_instance("s3", self.region, "s3v4").credentials
        return keys


class _Observer:
    """Sees one request come by, and answers it in the network's place."""

    def __init__(self) -> None:
        self.url = ""
        self.signing: dict[str, Any] = {}

    def before_sign(self, **signing: Any) -> None:
        if _PROBE in signing["request"].url:
            self.signing = signing

    def before_send(self, request: Any, **_: Any) -> AWSResponse | None:
        if _PROBE not in request.url:
            return None  # another thread's
        self.url = request.url
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(BytesIO(), preload_content=False))


def route_of(client: S3Client, bucket: str) -> Route | None:
    """Return a bucket's route, or None where something about it is out of the ordinary.

    Ordinary are: Signature Version 4 with a body that is not signed, no proxy, no client certificate, and keys in the
    path behind one prefix.
    """
    config: Any = client.meta.config
    signs_bodies = (config.s3 or {}).get("payload_signing_enabled") is not False
    if signs_bodies or config.client_cert is not None or config.proxies:
        return None
    seen = _observed(client, bucket)
    url, signing = urlsplit(seen.url), seen.signing
    if not url.path.endswith(f"/{_PROBE}") or url.query or get_environ_proxies(seen.url):
        return None
    if (signing.get("signing_name"), signing.get("signature_version")) != ("s3", "s3v4"):
        return None
    route = Route(
        url.scheme, url.netloc, url.path.removesuffix(_PROBE), signing["region_name"], signing["request_signer"]
    )
    auth = signing["request_signer"].get_auth_instance("s3", route.region, "s3v4")
    return route if type(auth) is S3SigV4Auth and auth.credentials is not None else None


def _observed(client: S3Client, bucket: str) -> _Observer:
    observer, events = _Observer(), client.meta.events
    hooks: dict[str, Any] = {
        "before-sign.s3.HeadObject": observer.before_sign,
        "before-send.s3.HeadObject": observer.before_send,
    }
    for event, hook in hooks.items():
        events.register(event, hook)
    try:
        client.head_object(Bucket=bucket, Key=_PROBE)
    except (BotoCoreError, ClientError):
        # No credentials, or no region: botocore says so again when it is asked in earnest.
        return _Observer()
    finally:
        for event, hook in hooks.items():
            events.unregister(event, hook)
    return observer
