"""The simulator's own endpoints under ``/_simulator/``: look at it and steer it while it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from cxone_provider.simulator.answer import Answer, error_answer, json_answer
from cxone_provider.simulator.apis import Apis
from cxone_provider.simulator.contacts import KeptContact
from cxone_provider.simulator.errors import ScenarioError, unknown_name
from cxone_provider.simulator.faults import RECORDING_ENDPOINTS, parse_rules
from cxone_provider.simulator.recording import Recording
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.request_log import RequestLog
from cxone_provider.simulator.storage import parse_phases
from cxone_provider.simulator.tenant import Tenant
from cxone_provider.simulator.webhook import WebhookReceiver

PREFIX = "/_simulator/"
WEBHOOK_PATH = "/_simulator/webhook"
_RECORDING_PATH = re.compile(r"recordings/([^/]+)/(faults|state)")
_STATE_FIELDS = frozenset({"storageState", "status"})


class Admin:
    """Answers the endpoints that steer the simulator. They are neither logged nor struck by faults."""

    def __init__(self, tenant: Tenant, apis: Apis, log: RequestLog, webhook: WebhookReceiver) -> None:
        self._tenant = tenant
        self._apis = apis
        self._log = log
        self._webhook = webhook
        self._calls: Mapping[str, Callable[[Request], Answer]] = {
            "GET health": self._health,
            "GET requests": self._requests,
            "DELETE requests": self._forget_requests,
            "GET recordings": self._recordings,
            "GET contacts": self._contacts,
            "GET webhook": self._deliveries,
            "DELETE webhook": self._forget_deliveries,
            "PUT faults": self._script_tenant,
            "POST tokens/revoke": self._revoke_tokens,
            "POST links/expire": self._expire_links,
            "POST reset": self._reset,
        }

    def answer(self, request: Request) -> Answer:
        """Answer a request under :data:`PREFIX`; 404 names what exists."""
        path = request.path.removeprefix(PREFIX)
        call = self._calls.get(f"{request.method} {path}")
        match = _RECORDING_PATH.fullmatch(path)
        try:
            if call is not None:
                return call(request)
            if match and request.method == "PUT":
                return self._change(unquote(match[1]), match[2], request)
        except ScenarioError as error:
            return error_answer(400, "invalid", str(error))
        known = [*self._calls, "PUT recordings/{id}/faults", "PUT recordings/{id}/state"]
        return error_answer(404, "not_found", "no such admin endpoint", {"endpoints": known})

    def reset(self) -> None:
        """Lead everything back to how it was set up."""
        self._tenant.reset()
        self._apis.reset()
        self._log.clear()
        self._webhook.clear()

    def _health(self, _request: Request) -> Answer:
        recordings = len(self._tenant.recordings())
        issued = self._tenant.tokens.issued
        own = {"status": "ok", "recordings": recordings, "tokens_issued": issued}
        return json_answer(200, {**own, **self._apis.as_json()})

    def _requests(self, _request: Request) -> Answer:
        return json_answer(200, {"requests": [record.as_json() for record in self._log.records()]})

    def _forget_requests(self, _request: Request) -> Answer:
        self._log.clear()
        return Answer(204)

    def _recordings(self, _request: Request) -> Answer:
        return json_answer(200, {"recordings": [_described(recording) for recording in self._tenant.recordings()]})

    def _contacts(self, _request: Request) -> Answer:
        contacts = self._tenant.contacts.contacts()
        return json_answer(200, {"contacts": [_described_contact(contact) for contact in contacts]})

    def _deliveries(self, _request: Request) -> Answer:
        return json_answer(200, {"deliveries": [delivery.as_json() for delivery in self._webhook.deliveries()]})

    def _forget_deliveries(self, _request: Request) -> Answer:
        self._webhook.clear()
        return Answer(204)

    def _script_tenant(self, request: Request) -> Answer:
        self._tenant.script.replace(parse_rules(_document(request)))
        return Answer(204)

    def _revoke_tokens(self, _request: Request) -> Answer:
        return json_answer(200, {"revoked": self._tenant.tokens.revoke_all()})

    def _expire_links(self, _request: Request) -> Answer:
        return json_answer(200, {"expired": self._apis.links.expire_all()})

    def _reset(self, _request: Request) -> Answer:
        self.reset()
        return Answer(204)

    def _change(self, subject_id: str, what: str, request: Request) -> Answer:
        if what == "faults":
            script = self._tenant.script_of(subject_id)
            script.replace(parse_rules(_document(request), RECORDING_ENDPOINTS))
        else:
            recording = self._tenant.recording(subject_id)
            _set_state(recording, _document(request))
        return Answer(204)


def _set_state(recording: Recording, document: object) -> None:
    if not isinstance(document, Mapping):
        raise ScenarioError(f'a state is {{"storageState": …, "status": …}}, not {document!r}')
    for name in document:
        if name not in _STATE_FIELDS:
            raise unknown_name("field of a state", name, _STATE_FIELDS)
    phases = parse_phases(document["storageState"]) if "storageState" in document else None
    status = document.get("status")
    if status is not None and not isinstance(status, str):
        raise ScenarioError(f"status is {status!r}; text is needed")
    recording.set_state(phases, status)


def _document(request: Request) -> object:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"the body is not JSON: {error}") from error


def _described(recording: Recording) -> dict[str, object]:
    recorded_at = recording.spec.recorded_at
    return {
        **recording.description(recording.storage.current()),
        "recordedAt": None if recorded_at is None else recorded_at.isoformat(),
        "formats": recording.formats(),
        "faults": [rule.fault.name for rule in recording.script.rules],
    }


def _described_contact(contact: KeptContact) -> dict[str, object]:
    return {
        "id": contact.spec.contact_id,
        "contactIds": contact.contact_ids,
        "startTime": contact.started_at.isoformat(),
        "isListed": contact.is_listed,
        "isAvailable": contact.is_available,
        "faults": [rule.fault.name for rule in contact.script.rules],
        "recordings": [_described(known.recording) for known in contact.interactions],
    }
