"""A threaded HTTP/1.1 server on plain sockets: keep-alive, one thread per connection, a stop that leaves nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import threading

from cxone_provider.simulator.answer import Answer, Delivery, Ending, error_answer
from cxone_provider.simulator.application import Application
from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.request import BadRequest, Request, RequestReader
from cxone_provider.simulator.wire import ServerStopped, Wire

_BACKLOG = 256
_DRAIN_S = 1.0
_DRAINED_BLOCK_BYTES = 2**18
_DRAINED_BLOCKS = 256


class Server:
    """Listens from the moment it is made until :meth:`stop`.

    Args:
        host: a loopback address or name.
        port: 0 takes a free one.
        allow_remote: permits other hosts; whoever reaches the port can steer the simulator.

    Raises:
        ScenarioError: `host` is not loopback and `allow_remote` is false.
        OSError: the address is taken or not there.
    """

    def __init__(self, application: Application, clock: Clock, host: str, port: int, *, allow_remote: bool) -> None:
        family, address = _resolved(host, port)
        if not allow_remote and not ipaddress.ip_address(address).is_loopback:
            raise ScenarioError(f"{host} is not a loopback address; --allow-remote listens on it all the same")
        self._application = application
        self._clock = clock
        self._stopped = threading.Event()
        # Only the acceptor changes this, and it has ended when stop() reads it.
        self._conversations: list[tuple[socket.socket, threading.Thread]] = []
        self._accepted = 0
        self._listener = socket.create_server((address, port), family=family, backlog=_BACKLOG)
        # A blocked accept() is not woken by closing its socket; a byte in this pair ends the selector's wait.
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._host = f"[{address}]" if family is socket.AF_INET6 else address
        self._acceptor = threading.Thread(target=self._accept, name="simulator-acceptor", daemon=True)
        self._acceptor.start()

    @property
    def base_url(self) -> str:
        """The address to reach it at."""
        return f"http://{self._host}:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        """Stop listening, break open connections, and wait until every thread has ended. May be called twice."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._wake_sender.send(b"\0")
        self._acceptor.join()
        for connection, thread in self._conversations:
            _shut(connection)
            thread.join()
        for own in (self._listener, self._wake_sender, self._wake_receiver):
            own.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            while not self._stopped.is_set():
                if any(key.fileobj is self._listener for key, _ in selector.select()):
                    self._start_conversation(self._listener.accept()[0])

    def _start_conversation(self, connection: socket.socket) -> None:
        # Small answers would wait for the acknowledgement of the one before.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted += 1
        name = f"simulator-{self._accepted}"
        thread = threading.Thread(target=self._serve, args=(connection, self._accepted), name=name, daemon=True)
        # Ended ones are dropped here and not by themselves: stop() must be able to join every thread that still runs.
        alive = [known for known in self._conversations if known[1].is_alive()]
        self._conversations = [*alive, (connection, thread)]
        thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            self._converse(connection, number)
        except (OSError, ServerStopped):
            pass  # the client went away, or the simulator stops: nobody is left to tell
        finally:
            connection.close()

    def _converse(self, connection: socket.socket, number: int) -> None:
        reader = RequestReader(connection, number)
        wire = Wire(connection, self._clock, self._stopped)
        goes_on = True
        while goes_on and not self._stopped.is_set():
            try:
                request = reader.read()
            except BadRequest as error:
                wire.deliver(_refusal(error), _UNREADABLE)
                _drain(connection)
                return
            goes_on = request is not None and self._application.serve(request, wire)


# Stands for the request that could not be read; its version makes the refusal announce the end of the connection.
_UNREADABLE = Request("GET", "/", "HTTP/1.0", (), b"", 0)


def _refusal(error: BadRequest) -> Answer:
    return error_answer(error.status, "bad_request", str(error)).delivered(Delivery(ending=Ending.FIN))


def _drain(connection: socket.socket) -> None:
    """Read on for a while: closing with unread bytes would reset the connection under the refusal."""
    connection.settimeout(_DRAIN_S)
    for _ in range(_DRAINED_BLOCKS):
        if not connection.recv(_DRAINED_BLOCK_BYTES):
            return


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return family, str(address[0])


def _shut(connection: socket.socket) -> None:
    # its own thread may have closed it already
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
