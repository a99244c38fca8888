"""The console's pages and what they are made of: files of this package, and no others."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse

PAGES = ("overview", "day", "recording")
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Return a file of the package and its entity tag, or None where there is none of that name."""
    if not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_") or name.startswith("."):
        return None
    file = files("cxone_provider.console") / "static" / name
    if not file.is_file():
        return None
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def page(name: str) -> HTMLResponse:
    """Return one of the pages; they hold no data, which comes as JSON."""
    found = asset(f"{name}.html")
    return HTMLResponse(found[0] if found else b"", headers={"Cache-Control": "no-store"})


def pages_router() -> APIRouter:
    """Return the routes of pages and assets."""
    router = APIRouter()

    @router.get("/")
    def overview() -> HTMLResponse:
        return page("overview")

    @router.get("/day")
    def day() -> HTMLResponse:
        return page("day")

    @router.get("/recording")
    def recording() -> HTMLResponse:
        return page("recording")

    @router.get("/static/{name}")
    def static(name: str, request: Request) -> Response:
        found, kind = asset(name), _TYPES.get(name.rpartition(".")[2])
        if found is None or kind is None:
            return Response(status_code=status.HTTP_404_NOT_FOUND)
        headers = {"ETag": found[1], "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == found[1]:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(found[0], media_type=kind, headers=headers)

    return router
