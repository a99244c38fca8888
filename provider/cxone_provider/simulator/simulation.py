"""The simulator as an object: started and stopped in a process of one's own, most of all in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cxone_provider.simulator.admin import Admin
from cxone_provider.simulator.apis import Apis
from cxone_provider.simulator.application import Application
from cxone_provider.simulator.clock import Clock, SystemClock
from cxone_provider.simulator.contact_control import ContactControl
from cxone_provider.simulator.entries import GENERATED_AT, checked_id, format_of
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import RECORDING_ENDPOINTS, parse_rules
from cxone_provider.simulator.generated import GeneratedWav, Pcm
from cxone_provider.simulator.media import BytesMedia, FileMedia, Media, read
from cxone_provider.simulator.recording import COMPLETED, RecordingSpec
from cxone_provider.simulator.recording_v2 import RecordingV2
from cxone_provider.simulator.request_log import RequestLog, RequestRecord
from cxone_provider.simulator.scenario import load_scenario
from cxone_provider.simulator.server import Server
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.signature import DEFAULT_HEADER, SignatureSettings
from cxone_provider.simulator.storage import parse_phases
from cxone_provider.simulator.tenant import Tenant
from cxone_provider.simulator.tokens import ALL_SCOPES, Client, TokenDesk
from cxone_provider.simulator.webhook import Delivery, WebhookReceiver

FaultDocuments = Sequence[Mapping[str, object]]
StorageDocument = str | Sequence[Mapping[str, object]]

DEFAULT_CLIENT_ID = "simulator"
DEFAULT_CLIENT_SECRET = "simulator-secret"  # noqa: S105  # opens nothing but a simulator


@dataclass(kw_only=True)
class Simulator(ContactControl):
    """A CXone tenant on a local port, as a context manager.

    ::

        with Simulator(recordings_dir=folder) as simulator:
            simulator.script("call-1", [{"fault": "status", "status": 503, "times": 2}])
            fetch(simulator.base_url)
            assert [record.status for record in simulator.requests] == [200, 200, 503, 503, 206]

    Attributes:
        recordings_dir: a folder of audio files, with or without an index.
        scenario: a file that adds recordings, states and faults.
        scopes: what the client may be granted.
        stream_secret: signs every 206; None signs nothing.
        token_ttl_s: how long a token holds.
        port: 0 takes a free one.
        allow_remote: permits a host that is not loopback.
        request_log: requests are appended there as JSON Lines.
        apis: of everything but ``recording-v2``.
        clock: tokens, links, quotas, storage states, delays and drips go by it.
    """

    recordings_dir: Path | None = None
    scenario: Path | None = None
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = field(default=DEFAULT_CLIENT_SECRET, repr=False)
    scopes: frozenset[str] = frozenset(ALL_SCOPES)
    stream_secret: str | None = field(default=None, repr=False)
    signature_header: str = DEFAULT_HEADER
    token_ttl_s: float = 3600
    host: str = "127.0.0.1"
    port: int = 0
    allow_remote: bool = False
    request_log: Path | None = None
    apis: ApiSettings = field(default_factory=ApiSettings)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        client = Client(self.client_id, self.client_secret, self.scopes)
        self._tenant = Tenant(TokenDesk(client, self.token_ttl_s, self.clock), self.clock)
        if self.recordings_dir is not None:
            loaded = load_scenario(self.recordings_dir, self.scenario)
            self._tenant.set_up(loaded.recordings, loaded.contacts, loaded.rules)
        elif self.scenario is not None:
            raise ScenarioError("a scenario needs the folder of the recordings it names")
        self._webhook = WebhookReceiver(self.clock)
        self._log = RequestLog(self.request_log)
        self._apis = Apis(self.apis, self._tenant)
        recording_v2 = RecordingV2(self._tenant, SignatureSettings(self.stream_secret, self.signature_header))
        dialects = [recording_v2, *self._apis.dialects()]
        admin = Admin(self._tenant, self._apis, self._log, self._webhook)
        self._application = Application(self._tenant, dialects, self._log, self._webhook, admin)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            ScenarioError: the host is not loopback, and that was not allowed.
            OSError: the address is taken or not there.
        """
        if self._server is None:
            self._server = Server(self._application, self.clock, self.host, self.port, allow_remote=self.allow_remote)

    def stop(self) -> None:
        """Break every connection and end every thread. What was recorded stays readable. May be called twice."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._log.close()

    @property
    def base_url(self) -> str:
        """The address of the running simulator, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return self._server.base_url

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request but those to the admin endpoints, in the order of arrival."""
        return self._log.records()

    @property
    def webhooks(self) -> list[Delivery]:
        """What was posted to ``/_simulator/webhook``, in order."""
        return self._webhook.deliveries()

    @property
    def tokens_issued(self) -> int:
        """How many tokens were issued."""
        return self._tenant.tokens.issued

    def add_recording(  # noqa: PLR0913  # one keyword for each field of a recording
        self,
        recording_id: str,
        source: Path | bytes,
        *,
        format: str | None = None,  # noqa: A002  # the API's own word
        duration_s: float | None = None,
        recorded_at: datetime | None = None,
        storage_state: StorageDocument = "available",
        status: str = COMPLETED,
        size: int | None = None,
        renditions: Mapping[str, Path | bytes] | None = None,
        faults: FaultDocuments = (),
    ) -> None:
        """Add a recording, or replace the one with its id.

        Args:
            recording_id: text without a slash.
            source: a file, or the bytes themselves.
            format: of `source`; a file's suffix tells it too.
            duration_s: None measures it; null in the metadata where the audio does not tell.
            recorded_at: shown by ``GET /_simulator/recordings``.
            storage_state: a state, or phases: ``[{"state": "archived", "for_requests": 2}, {"state": "available"}]``.
            status: the metadata's ``status``.
            size: what the metadata says in place of the true size.
            renditions: further formats for ``?format=``.
            faults: see :meth:`script`.

        Raises:
            ScenarioError: the id, the format, the state or a fault makes no sense.
        """
        audio_format = format or (format_of(source.name) if isinstance(source, Path) else None)
        if audio_format is None:
            raise ScenarioError(f"the recording {recording_id!r} needs a format")
        spec = RecordingSpec(
            recording_id=checked_id(recording_id),
            audio_format=audio_format,
            media=self._media(source),
            duration_s=duration_s,
            recorded_at=recorded_at,
            storage=parse_phases(storage_state),
            status=status,
            declared_size_bytes=size,
            renditions={form: self._media(other) for form, other in (renditions or {}).items()},
            faults=parse_rules(faults, RECORDING_ENDPOINTS),
        )
        self._tenant.add(spec)

    def add_generated(
        self, recording_id: str, size_bytes: int, *, sample_rate_hz: int = 8000, channels: int = 2
    ) -> None:
        """Add a PCM WAV of `size_bytes`, a multiple of four, that takes no memory and no disk.

        Raises:
            ScenarioError: the id, the size or the format makes no sense.
        """
        media = GeneratedWav(size_bytes, Pcm(sample_rate_hz, channels), GENERATED_AT)
        self._tenant.add(RecordingSpec(checked_id(recording_id), "wav", media, duration_s=media.duration_s))

    def script(self, recording_id: str, faults: FaultDocuments) -> None:
        """Replace the faults of a recording, a contact or a contact's interaction; ``docs/simulator.md`` lists them.

        Raises:
            ScenarioError: no such recording, or an unknown fault or field.
        """
        self._tenant.script_of(recording_id).replace(parse_rules(faults, RECORDING_ENDPOINTS))

    def script_tenant(self, faults: FaultDocuments) -> None:
        """Replace the faults of the whole tenant: all recordings, the token endpoint, the webhook receiver.

        Raises:
            ScenarioError: an unknown fault or field.
        """
        self._tenant.script.replace(parse_rules(faults))

    def set_state(
        self, recording_id: str, storage_state: StorageDocument | None = None, *, status: str | None = None
    ) -> None:
        """Replace the storage state, the status, or both.

        Raises:
            ScenarioError: no such recording, or no such state.
        """
        phases = None if storage_state is None else parse_phases(storage_state)
        self._tenant.recording(recording_id).set_state(phases, status)

    def media_bytes(self, recording_id: str, format: str | None = None) -> bytes:  # noqa: A002  # the API's own word
        """Return the bytes that the recording has now, all of them.

        Raises:
            ScenarioError: no such recording or rendition.
        """
        rendition = self._tenant.recording(recording_id).media(format)
        if rendition is None:
            raise ScenarioError(f"the recording {recording_id!r} has no rendition {format!r}")
        return read(rendition[1], 0, rendition[1].size_bytes)

    def revoke_tokens(self) -> None:
        """Make every token worthless."""
        self._tenant.tokens.revoke_all()

    def reset(self) -> None:
        """Lead states, versions and faults back to how they were set up; forget tokens, requests and deliveries."""
        self._application.admin.reset()

    def _media(self, source: Path | bytes) -> Media:
        return BytesMedia(source, self.clock.now()) if isinstance(source, bytes) else FileMedia(source)
