"""API of short computations: explanations of sites and effects of variants."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response

from vqrna.errors import DataError
from vqrna.sequence import centre, decode, encode
from vqrna.web.api import AsciiJSON, errors, find_sequence, job_result, server_of
from vqrna.web.errors import RequestError
from vqrna.web.forms import parse_options
from vqrna.web.schemas import ExplainRequest, VariantsRequest
from vqrna.web.security import client_address
from vqrna.web.server import Server
from vqrna.web.variants import check_variant, context, parse_variants

router = APIRouter()


@router.post("/api/explain", responses=errors(404, 409, 410, 422, 429, 503, 504),
             summary="Explain a site")  # fmt: skip
async def explain(request: Request, body: ExplainRequest) -> Response:
    """Return what each base contributes, the effect of substitutions, codes and known motif."""
    server = server_of(request)
    question = await anyio.to_thread.run_sync(_explain_question, server, body)
    answer = await server.ask("explain", question, client_address(request))
    return AsciiJSON(answer | {"codes": with_atlas(server, answer["codes"])})


def with_atlas(server: Server, codes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the entries of the atlas to codes."""
    keys = ("reads", "symbol", "log_odds", "q", "significant", "knock_out", "usage")
    rows = []
    for each in codes:
        entry = None
        if server.atlas is not None:
            full = server.atlas.entry(each["code"])
            entry = {key: full[key] for key in keys}
        rows.append({**each, "atlas": entry})
    return rows


def _explain_question(server: Server, body: ExplainRequest) -> dict[str, Any]:
    prior = body.prior
    if prior is not None and not 0 < prior < 1:
        raise RequestError(422, f"invalid prior {prior:g} (expected between 0 and 1)")
    if body.job is None:
        letters, first = decode(_encode(body.sequence)), 1
        length = len(letters)
    else:
        result = job_result(server, body.job)
        chosen = find_sequence(result, body.sequence)
        length = chosen.length
        reach = 2 * centre(server.length)
        low = max(0, body.position - 1 - reach)
        stop = min(length, body.position + reach)
        letters, first = (
            result.track(chosen.number).letters(low, stop) if low < stop else "",
            low + 1,
        )
        if prior is None:
            symbols = [m.symbol for m in result.modifications]
            if body.modification in symbols:
                prior = float(result.priors[symbols.index(body.modification)])
    if body.position > length:
        raise RequestError(422, f"position {body.position:,} is outside the {length:,} nt")
    return {
        "letters": letters,
        "index": body.position - first,
        "modification": body.modification,
        "prior": prior,
        "first": first,
    }


def _encode(letters: str) -> np.ndarray:
    try:
        return encode("".join(letters.split()))
    except DataError as error:
        raise RequestError(422, str(error)) from None


@router.post("/api/variants", responses=errors(404, 409, 410, 422, 429, 503, 504),
             summary="Compare variants")  # fmt: skip
async def variants(request: Request, body: VariantsRequest) -> Response:
    """Return the sites that each variant of a sequence gains, loses or changes."""
    server = server_of(request)
    question = await anyio.to_thread.run_sync(variants_question, server, body)
    return AsciiJSON(await server.ask("variants", question, client_address(request)))


def variants_question(server: Server, body: VariantsRequest) -> dict[str, Any]:
    """Return the question for the worker; raises RequestError for invalid variants."""
    text = body.variants if isinstance(body.variants, str) else "\n".join(body.variants)
    edits = parse_variants(text, server.settings.limits.variants)
    options = parse_options(
        {
            "modifications": body.modifications,
            "confidence": body.confidence,
            "min_probability": body.min_probability,
            "prior": body.prior,
        }
    )
    options = options.resolved(server.modifications)
    if body.job is None:
        tokens, name = _encode(body.sequence), ""
        names = {edit.sequence for edit in edits if edit.sequence}
        if len(names) > 1:
            raise RequestError(422, "the variants name several sequences, but one was sent")
        sequences = {edit.sequence: tokens for edit in edits}
    else:
        result = job_result(server, body.job)
        name = body.sequence
        sequences = {}
        for edit in edits:
            chosen = find_sequence(result, edit.sequence or name)
            sequences[edit.sequence] = result.track(chosen.number).tokens(0, chosen.length)
    checked = [(check_variant(edit, sequences[edit.sequence]), edit) for edit in edits]
    return {
        "variants": [
            context(each, sequences[edit.sequence], server.length) for each, edit in checked
        ],
        "modifications": options.modifications,
        "confidence": options.confidence,
        "min_probability": options.min_probability,
        "prior": options.prior,
    }
