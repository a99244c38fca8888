"""From a request to an answer on the wire: route, faults, endpoint, log."""

from __future__ import annotations

from collections.abc import Sequence

from cxone_provider.simulator.admin import PREFIX, WEBHOOK_PATH, Admin
from cxone_provider.simulator.answer import Answer, error_answer
from cxone_provider.simulator.dialect import Dialect, Endpoint, Exchange, Route, Subject
from cxone_provider.simulator.faults import Fault
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.request_log import RequestLog
from cxone_provider.simulator.tenant import Tenant
from cxone_provider.simulator.webhook import WebhookReceiver
from cxone_provider.simulator.wire import Wire


class Application:
    """Serves one tenant in any number of dialects. Safe under threads.

    Args:
        dialects: asked in order; the first that has a route answers.
    """

    def __init__(
        self, tenant: Tenant, dialects: Sequence[Dialect], log: RequestLog, webhook: WebhookReceiver, admin: Admin
    ) -> None:
        self._tenant = tenant
        self._dialects = tuple(dialects)
        self._log = log
        self._webhook = webhook
        self.admin = admin

    def serve(self, request: Request, wire: Wire) -> bool:
        """Answer a request; return whether the connection can serve another.

        Raises:
            OSError: the client went away.
            ServerStopped: the simulator is being stopped.
        """
        route = self._route(request)
        if route is None and request.path.startswith(PREFIX):
            return wire.deliver(self.admin.answer(request), request)
        received_at = self._tenant.clock.now()
        answer, struck = self._answered(request, route)
        target = (None, None) if route is None else (route.endpoint.value, route.recording_id)
        # Before the first byte goes out: a client that has its answer must find the request in the log.
        number = self._log.begin(request, at=received_at, status=answer.status, target=target, faults=struck)
        try:
            return wire.deliver(answer, request)
        finally:
            self._log.end(number, wire.body_bytes)

    def _route(self, request: Request) -> Route | None:
        is_webhook = request.path == WEBHOOK_PATH or request.path.startswith(f"{WEBHOOK_PATH}/")
        if is_webhook and request.method not in {"GET", "DELETE"}:
            return Route(Endpoint.WEBHOOK, None, self._webhook.receive)
        return next((route for dialect in self._dialects if (route := dialect.route(request))), None)

    def _answered(self, request: Request, route: Route | None) -> tuple[Answer, list[str]]:
        """Return the answer and the names of the faults that struck."""
        if route is None:
            return error_answer(404, "not_found", "no such path"), []
        subject = route.subject or self._tenant.find(route.recording_id)
        faults = self._striking(route.endpoint, subject, request)
        if not faults:
            return _responded(route, request), []
        exchange = Exchange(request, route.endpoint, subject, self._tenant.tokens, self._tenant.clock.now())
        for fault in faults:
            fault.prepare(exchange)
        instead = (fault.intercept(exchange) for fault in faults)
        answer = next((given for given in instead if given is not None), None) or _responded(route, exchange.request)
        for fault in faults:
            answer = fault.alter(answer, exchange)
        return answer, [fault.name for fault in faults]

    def _striking(self, endpoint: Endpoint, subject: Subject | None, request: Request) -> list[Fault]:
        # Both scripts count every request, whoever strikes first.
        own = [] if subject is None else subject.striking(endpoint, request)
        return own + self._tenant.script.striking(endpoint, request)


def _responded(route: Route, request: Request) -> Answer:
    try:
        return route.respond(request)
    except OSError as error:
        return error_answer(500, "recording_unreadable", f"a file has changed since the simulator started: {error}")
