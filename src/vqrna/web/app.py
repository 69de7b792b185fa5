"""The web application: routes, error pages and middleware around a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vqrna._version import __version__
from vqrna.errors import UsageError, VqrnaError
from vqrna.web import api, pages, panels, questions
from vqrna.web.api import AsciiJSON
from vqrna.web.errors import RequestError, validation_message
from vqrna.web.security import Guard
from vqrna.web.server import Server

STATIC = Path(__file__).parent / "static"

_STATIC_AGE = "public, max-age=86400"


class _CachedFiles(StaticFiles):
    """Static files that browsers may keep; their addresses hold the version."""

    def file_response(self, *arguments: object, **more: object) -> Response:
        """Return a file."""
        response = super().file_response(*arguments, **more)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _STATIC_AGE
        return response


def create_app(server: Server) -> FastAPI:
    """Return the application of a server; its workers run while the application does."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        server.start()
        try:
            yield
        finally:
            server.stop()

    app = FastAPI(
        title="vqrna",
        version=__version__,
        summary="Predict RNA modification sites and explain the predictions.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
        default_response_class=AsciiJSON,
    )
    app.state.server = server
    app.include_router(api.router)
    app.include_router(questions.router)
    app.include_router(pages.router, include_in_schema=False)
    app.include_router(panels.router, include_in_schema=False)
    app.mount("/static", _CachedFiles(directory=STATIC), name="static")

    async def on_error(request: Request, error: Exception) -> Response:
        return error_response(request, as_request_error(error))

    for kind in (RequestError, VqrnaError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, on_error)
    app.add_middleware(Guard, server=server, error_response=_with_app(app))
    return app


def _with_app(app: FastAPI):  # type: ignore[no-untyped-def]
    """Return what answers errors before a request reaches the application."""

    def respond(request: Request, error: RequestError) -> Response:
        request.scope.setdefault("app", app)
        return error_response(request, error)

    return respond


def as_request_error(error: Exception) -> RequestError:
    """Return any error of a request with its status and one line."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, UsageError):
        return RequestError(422, str(error))
    if isinstance(error, VqrnaError):
        return RequestError(400, str(error))
    if isinstance(error, RequestValidationError):
        return RequestError(422, validation_message(error.errors(), skip=1))
    if isinstance(error, HTTPException):
        known = {404: "no such page", 405: "this method is not allowed here"}
        return RequestError(error.status_code, known.get(error.status_code, str(error.detail)))
    return RequestError(500, "internal error: the log of the server has details")


def error_response(request: Request, error: RequestError) -> Response:
    """Return an error as a page for browsers, a fragment for htmx, and JSON for the API."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    message = " ".join(str(error).split())
    server = api.server_of(request)
    if error.status in (413, 429, 503, 507) and request.method == "POST":
        server.metrics.rejected.labels(str(error.status)).inc()
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    wants_page = "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
    if path.startswith(("/api/", "/health", "/metrics")) or not wants_page:
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return AsciiJSON({"error": message}, error.status, headers)
    return pages.error_page(request, error, message, headers)
