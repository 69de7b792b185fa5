"""The pages: form, job, atlas, spectrum, method, model card, privacy and API."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from vqrna.interpret.known_motifs import KNOWN_MOTIFS
from vqrna.stats.tiers import BY_THRESHOLD, DEFAULT_TIER, TIERS
from vqrna.web.api import server_of
from vqrna.web.errors import RequestError
from vqrna.web.forms import LIMITS, NO_TIER, form_options, read_form
from vqrna.web.limits import admit
from vqrna.web.options import JobOptions
from vqrna.web.rendering import modification_styles, render
from vqrna.web.results import JobResult
from vqrna.web.security import COOKIE, client_address, token_cookie
from vqrna.web.server import Server
from vqrna.web.spectrum_svg import spectrum_svg
from vqrna.web.svg import logo, profile_chart

router = APIRouter()

JobId = Annotated[str, Path(max_length=64)]
_PER_PAGE = 24
_LONGEST_OPTION = 200
_LONGEST_KEPT = 300_000
"""Pasted text up to this length is shown again after an error."""


def index_values(server: Server) -> dict[str, Any]:
    """Return what the form needs."""
    return {"tiers": TIERS, "text": "", "fields": {}, "error": None, "options_open": False,
            "chosen": [m.symbol for m in server.modifications]}  # fmt: skip


def _field_values(fields: dict[str, str]) -> dict[str, Any]:
    """Return what the form needs to show options again, open unless they are the default ones."""
    values: dict[str, Any] = {"fields": fields}
    if fields.get("modifications"):
        values["chosen"] = fields["modifications"].split(",")
    own = any(fields.get(name) for name in LIMITS)
    prior = any(value for name, value in fields.items() if name.startswith("prior"))
    tier = fields.get("confidence", "") not in ("", DEFAULT_TIER)
    return values | {"options_open": own or prior or tier}


@router.get("/")
def index(request: Request) -> Response:
    """Return the form, with the options of the address."""
    server = server_of(request)
    fields = {name: value[:_LONGEST_OPTION] for name, value in request.query_params.items()}
    return render(request, "index.html", **index_values(server) | _field_values(fields))


def form_address(options: JobOptions) -> str:
    """Return the query of the form with the options of a job; empty for the default ones."""
    values = {name: value for name, value in options.model_dump().items() if value}
    values["confidence"] = options.confidence or NO_TIER
    if isinstance(options.prior, dict):
        del values["prior"]
        values |= {f"prior_{symbol}": value for symbol, value in options.prior.items()}
    if options.modifications:
        values["modifications"] = ",".join(options.modifications)
    if values["confidence"] == DEFAULT_TIER and not options.own_limits:
        del values["confidence"]
    return f"?{urlencode(values)}" if values else ""


@router.get("/modifications.css")
def styles(request: Request) -> Response:
    """Return the colours of the modifications."""
    text = modification_styles(server_of(request).modifications)
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.post("/check")
async def check(request: Request) -> Response:
    """Return what would be predicted, and what ignored, for the text of the form."""
    server = server_of(request)
    try:
        fill, _ = await read_form(request, server)
        checked = await anyio.to_thread.run_sync(server.check, fill)
    except RequestError as error:
        return render(request, "check.html", checked=None, error=str(error))
    finally:
        await request.close()
    return render(request, "check.html", checked=checked, error=None)


@router.post("/jobs")
async def submit(request: Request) -> Response:
    """Queue a job and go to its page; show the form again after an error."""
    server = server_of(request)
    address = client_address(request)
    fields: dict[str, str] = {}
    text = ""
    try:
        await anyio.to_thread.run_sync(admit, server.store, server.settings, address)
        form = await request.form(
            max_files=2, max_fields=200, max_part_size=server.settings.limits.upload_bytes
        )
        pasted = form.get("fasta")
        text = pasted if isinstance(pasted, str) and len(pasted) < _LONGEST_KEPT else ""
        fill, fields = await read_form(request, server)
        options = form_options(fields, tuple(m.symbol for m in server.modifications))
        job = await anyio.to_thread.run_sync(server.submit, fill, options, address, None)
    except RequestError as error:
        values = index_values(server) | _field_values(fields)
        values |= {"text": text, "error": str(error)}
        return render(request, "index.html", error.status, **values)
    finally:
        await request.close()
    return RedirectResponse(f"{server.settings.root_path}/jobs/{job.id}", 303)


@router.get("/jobs/{id}")
def job_page(
    request: Request, id: JobId, tab: str = "sites",
    sequence: Annotated[int, Query(ge=1, le=10**6)] = 1,
    variants: Annotated[str, Query(max_length=2000)] = "",
) -> Response:  # fmt: skip
    """Return the progress of a job, or its results."""
    server = server_of(request)
    job = server.job(id)
    options = JobOptions(**job.options)
    status = server.status(job)
    if job.status != "done":
        code = 410 if job.status == "expired" else 200
        return render(
            request, "progress.html", code, job=status, options=options,
            called=_called(options), again=form_address(options),
        )  # fmt: skip
    result = server.result(job)
    number = min(sequence, len(result.sequences))
    places = {m.symbol: n for n, m in enumerate(server.modifications)}
    return render(
        request,
        "job.html",
        job=status,
        options=options,
        command=options.full_command(server.settings.model),
        result=result,
        number=number,
        sequence=result.sequences[number - 1],
        summary=result.summary(number - 1),
        called=_called(options),
        again=form_address(options),
        tab=tab if tab in ("sites", "variants", "downloads") else "sites",
        track_modifications=json.dumps(
            [{"symbol": m.symbol, "css": f"mod-{places[m.symbol]}"} for m in result.modifications]
        ),
        table_query=f"?{request.url.query}" if request.url.query else "",
        example_variants=_example_variants(result, number - 1),
        given_variants=variants,
        tiers=(BY_THRESHOLD, *TIERS) if options.confidence is None else TIERS,
        default_prior=options.prior is None,
    )


def _called(options: JobOptions) -> list[str]:
    """Return which sites are reported."""
    limits = {"probability": options.min_probability, "score": options.threshold}
    words = [f"{name} {limit:g} or higher" for name, limit in limits.items() if limit is not None]
    if options.confidence is not None:
        higher = "" if options.confidence == TIERS[-1] else " or higher"
        words.insert(0, f"{options.confidence} confidence{higher}")
    if options.fdr is not None:
        words.append(f"false discovery rate at most {options.fdr:g}")
    if options.top is not None:
        each = "site" if options.top == 1 else f"{options.top:,} sites"
        words.append(f"the most probable {each} of each sequence and modification")
    return words


def _example_variants(result: JobResult, number: int) -> str:
    """Return two substitutions that fit a sequence, for the empty form."""
    length = result.sequences[number].length
    if not length:
        return ""
    track = result.track(number)
    shown = []
    for position in sorted({length // 2, length // 2 + 3} & set(range(length))):
        letter = track.letters(position, position + 1)
        if letter in "ACGU":
            shown.append(f"{letter}{position + 1}{'G' if letter == 'A' else 'A'}")
    return "\n".join(shown)


@router.post("/jobs/{id}/delete")
def delete(request: Request, id: JobId) -> Response:
    """Cancel or delete a job and show its page."""
    server = server_of(request)
    server.delete(server.job(id))
    return RedirectResponse(f"{server.settings.root_path}/jobs/{id}", 303)


@router.get("/atlas")
def atlas(
    request: Request,
    type: Annotated[str, Query(max_length=60)] = "",
    search: Annotated[str, Query(max_length=60)] = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """Return the codes of the model, by modification or by a part of their consensus."""
    server = server_of(request)
    book = server.atlas
    if book is None:
        return render(request, "no_atlas.html", title="Codebook atlas")
    if type and type not in book.symbols:
        raise RequestError(404, f"no modification '{type[:60]}' in the atlas")
    codes = book.matching(search) if search.strip() else book.of(type) if type else book.order
    if search.strip() and type:
        own = set(book.of(type))
        codes = [k for k in codes if k in own]
    pages = max(1, -(-len(codes) // _PER_PAGE))
    page = min(page, pages)
    shown = codes[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    entries = [book.entry(k) for k in shown]
    for entry in entries:
        entry["logo"] = logo(entry["bits"], 9, 44)
    return render(
        request, "atlas.html", book=book, entries=entries, type=type, search=search, page=page,
        pages=pages, count=len(codes),
    )  # fmt: skip


@router.get("/atlas/{code}")
def atlas_code(request: Request, code: Annotated[int, Path(ge=0, le=10**6)]) -> Response:
    """Return one code of the atlas."""
    server = server_of(request)
    book = server.atlas
    if book is None:
        return render(request, "no_atlas.html", title="Codebook atlas")
    if code >= len(book):
        raise RequestError(404, f"no code {code} (the codebook has codes 0 to {len(book) - 1})")
    entry = book.entry(code)
    shares = [
        [count / max(1, total) for count in row]
        for row, total in zip(entry["profile"], entry["profiled"], strict=True)
    ]
    near = [(book.entry(k), distance) for k, distance in entry["nearest"]]
    return render(
        request, "code.html", entry=entry, book=book, logo=logo(entry["bits"], 22, 110),
        profile=profile_chart(shares[0], shares[1]), near=near,
        small_logo=lambda bits: logo(bits, 7, 32),
    )  # fmt: skip


@router.get("/spectrum")
def spectrum(request: Request) -> Response:
    """Return the feature spectrum: codes against modifications."""
    server = server_of(request)
    if server.atlas is None:
        return render(request, "no_atlas.html", title="Feature spectrum")
    picture = spectrum_svg(server.atlas, server.settings.root_path, server.modifications)
    return render(request, "spectrum.html", picture=picture, book=server.atlas)


@router.get("/method")
def method(request: Request) -> Response:
    """Return how predictions are made."""
    return render(
        request, "method.html", length=server_of(request).length, motifs=KNOWN_MOTIFS,
        codebook_size=server_of(request).card.config[0].codebook_size,
    )  # fmt: skip


@router.get("/model")
def model(request: Request) -> Response:
    """Return the model card."""
    return render(request, "model.html", card=server_of(request).card, tier_names=TIERS)


@router.get("/privacy")
def privacy(request: Request) -> Response:
    """Return what is stored, and for how long."""
    return render(request, "privacy.html")


@router.get("/api")
def api_page(request: Request) -> Response:
    """Return the description of the API."""
    schema = request.app.openapi()
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    return render(
        request, "api.html", operations=operations, schemas=schema["components"]["schemas"],
        base=str(request.base_url).rstrip("/"),
    )  # fmt: skip


@router.get("/login")
def login_form(request: Request) -> Response:
    """Return the form for the token."""
    return render(request, "login.html", error=None)


@router.post("/login")
def login(request: Request, token: Annotated[str, Form(max_length=500)]) -> Response:
    """Set the cookie if the token is right."""
    server = server_of(request)
    wanted = server.settings.token
    server.submissions.check(client_address(request))
    if not wanted or token_cookie(token) != token_cookie(wanted):
        return render(request, "login.html", 401, error="this is not the token of the server")
    response = RedirectResponse(f"{server.settings.root_path}/", 303)
    response.set_cookie(
        COOKIE, token_cookie(wanted), httponly=True, samesite="strict",
        secure=request.url.scheme == "https", path=server.settings.root_path or "/",
    )  # fmt: skip
    return response


def error_page(
    request: Request, error: RequestError, message: str, headers: dict[str, str]
) -> Response:
    """Return an error as a page, or as a fragment for htmx."""
    if error.status == 401:
        return render(request, "login.html", 401, headers, error=None)
    template = "error_fragment.html" if "hx-request" in request.headers else "error.html"
    return render(request, template, error.status, headers, code=error.status, message=message)
