"""The dashboard: `/` and `/static/...`, plain files without a build step and without data in them.

All files are read once, at the start, and served from memory under the names they were found by, so no
address can lead out of the folder. The pages load everything else from the API, with the caller's session.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.errors import Refusal

STATIC: Final = Path(__file__).parent / "static"
SHELL: Final = "index.html"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By suffix; a file of another suffix (a licence, a note) is not served."""


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent."""

    content: bytes
    kind: str
    """Its media type."""
    etag: str

    def response(self, known: str | None) -> Response:
        """The file, or 304 to a browser that has it; `known` is the request's If-None-Match."""
        # The browser keeps it, and asks each time whether it still is the one: an upgrade shows at once.
        headers = {"ETag": self.etag, "Cache-Control": "no-cache"}
        if known is not None and self.etag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.kind, headers=headers)


def read_files(folder: Path = STATIC) -> dict[str, StaticFile]:
    """What is served of a folder, by its path below it, as `pages/now.js`."""
    return {
        path.relative_to(folder).as_posix(): _file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in TYPES
    }


def _file(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def dashboard_routes(folder: Path = STATIC) -> APIRouter:
    """The shell and its files; open, as there is nothing of the account in them."""
    router = APIRouter(include_in_schema=False)
    files = read_files(folder)

    @router.get("/")
    async def shell(request: Request) -> Response:
        return files[SHELL].response(request.headers.get("if-none-match"))

    @router.get("/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        found = files.get(name)
        if found is None:
            raise Refusal(404, "not_found", "There is no such file.", "Open / for the dashboard.")
        return found.response(request.headers.get("if-none-match"))

    return router
