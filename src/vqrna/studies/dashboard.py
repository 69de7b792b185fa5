"""The live page of a search in the browser, by optuna-dashboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from vqrna.errors import DataError, UsageError
from vqrna.studies.optuna_storage import open_storage
from vqrna.studies.sampling import optuna_module

HOST = "127.0.0.1"
"""Only this machine sees the page: it has no password."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *words: Any) -> None:
        """Say nothing of requests."""


@contextmanager
def reserved(port: int | None) -> Iterator[_Server | None]:
    """Take a port at once, before any work is done; nobody is answered yet.

    Parameters
    ----------
    port : int or None
        0 takes any free one; None takes none.

    Raises
    ------
    UsageError
        If optuna-dashboard is not installed.
    DataError
        If the port is busy or not allowed.
    """
    if port is None:
        yield None
        return
    optuna_module()
    try:
        import optuna_dashboard  # noqa: F401
    except ImportError:
        raise UsageError("--port needs the extra: pip install 'vqrna[tune]'") from None
    try:
        server = make_server(HOST, port, _nothing_yet, _Server, _Quiet)
    except OSError as error:
        why = "is in use" if error.errno in (98, 48) else f"cannot be used ({error.strerror})"
        raise DataError(f"port {port} {why}: give --port another one") from None
    try:
        yield server
    finally:
        server.server_close()


@contextmanager
def serving(server: Any, url: str, study: int) -> Iterator[str]:
    """Show a study in the browser while the body runs.

    Parameters
    ----------
    server : object
        From :func:`reserved`.
    url : str
        Of the database.
    study : int
        Its number in the database.

    Yields
    ------
    str
        The address of the page.
    """
    import optuna_dashboard

    server.set_app(optuna_dashboard.wsgi(open_storage(url, heartbeat=False)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/dashboard/studies/{study}"
    finally:
        server.shutdown()
        thread.join()


def _nothing_yet(environ: Any, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"the search begins soon\n"]
