"""The console as a FastAPI app: every route asks for a signed-in user who may look."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse, JSONResponse

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.errors import ArchiveError, InvalidInput, StoreError, StoreUnavailable
from cxone_provider.archive.escaping import shown
from cxone_provider.console.api_days import days_router
from cxone_provider.console.api_recordings import doings_router, recordings_router
from cxone_provider.console.event_log import NotRecorded
from cxone_provider.console.pages import pages_router
from cxone_provider.console.reading import TooLarge
from cxone_provider.console.services import Services, store_of_airflow
from cxone_provider.console.settings import ConsoleSettings, settings_of_airflow
from cxone_provider.console.spans import SpanNotSatisfiable
from cxone_provider.console.waveform import NotDrawable

log = logging.getLogger(__name__)
_DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "media-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    # no script can turn text into markup, whatever it does
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {value}" for name, value in _DIRECTIVES.items())
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# An error's own text may name keys, rights and addresses: it goes into the log, and these sentences to the browser.
_SENTENCES: tuple[tuple[type[Exception], int, str], ...] = (
    (SpanNotSatisfiable, 416, "The recording ends before that."),
    (NotDrawable, 422, "No waveform can be drawn of this recording here."),
    (TooLarge, 413, "That is more than the console shows at once."),
    (InvalidInput, 400, "That cannot be asked for, or what lies there is not what it should be."),
    (StoreUnavailable, 503, "The archive's store does not answer. Try again in a moment."),
    (StoreError, 502, "The archive's store refuses. The API server's log tells why."),
    (NotRecorded, 503, "The audit log cannot be written, so nothing is played, verified or exported."),
    (ArchiveError, 500, "The archive cannot be read. The API server's log tells why."),
)
_SIGN_IN = "<!doctype html><html lang=en><meta charset=utf-8><title>Sign in</title><h1>You are not signed in</h1>"
_FORBIDDEN = "<!doctype html><html lang=en><meta charset=utf-8><title>No access</title><h1>No access</h1>"
_TOLD = {
    401: f"{_SIGN_IN}<p>The recordings archive is open to people who are signed in to Airflow.",
    403: f"{_FORBIDDEN}<p>You may not see the recordings archive. It takes the right to read the runs of the DAG that"
    " fills it: ask who looks after Airflow.",
}


def create_app(
    settings: ConsoleSettings | None = None,
    open_store: Callable[[], ArchiveBrowser] | None = None,
    secret: str | None = None,
) -> FastAPI:
    """Return the app; nothing is sent and no connection is read before somebody asks for data.

    Args:
        settings: of the deployment; Airflow's configuration by default.
        open_store: reaches the bucket; Airflow's connection by default.
        secret: signs tickets; Airflow's ``[api] secret_key`` by default.
    """
    known = settings or settings_of_airflow()
    services = Services(known, open_store or (lambda: store_of_airflow(known)), secret or _secret_of_airflow())
    app = FastAPI(
        title="Recordings archive", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(services.access.to_look)],
    )  # fmt: skip
    for router in (pages_router(), days_router(services), recordings_router(services), doings_router(services)):
        app.include_router(router)
    _tell_errors(app, services)
    app.middleware("http")(_with_headers)
    return app


def _secret_of_airflow() -> str:
    from airflow.providers.common.compat.sdk import conf

    return str(conf.get("api", "secret_key"))


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _tell_errors(app: FastAPI, services: Services) -> None:
    def told(_: Request, error: Exception) -> Response:
        if isinstance(error, StoreError):
            services.reach_again()
        code, sentence = next((code, text) for kind, code, text in _SENTENCES if isinstance(error, kind))
        log.warning("the console answers %d: %s: %s", code, type(error).__name__, shown(str(error), limit=500))
        return JSONResponse({"detail": sentence}, code)

    for kind in (ArchiveError, NotRecorded):
        app.exception_handler(kind)(told)
    app.exception_handler(HTTPException)(_refusal)


def _refusal(request: Request, error: Exception) -> Response:
    """Answer a person with a page, and a script with JSON."""
    refused = cast("HTTPException", error)
    if "text/html" in request.headers.get("Accept", "") and refused.status_code in _TOLD:
        return HTMLResponse(_TOLD[refused.status_code], refused.status_code)
    detail = refused.detail if refused.status_code != status.HTTP_500_INTERNAL_SERVER_ERROR else "Internal error"
    return JSONResponse({"detail": detail}, refused.status_code, refused.headers)
