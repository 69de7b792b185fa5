"""`vqrna serve`: the web page and its API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import ModelPath, option
from vqrna.errors import DataError, UsageError, missing_extra

NETWORK, LIMITS = "Network", "Limits"

TOKEN_VARIABLE = "VQRNA_TOKEN"


def serve(
    host: Annotated[
        str, option("Address to listen on; 0.0.0.0 for all networks.", NETWORK)
    ] = "127.0.0.1",
    port: Annotated[int, option("Port; 0 for any free one.", NETWORK, min=0, max=65535)] = 8000,
    data: Annotated[
        Path | None, option("Folder of the jobs.", default="~/.local/share/vqrna", metavar="DIR")
    ] = None,
    workers: Annotated[
        int | None,
        option(
            "Processes that run jobs, one of them small jobs only.",
            default="one per core, 2 to 4",
            metavar="N",
        ),
    ] = None,
    token: Annotated[
        str | None,
        option(
            "Secret that clients must send; set as VQRNA_TOKEN, other users cannot see it.",
            NETWORK,
            default="none",
            metavar="TEXT",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        option(
            "Host name under which a proxy forwards requests; repeatable.",
            NETWORK,
            names=("--allow-host",),
            metavar="NAME",
        ),
    ] = None,
    root_path: Annotated[
        str, option("Path of the page behind a proxy, such as /vqrna.", NETWORK, metavar="PATH")
    ] = "",
    trusted_proxy: Annotated[
        str,
        option(
            "Address whose X-Forwarded-For header names the client.", NETWORK, metavar="ADDRESS"
        ),
    ] = "127.0.0.1",
    model: ModelPath = None,
    days: Annotated[
        float, option("Days until the files of a job are deleted.", LIMITS, min=0.001)
    ] = 14,
    max_upload: Annotated[float, option("Largest input in MB.", LIMITS, min=0.001)] = 20,
    max_nt: Annotated[
        int, option("Maximum total length of a job (nt).", LIMITS, min=1)
    ] = 2_000_000,
    max_records: Annotated[
        int, option("Maximum number of records of a job.", LIMITS, min=1)
    ] = 1000,
    max_queue: Annotated[int, option("Maximum number of queued jobs.", LIMITS, min=1)] = 200,
    max_jobs: Annotated[
        int, option("Maximum number of queued and running jobs of one address.", LIMITS, min=1)
    ] = 20,
    requests_per_minute: Annotated[
        int, option("Maximum number of requests of one address.", LIMITS, min=1)
    ] = 600,
    submissions_per_minute: Annotated[
        int,
        option("Maximum number of jobs, explanations and variants of one address.", LIMITS, min=1),
    ] = 60,
    job_timeout: Annotated[float, option("Longest run of a job in seconds.", LIMITS, min=1)] = 3600,
) -> None:
    """Serve the web page and the API.

    Needs the extra 'web' (docs/install.md). Without options, the page is at
    http://127.0.0.1:8000 and only this computer can reach it. Jobs survive a
    restart. docs/web.md describes proxies, tokens and limits.
    """
    try:
        import jinja2  # noqa: F401  (without it, starlette's error does not name the package)
        import uvicorn

        from vqrna.web.app import create_app
        from vqrna.web.connections import TimedConnection
        from vqrna.web.server import Server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vqrna"):
            raise
        raise UsageError(
            f"'vqrna serve' needs the package '{error.name}': {missing_extra('web')}"
        ) from None
    import socket

    from vqrna.model.weights import load_model
    from vqrna.web.logs import configure_logs
    from vqrna.web.settings import Limits, ServerSettings, default_data, default_workers

    settings = ServerSettings(
        data=(data or default_data()).resolve(),
        host=host,
        port=port,
        workers=default_workers() if workers is None else workers,
        token=token or os.environ.get(TOKEN_VARIABLE, ""),
        model="" if model is None else str(model.resolve()),
        allowed_hosts=tuple(allow_host or ()),
        root_path=root_path,
        limits=Limits(
            upload_bytes=int(max_upload * 1e6),
            nt=max_nt,
            records=max_records,
            queue=max_queue,
            jobs_per_address=max_jobs,
            requests_per_minute=requests_per_minute,
            submissions_per_minute=submissions_per_minute,
            job_seconds=job_timeout,
            days=days,
        ),
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        wrong = "--host" if isinstance(error, socket.gaierror) else "--port"
        raise DataError(
            f"cannot listen on {host}, port {port}: {error.strerror or error} (try another {wrong})"
        ) from None
    with listening, _private_files():
        server = Server(settings, load_model(model, "cpu"))
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}{root_path}"
        typer.echo(f"vqrna is at {address} (Ctrl-C stops it)")
        typer.echo(f"jobs: {settings.data}, deleted after {days:g} days")
        if host not in ("127.0.0.1", "::1", "localhost") and not settings.token:
            say(
                "note",
                "everybody who can reach this address can use the server: --token restricts it",
            )
        configure_logs()
        config = uvicorn.Config(
            create_app(server),
            http=TimedConnection,
            root_path=root_path,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=trusted_proxy,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
            limit_concurrency=1000,
            ws="none",
        )
        uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def _private_files() -> Iterator[None]:
    """Make new files of this process readable by their owner only, SQLite's among them."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
