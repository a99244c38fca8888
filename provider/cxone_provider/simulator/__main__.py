"""``python -m cxone_provider.simulator``: the simulator on the command line."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import fault_table
from cxone_provider.simulator.settings import ApiSettings, Setting, settings
from cxone_provider.simulator.signature import DEFAULT_HEADER
from cxone_provider.simulator.simulation import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, Simulator

_USAGE_ERROR = 2
_ENVIRONMENT_PREFIX = "CXONE_SIMULATOR_"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    options = options_of(arguments)
    if options.list_faults:
        sys.stdout.write(f"{fault_table()}\n")
        return 0
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with simulator_of(options) as simulator:
            sys.stdout.write(f"listening on {simulator.base_url}\n")
            sys.stdout.flush()
            ended.wait()
    except (ScenarioError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return _USAGE_ERROR
    return 0


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says; None is the process's own."""
    return _parser().parse_args(arguments)


def simulator_of(options: argparse.Namespace) -> Simulator:
    """Return the simulator that the options describe, not started.

    Raises:
        ScenarioError: an option, a recording or a scenario that makes no sense.
    """
    return Simulator(
        recordings_dir=options.recordings,
        scenario=options.scenario,
        client_id=options.client_id,
        client_secret=options.client_secret,
        stream_secret=options.stream_secret or None,
        signature_header=options.signature_header,
        token_ttl_s=options.token_ttl_s,
        host=options.host,
        port=options.port,
        allow_remote=options.allow_remote,
        request_log=options.request_log,
        apis=ApiSettings(**{setting.name: getattr(options, setting.name) for setting in settings()}),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cxone_provider.simulator", description="A CXone tenant to develop and test against."
    )
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="audio files, and perhaps recordings.json")
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="JSON that adds recordings, states and faults")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, choices=range(2**16), metavar="PORT", default=0, help="0 takes a free one (default)"
    )
    parser.add_argument("--allow-remote", action="store_true", help="listen on a host that is not loopback")
    _add_credential(parser, "client-id", DEFAULT_CLIENT_ID)
    _add_credential(parser, "client-secret", DEFAULT_CLIENT_SECRET)
    _add_credential(parser, "stream-secret", "")
    parser.add_argument("--signature-header", default=DEFAULT_HEADER, help="default %(default)s")
    parser.add_argument("--token-ttl-s", type=float, default=3600, help="default %(default)s")
    parser.add_argument("--request-log", type=Path, metavar="FILE", help="append each request as a line of JSON")
    for setting in settings():
        _add_setting(parser, setting)
    parser.add_argument("--list-faults", action="store_true", help="print the table of faults and exit")
    return parser


def _add_setting(parser: argparse.ArgumentParser, setting: Setting) -> None:
    meaning = setting.meaning.replace("%", "%%")
    if setting.kind is bool:
        parser.add_argument(
            setting.option, default=setting.default, action=argparse.BooleanOptionalAction, help=meaning
        )
    elif setting.is_credential:
        _add_credential(parser, setting.option.removeprefix("--"), str(setting.default))
    else:
        shown = f"{meaning} (default {setting.default!r})"
        parser.add_argument(setting.option, type=setting.kind, default=setting.default, metavar="VALUE", help=shown)


def _add_credential(parser: argparse.ArgumentParser, name: str, default: str) -> None:
    variable = _ENVIRONMENT_PREFIX + name.replace("-", "_").upper()
    value = os.environ.get(variable, default)
    parser.add_argument(f"--{name}", default=value, help=f"also from ${variable}")


if __name__ == "__main__":
    sys.exit(main())
