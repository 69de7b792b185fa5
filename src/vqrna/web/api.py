"""The REST API: jobs, results, events, explanations and variants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated, Any

import anyio
import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from vqrna.sites import round_significant
from vqrna.web.errors import RequestError
from vqrna.web.forms import FORM_SCHEMA, form_options, parse_json, read_form
from vqrna.web.limits import admit
from vqrna.web.metrics import CONTENT_TYPE
from vqrna.web.results import DOWNLOADS, JobResult, SequenceResult, decompressed, highest_sites
from vqrna.web.schemas import ErrorMessage, JobCreated, JobRequest, JobStatus
from vqrna.web.security import client_address
from vqrna.web.server import Server
from vqrna.web.store import StoredJob
from vqrna.web.track_svg import sequence_svg

router = APIRouter()

_STREAM_SECONDS = 3600.0
_STREAM_POLL = 0.4
_HEARTBEAT = 15.0
MOST_BINS = 4000

MOST_SITES = 2000
"""Reported sites that a track has at most, those with the highest probability."""

JobId = Annotated[str, Path(max_length=64, description="Identifier of a job.")]


class AsciiJSON(JSONResponse):
    """JSON in ASCII, so that any text of a user can be encoded."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of a value."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers."""
    return {status: {"model": ErrorMessage} for status in statuses}


def server_of(request: Request) -> Server:
    """Return the server that a request belongs to."""
    server: Server = request.app.state.server
    return server


@router.post(
    "/api/jobs",
    status_code=202,
    response_model=JobCreated,
    responses=errors(400, 403, 408, 413, 415, 422, 429, 503, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": JobRequest.model_json_schema()},
                "multipart/form-data": {"schema": FORM_SCHEMA},
            },
        },
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Chosen by the client; a repeated request with the same "
                "key returns the job of the first one.",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{8,80}$"},
            }
        ],
    },
    summary="Submit sequences",
)
async def submit(request: Request) -> Response:
    """Queue a prediction. The answer has the identifier and the link of the job."""
    server = server_of(request)
    address = client_address(request)
    await anyio.to_thread.run_sync(admit, server.store, server.settings, address)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        body = await request.body()
        fill, options = await anyio.to_thread.run_sync(parse_json, body)
    elif content_type == "multipart/form-data":
        fill, fields = await read_form(request, server)
        options = form_options(fields, tuple(m.symbol for m in server.modifications))
    else:
        raise RequestError(
            415, "unsupported content type (expected application/json or multipart/form-data)"
        )
    key = request.headers.get("idempotency-key")
    try:
        job = await anyio.to_thread.run_sync(server.submit, fill, options, address, key)
    finally:
        await request.close()
    url = server.status(job)["url"]
    location = f"{server.settings.root_path}/api/jobs/{job.id}"
    return AsciiJSON({"id": job.id, "url": url}, 202, {"Location": location})


@router.get(
    "/api/jobs/{id}", response_model=JobStatus, responses=errors(404), summary="State of a job"
)
def status(request: Request, id: JobId) -> Response:
    """Return status, progress from 0 to 1 and place in the queue."""
    server = server_of(request)
    return AsciiJSON(server.status(server.job(id)))


@router.delete(
    "/api/jobs/{id}", response_model=JobStatus, responses=errors(404), summary="Cancel or delete"
)
def delete(request: Request, id: JobId) -> Response:
    """Cancel a job that waits or runs; delete the files of one that ended."""
    server = server_of(request)
    return AsciiJSON(server.status(server.delete(server.job(id))))


@router.get(
    "/api/jobs/{id}/events",
    responses={200: {"content": {"text/event-stream": {}}}, **errors(404, 429)},
    summary="Follow a job",
)
async def events(request: Request, id: JobId) -> Response:
    """Send the state of a job as server-sent events, whenever it changes, until it ends."""
    server = server_of(request)
    job = await anyio.to_thread.run_sync(server.job, id)
    count = ExitStack()
    count.enter_context(server.streams.open(client_address(request)))
    return _Events(_follow(server, job), count)


class _Events(StreamingResponse):
    """A stream that is counted until it ends, however it ends."""

    def __init__(self, content: AsyncIterator[str], count: ExitStack) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(content, media_type="text/event-stream", headers=headers)
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        with self._count:
            await super().__call__(scope, receive, send)


async def _follow(server: Server, job: StoredJob) -> AsyncIterator[str]:
    run = anyio.to_thread.run_sync
    start = sent = anyio.current_time()
    last = ""
    while anyio.current_time() - start < _STREAM_SECONDS:
        state = json.dumps(await run(server.status, job))
        if state != last:
            yield f"event: status\ndata: {state}\n\n"
            last, sent = state, anyio.current_time()
        elif anyio.current_time() - sent > _HEARTBEAT:
            yield ": waiting\n\n"
            sent = anyio.current_time()
        if not job.is_active:
            return
        await anyio.sleep(_STREAM_POLL)
        try:
            job = await run(server.job, job.id)
        except RequestError:
            return


def job_result(server: Server, id: str) -> JobResult:
    """Return the result of a finished job; raises RequestError."""
    return server.result(server.job(id))


@router.get(
    "/api/jobs/{id}/results.{format}",
    responses={
        200: {"content": {media.partition(";")[0]: {} for _, media in DOWNLOADS.values()}},
        **errors(404, 409, 410),
    },
    summary="Download the sites",
)
def download(request: Request, id: JobId, format: Annotated[str, Path(max_length=20)]) -> Response:
    """Return the sites as tsv, json, bed, bed.gz, bedrmod or parquet; or further files.

    These are sequences.tsv, the table by sequence, and fasta, the input.

    Files are those of ``vqrna predict`` with the same options, byte for byte.
    """
    server = server_of(request)
    if format not in DOWNLOADS:
        raise RequestError(
            404, f"unknown format '{format}' (known: {', '.join(sorted(DOWNLOADS))})"
        )
    result = job_result(server, id)
    name, media_type = DOWNLOADS[format]
    path = result.folder / name
    try:
        status = path.stat()
    except OSError:
        raise RequestError(
            410, "the file is not available any more: submit the sequences again"
        ) from None
    name = {"sequences.tsv": format, "fasta": "sequences.fasta"}.get(format, f"sites.{format}")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if format == "bed":
        return StreamingResponse(decompressed(path), media_type=media_type, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers, stat_result=status)


def find_sequence(result: JobResult, sequence: str) -> SequenceResult:
    """Return a sequence of a result by its name; raises RequestError (404)."""
    for each in result.sequences:
        if each.name == sequence:
            return each
    raise RequestError(404, f"no sequence '{sequence[:100]}' in this job")


def sequence_number(result: JobResult, number: int) -> SequenceResult:
    """Return a sequence of a result by its number, from 1; raises RequestError (404)."""
    if not 1 <= number <= len(result.sequences):
        raise RequestError(404, f"no sequence {number} (this job has {len(result.sequences):,})")
    return result.sequences[number - 1]


Number = Annotated[int, Query(ge=1, le=10**6, description="Number of the sequence, from 1.")]
Start = Annotated[int, Query(ge=1, le=10**9, description="First position, 1-based.")]
End = Annotated[int | None, Query(ge=1, le=10**9, description="Last position.")]


def _window(sequence: SequenceResult, start: int, end: int | None) -> tuple[int, int]:
    """Return a window, 0-based and half-open; raises RequestError (422) if it is empty."""
    stop = min(end or sequence.length, sequence.length)
    if start > stop:
        raise RequestError(422, f"no position from {start} to {stop}")
    return start - 1, stop


@router.get("/api/jobs/{id}/track", responses=errors(404, 409, 410, 422), summary="Track")
def track(
    request: Request, id: JobId, sequence: Number = 1, start: Start = 1, end: End = None,
    bins: Annotated[int, Query(ge=10, le=MOST_BINS)] = 1200,
) -> Response:  # fmt: skip
    """Return every candidate in a window, or the most probable in each of `bins` parts."""
    server = server_of(request)
    result = job_result(server, id)
    chosen = sequence_number(result, sequence)
    first, stop = _window(chosen, start, end)
    file = result.track(chosen.number)
    exact = stop - first <= bins
    sites = highest_sites(result.table(), chosen.name, first + 1, stop, MOST_SITES)
    return AsciiJSON(
        {
            "sequence": chosen.name,
            "length": chosen.length,
            "start": first + 1,
            "end": stop,
            "exact": exact,
            "letters": file.letters(first, stop) if exact else None,
            "tracks": [
                {
                    "modification": result.modifications[each.modification].symbol,
                    "prior": float(result.priors[each.modification]),
                    "positions": each.positions.tolist(),
                    "scores": np.round(each.scores, 6).tolist(),
                    "probabilities": round_significant(each.probabilities).tolist(),
                }
                for each in file.tracks(first, stop, bins)
            ],
            "sites": [asdict(site) for site in sites],
        }
    )


@router.get(
    "/api/jobs/{id}/track.svg",
    responses={200: {"content": {"image/svg+xml": {}}}, **errors(404, 409, 410, 422)},
    summary="Picture of a track",
)
def picture(
    request: Request, id: JobId, sequence: Number = 1, start: Start = 1, end: End = None,
    download: bool = False,
) -> Response:  # fmt: skip
    """Return the tracks of a window as SVG."""
    server = server_of(request)
    result = job_result(server, id)
    chosen = sequence_number(result, sequence)
    first, stop = _window(chosen, start, end)
    svg = sequence_svg(result, chosen, first, stop)
    headers = {"Content-Disposition": 'attachment; filename="track.svg"'} if download else {}
    return Response(svg, media_type="image/svg+xml", headers=headers)


@router.get("/api/model", summary="The model")
def model(request: Request) -> Response:
    """Return the model card: modifications, training, accuracy, tiers and limits."""
    return AsciiJSON(server_of(request).card.to_json())


@router.get("/health", summary="State of the server")
def health(request: Request) -> Response:
    """Return 200 if jobs are accepted and a worker runs, 503 otherwise.

    A worker that ended is started again within a minute: fewer than expected do not fail.
    """
    server = server_of(request)
    running, wanted = server.workers(), server.settings.workers
    answering = server.answers_questions()
    ok = running > 0
    content = {
        "status": "ok" if ok else "starting",
        "workers": running,
        "expected_workers": wanted,
        "answers_questions": answering,
        "queued": server.store.count("queued"),
        "model": server.model_hash,
    }
    return AsciiJSON(content, 200 if ok else 503)


@router.get("/metrics", summary="Metrics for Prometheus")
def metrics(request: Request) -> Response:
    """Return counters and gauges in the text format of Prometheus."""
    return Response(server_of(request).metrics.text(), media_type=CONTENT_TYPE)
