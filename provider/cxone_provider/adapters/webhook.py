"""Delivers notifications: signed requests to one receiver, repeated within bounds, to checked addresses only."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from requests import PreparedRequest, Request, Response, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as BodyTimeout

from cxone_provider import __version__
from cxone_provider.adapters.addresses import AddressGuard, Resolver, resolve
from cxone_provider.adapters.pinning import PinningAdapter
from cxone_provider.adapters.redacting import hiding, redact_library_logs
from cxone_provider.adapters.retrying import TryAgain, parse_retry_after_s
from cxone_provider.adapters.webhook_settings import WebhookSettings
from cxone_provider.archive.errors import DeliveryFailed, DeliveryRefused, InvalidSetting, ReceiverForbidden
from cxone_provider.archive.notification import sign
from cxone_provider.archive.ports import Clock, Delivery

STREAM_SOURCE = "cxone-recording-streamer"
_REPEATED = frozenset({408, 425, 429, *range(500, 600)})
_SHORTEST_HIDDEN_TEXT = 4
_SHORTEST_TOKEN = 12


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one request brought: a status and the start of the body, or, without a status, why there is none."""

    status: int | None
    text: str
    retry_after: str | None = None

    @property
    def shown(self) -> str:
        return self.text if self.status is None else f"{self.status} {self.text}".rstrip()


class WebhookNotifier:
    """Implements :class:`cxone_provider.archive.ports.Notifier`; may be used by several threads at once.

    Args:
        settings: where and how.
        clock: for signatures and for waits between requests.
        resolver: where names are looked up.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: WebhookSettings, clock: Clock, *, resolver: Resolver = resolve) -> None:
        if settings.ca_bundle is not None and not Path(settings.ca_bundle).exists():
            raise InvalidSetting("extra.ca_bundle of the webhook connection does not exist", found=settings.ca_bundle)
        redact_library_logs()
        self._settings = settings
        self._clock = clock
        self._guard = AddressGuard(settings.allowed, ReceiverForbidden, resolver)
        self._gone = threading.Event()
        self._hidden = _hidden_texts(settings)

    def deliver(self, webhook_id: str, body: bytes) -> Delivery:
        """Post `body` until the receiver answers 2xx; every try has the same id and bytes, and its own signature.

        A receiver that answered 410 once is not called again.

        Raises:
            DeliveryRefused: any status but 2xx, 408, 425, 429 and 5xx; redirects are not followed.
            DeliveryFailed: these, or no answer at all, until the bounds were reached.
            ReceiverForbidden: the receiver's address may not be called.
            TransferCancelled: cancelled while waiting.
        """
        attempts = 0

        def attempt() -> int:
            nonlocal attempts
            if self._gone.is_set():
                raise self._refused(_Reply(410, "to an earlier notification"))
            attempts += 1
            return self._judged(self._post(webhook_id, body))

        status_code = self._settings.retry.call(attempt, self._clock)
        return Delivery(status_code, attempts, self._clock.now())

    def _judged(self, reply: _Reply) -> int:
        if reply.status is None or reply.status in _REPEATED:
            raise TryAgain(
                DeliveryFailed(
                    f"webhook not delivered to {self._settings.receiver}", found=reply.shown, expected="2xx"
                ),
                wait_s=parse_retry_after_s(reply.retry_after, self._clock.now()),
            )
        if reply.status == 410:
            self._gone.set()
        if not 200 <= reply.status < 300:
            raise self._refused(reply)
        return reply.status

    def _refused(self, reply: _Reply) -> DeliveryRefused:
        redirected = reply.status is not None and 300 <= reply.status < 400
        return DeliveryRefused(
            f"webhook refused by {self._settings.receiver}", found=reply.shown, expected="2xx",
            hint="Redirects are not followed: name the final address." if redirected else None,
        )  # fmt: skip

    def _post(self, webhook_id: str, body: bytes) -> _Reply:
        limit_s = self._settings.timeout_s
        request = Request("POST", self._settings.url, headers=self._headers(webhook_id, body), data=body).prepare()
        transport = _BoundedTransport(self._guard)
        with closing(transport), _cut_after(limit_s, transport), hiding(self._hidden):
            try:
                return self._exchange(transport, request)
            except (OSError, HTTPError) as error:
                # Two clocks have the same limit: the whole exchange's, and the longest silence of a socket.
                late = transport.is_cut or isinstance(error, (Timeout, TimeoutError, BodyTimeout))
                reason = f"no answer within {limit_s:g} s" if late else _reason(error)
        return _Reply(None, self._without_secrets(reason))

    def _exchange(self, transport: _BoundedTransport, request: PreparedRequest) -> _Reply:
        # Not through a Session: it would read the whole body of a redirect, and take logins from ~/.netrc.
        response = transport.send(
            request,
            stream=True,
            timeout=self._settings.timeout_s,
            verify=self._settings.ca_bundle or True,
            proxies=self._settings.proxies,
        )
        with closing(response):
            if transport.is_cut:
                raise TimeoutError("cut inside the head, which the parser takes for its end")
            return _Reply(response.status_code, self._excerpt(response), response.headers.get("Retry-After"))

    def _headers(self, webhook_id: str, body: bytes) -> dict[str, str]:
        timestamp_s = self._clock.now().int_timestamp
        headers = {
            "User-Agent": f"airflow-provider-cxone/{__version__}",
            **self._settings.headers,
            "Content-Type": "application/json",
            "X-Stream-Source": STREAM_SOURCE,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp_s),
        }
        if self._settings.secret:
            headers["webhook-signature"] = sign(self._settings.secret, webhook_id, timestamp_s, body)
        return headers

    def _excerpt(self, response: Response) -> str:
        """Return the start of a refusal's body; that of a 2xx tells nothing and is not read."""
        if 200 <= response.status_code < 300:
            return ""
        limit = self._settings.max_reply_bytes
        start = bytearray()
        with suppress(OSError, HTTPError):  # the status is what counts
            # Piece by piece: a plain read of a chunk with a negative size takes all there is into memory.
            while len(start) < limit and (piece := response.raw.read1(limit - len(start), decode_content=False)):
                start += piece
        return self._without_secrets(start.decode("utf-8", "replace"))

    def _without_secrets(self, text: str) -> str:
        for hidden in self._hidden:
            text = text.replace(hidden, "***")
        return text


def _hidden_texts(settings: WebhookSettings) -> tuple[str, ...]:
    """Return what is never shown: receivers may echo the request in their refusals. Longest first."""
    path = Request("POST", settings.url).prepare().path_url
    texts = (path, settings.secret, *settings.headers.values())
    words = {word for text in texts for word in (text, *text.split()) if len(word) >= _SHORTEST_HIDDEN_TEXT}
    # A router may name the one segment or value it does not like; words of a language are shorter than tokens.
    words |= {word for word in re.split(r"[/?&=]", f"{path}/{unquote(path)}") if len(word) >= _SHORTEST_TOKEN}
    return tuple(sorted(words, key=len, reverse=True))


class _BoundedTransport(PinningAdapter):
    """A transport whose connections another thread can end.

    Time-outs of sockets start anew with every byte, so a reply that drips outlives them.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._twins: list[socket.socket] = []
        self._lock = threading.Lock()
        self.is_cut = False
        super().__init__(guard)

    def connect(self, connection: HTTPConnection, host: str, *, tls: bool) -> socket.socket:
        opened = super().connect(connection, host, tls=tls)
        with self._lock:
            if self.is_cut:
                opened.close()
                raise TimeoutError("cut before the connection stood")
            # TLS takes the socket over; a duplicate of its descriptor still ends the connection below.
            self._twins.append(opened.dup())
        return opened

    def cut(self) -> None:
        """End every connection; who reads from one gets its end at once."""
        with self._lock:
            self.is_cut = True
            for twin in self._twins:
                with suppress(OSError):  # the receiver may have ended it before
                    twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            while self._twins:
                self._twins.pop().close()
        super().close()


@contextmanager
def _cut_after(limit_s: float, transport: _BoundedTransport) -> Iterator[None]:
    timer = threading.Timer(limit_s, transport.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(error: BaseException) -> str:
    """Return what broke, without the URL that requests' and urllib3's outer errors show."""
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause
    return f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else type(error).__name__
