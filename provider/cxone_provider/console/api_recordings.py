"""Data of one recording, and what can be done with it. Annotations are values here, as FastAPI reads them."""

from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Body, Depends, Header, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse, StreamingResponse

from cxone_provider.archive.audio import media_type_of
from cxone_provider.archive.errors import InvalidInput
from cxone_provider.archive.manifest import Manifest
from cxone_provider.console.access import user_id
from cxone_provider.console.event_log import LISTENED, VERIFIED
from cxone_provider.console.recordings import archived_recording, media_key, recording_document
from cxone_provider.console.services import Services
from cxone_provider.console.spans import span_of
from cxone_provider.console.tickets import MEDIA_MAX_AGE_S, MediaTicket
from cxone_provider.console.waveform import waveform_of

_Named = Annotated[str, Body(embed=True, max_length=128)]


def recordings_router(services: Services) -> APIRouter:
    """Return the routes that read."""
    router = APIRouter(prefix="/api")
    access = services.access

    @router.get("/session")
    def session(request: Request, user: Annotated[BaseUser, Depends(access.to_look)]) -> JSONResponse:
        return JSONResponse(session_document(services, request, user))

    @router.get("/recording")
    def recording(
        request: Request, user: Annotated[BaseUser, Depends(access.to_look)], recording_id: str
    ) -> JSONResponse:
        reader = services.archive.reader
        document = recording_document(reader.store, reader.layout, recording_id)
        _require_run(services, request, user, document.get("manifest", {}).get("context"))
        return JSONResponse(document)

    @router.get("/waveform")
    def waveform(
        request: Request, user: Annotated[BaseUser, Depends(access.to_listen)], recording_id: str
    ) -> JSONResponse:
        manifest = _archived(services, request, user, recording_id)
        store, key = services.archive.reader.store, media_key(services.settings.layout, manifest)
        with services.drawing:
            drawn = services.waveforms.get(
                (key, manifest.version_id, manifest.sha256),
                lambda: waveform_of(store, key, manifest.size_bytes, manifest.version_id),
            )
        return JSONResponse(drawn)

    return router


def doings_router(services: Services) -> APIRouter:
    """Return the routes that do something: posts of the console's own pages, and the media that one of them opens."""
    router = APIRouter()
    access = services.access
    own = [Depends(access.to_post)]

    @router.post("/api/listen", dependencies=own)
    def listen(
        request: Request, user: Annotated[BaseUser, Depends(access.to_listen)], recording_id: _Named
    ) -> JSONResponse:
        manifest = _archived(services, request, user, recording_id)
        ticket = _ticket(services, user, manifest)
        told = {"recording_id": recording_id, "version_id": manifest.version_id, "sha256": manifest.sha256}
        services.events.record(LISTENED, user_id(user), told)
        return JSONResponse({
            "address": f"media/{services.tickets.media(ticket)}", "size_bytes": ticket.size_bytes,
            "media_type": ticket.media_type, "seconds": MEDIA_MAX_AGE_S,
        })  # fmt: skip

    @router.post("/api/verify", dependencies=own)
    def verify(
        request: Request, user: Annotated[BaseUser, Depends(access.to_look)], recording_id: _Named
    ) -> StreamingResponse:
        manifest = _archived(services, request, user, recording_id)
        services.events.record(VERIFIED, user_id(user), {"recording_id": recording_id})
        lines = services.archive.verifications.lines(recording_id, manifest.size_bytes)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})

    @router.get("/media/{ticket}")
    def media(
        ticket: str,
        user: Annotated[BaseUser, Depends(access.to_listen)],
        asked: Annotated[str | None, Header(alias="Range")] = None,
    ) -> Response:
        opened = services.tickets.opened(ticket, user_id(user))
        if opened is None:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "this address is another person's, or too old")
        return media_answer(services, opened, asked)

    return router


def session_document(services: Services, request: Request, user: BaseUser) -> dict[str, Any]:
    """Return who looks, what they may do, and what their posts carry."""
    may_archive = services.access.may_archive(request, user)
    layout = services.settings.layout
    return {
        "user": str(user.get_name()),
        "csrf": services.tickets.csrf(user_id(user)),
        "may_listen": services.access.may_listen(request, user),
        "may_archive": may_archive,
        "recording_dag": services.settings.recording_dag_id,
        "archive": {"s3_bucket": layout.bucket, "s3_prefix": layout.prefix} if may_archive else None,
    }


def media_answer(services: Services, ticket: MediaTicket, asked: str | None) -> Response:
    """Return the whole media, streamed, or at most a mebibyte of it where a range is asked for."""
    store = services.archive.reader.store
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": "inline"}
    span = span_of(asked, ticket.size_bytes)
    if span is None:
        headers["Content-Length"] = str(ticket.size_bytes)
        return StreamingResponse(_whole(services, ticket), media_type=ticket.media_type, headers=headers)
    content = store.read_range(ticket.key, span.start, span.stop, version_id=ticket.version_id)
    headers["Content-Range"] = f"bytes {span.start}-{span.start + len(content) - 1}/{ticket.size_bytes}"
    return Response(content, status.HTTP_206_PARTIAL_CONTENT, headers, ticket.media_type)


def _whole(services: Services, ticket: MediaTicket) -> Any:
    with services.archive.reader.store.stream(ticket.key, version_id=ticket.version_id) as pieces:
        yield from pieces


def _archived(services: Services, request: Request, user: BaseUser, recording_id: str) -> Manifest:
    """Return the manifest of an archived recording that the user may see.

    Raises:
        HTTPException: 404 where it is not archived, 403 without the right.
    """
    reader = services.archive.reader
    manifest = archived_recording(reader.store, reader.layout, recording_id)
    if manifest is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "this recording is not in the archive")
    _require_run(services, request, user, manifest.context)
    return manifest


def _require_run(services: Services, request: Request, user: BaseUser, context: Any) -> None:
    dag_id = context.get("dag_id") if isinstance(context, dict) else None
    if isinstance(dag_id, str) and not services.access.may_see_runs_of(request, user, dag_id):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "another DAG archived this recording, and you may not see its runs"
        )


def _ticket(services: Services, user: BaseUser, manifest: Manifest) -> MediaTicket:
    name = manifest.audio.get("format")
    if not isinstance(name, str):
        raise InvalidInput("the manifest does not tell the audio format")
    return MediaTicket(
        user_id(user), manifest.recording_id, media_key(services.settings.layout, manifest), manifest.version_id,
        manifest.size_bytes, media_type_of(name),
    )  # fmt: skip
