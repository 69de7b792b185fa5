"""What every request passes: host, token, origin, rate, size and time; headers of every answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vqrna.web.errors import RequestError
from vqrna.web.inputs import too_large
from vqrna.web.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from vqrna.web.server import Server

COOKIE = "vqrna_token"

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}

_LOCAL = ("localhost", "127.0.0.1", "::1")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_OVERHEAD = 1_000_000
"""Bytes of a request beyond the input: JSON escapes and other fields."""

_OPEN_PATHS = ("/static/", "/health", "/login")


def token_cookie(token: str) -> str:
    """Return the value of the cookie for a token."""
    return hashlib.sha256(f"vqrna cookie {token}".encode()).hexdigest()


class Guard:
    """Middleware around the whole application.

    Parameters
    ----------
    app : ASGI application
    server : Server
    error_response : callable
        Makes the answer for an error.
    """

    def __init__(
        self,
        app: ASGIApp,
        server: Server,
        error_response: Callable[[Request, RequestError], Response],
    ) -> None:
        self._app = app
        self._server = server
        self._error_response = error_response
        self._limits = server.settings.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and add headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = {"status": 500, "begun": False}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"], state["begun"] = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        limit = self._limits.request_seconds
        deadline = asyncio.timeout(None if scope["path"].endswith("/events") else limit)

        async def send_in_time(message: Message) -> None:
            await send_with_headers(message)
            # The limit is for each block: a large file on a slow connection takes longer
            if deadline.when() is not None and not deadline.expired():
                deadline.reschedule(asyncio.get_running_loop().time() + limit)

        request = Request(scope)
        try:
            self._check(request)
            async with deadline:
                await self._app(scope, self._bounded(request, receive), send_in_time)
        except RequestError as error:
            if not state["begun"]:
                response = self._error_response(request, error)
                await response(scope, receive, send_with_headers)
        except TimeoutError:
            if not state["begun"]:
                late = RequestError(504, "the server was too busy to answer in time: try again")
                await self._error_response(request, late)(scope, receive, send_with_headers)
        except Exception:
            logging.exception("request")
            if not state["begun"]:
                internal = RequestError(500, "internal error: the log of the server has details")
                await self._error_response(request, internal)(scope, receive, send_with_headers)
        finally:
            self._record(request, int(state["status"]), time.perf_counter() - started)

    def _record(self, request: Request, status: int, seconds: float) -> None:
        """Count and log a request by its route, without identifiers."""
        route = getattr(request.scope.get("route"), "path", "")
        if request.scope["path"].startswith("/static/"):
            route = "/static"
        metrics = self._server.metrics
        method = request.method if request.method in (*_SAFE_METHODS, "POST", "DELETE") else "other"
        metrics.requests.labels(route, method, str(status)).inc()
        if not route.endswith("/events"):
            metrics.seconds.labels(route).observe(seconds)
        if route not in ("/static", "/health", "/metrics"):
            log("request", route=route, method=method, status=status,
                milliseconds=round(1000 * seconds, 1))  # fmt: skip

    def _check(self, request: Request) -> None:
        """Raise RequestError for a request that is not allowed."""
        self._check_host(request)
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if not path.startswith(_OPEN_PATHS[:2]):
            self._server.limiter.check(client_address(request))
        if request.method not in _SAFE_METHODS:
            check_origin(request)
            length = request.headers.get("content-length", "0")
            if length.isdigit() and int(length[:15]) > self._limits.upload_bytes + _OVERHEAD:
                raise too_large(self._limits)
        if self._server.settings.token and not path.startswith(_OPEN_PATHS):
            self._check_token(request)

    def _check_host(self, request: Request) -> None:
        """Refuse other host names, which a malicious page could point at this machine."""
        settings = self._server.settings
        host = _host_name(request.headers.get("host", ""))
        allowed = {*_LOCAL, settings.host, *settings.allowed_hosts}
        if "*" in allowed or (settings.host in ("0.0.0.0", "::") and not settings.allowed_hosts):
            return
        if host not in allowed:
            raise RequestError(
                421,
                f"this server does not serve the host name '{host[:100]}': add it with "
                "'vqrna serve --allow-host'",
            )

    def _check_token(self, request: Request) -> None:
        token = self._server.settings.token
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(value.strip(), token):
            return
        try:
            cookies = SimpleCookie(request.headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        if COOKIE in cookies and _same(cookies[COOKIE].value, token_cookie(token)):
            return
        raise RequestError(401, "this server requires a token (header 'Authorization: Bearer …')")

    def _bounded(self, request: Request, receive: Receive) -> Receive:
        """Count the bytes of a request, and limit the time to receive it."""
        most = self._limits.upload_bytes + _OVERHEAD
        received = 0
        end = time.monotonic() + self._limits.request_seconds
        complete = False

        async def bounded() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.01, end - time.monotonic()))
            except TimeoutError:
                raise RequestError(408, "the request was sent too slowly: try again") from None
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if received > most:
                    raise too_large(self._limits)
            return message

        return bounded


def check_origin(request: Request) -> None:
    """Raise RequestError (403) if a page of another site sent the request."""
    headers: Headers = request.headers
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RequestError(403, "requests from pages of other sites are not accepted")
    origin = headers.get("origin")
    if origin is not None and origin != "null":
        try:
            netloc = urlsplit(origin).netloc
        except ValueError:
            netloc = ""
        if netloc != headers.get("host", ""):
            raise RequestError(403, "requests from pages of other sites are not accepted")
    elif origin == "null":
        raise RequestError(403, "requests from pages of other sites are not accepted")


def client_address(request: Request) -> str:
    """Return the address of the client that limits count: of IPv6, the network of 64 bits.

    One client usually has such a network, and may use any address of it.
    """
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _host_name(host: str) -> str:
    """Return a host name without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
