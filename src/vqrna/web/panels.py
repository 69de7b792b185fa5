"""Parts of the page of a job that are loaded as they are needed: table, site and variants."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import Response

from vqrna.modifications import Modification
from vqrna.sequence import centre
from vqrna.stats.tiers import EDGE
from vqrna.web.api import Number, job_result, sequence_number, server_of
from vqrna.web.errors import RequestError
from vqrna.web.options import JobOptions
from vqrna.web.questions import variants_question, with_atlas
from vqrna.web.rendering import render
from vqrna.web.results import SORTABLE, SequenceResult, SiteQuery, select_sites
from vqrna.web.schemas import VariantsRequest
from vqrna.web.security import client_address
from vqrna.web.server import Server
from vqrna.web.svg import contribution_logo, logo, sparkline
from vqrna.web.variant_svg import variant_svg

router = APIRouter()

JobId = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Query(max_length=200)]

FLAG_NAMES = {"ood": "unusual", "in_training": "trained on"}
"""Names of flags on the page where they differ from those in the files."""

FLAG_MEANINGS = {
    "short": "The sequence is shorter than the window of the model: less is known about its sites.",
    "end": "The window of the site extends beyond an end of the sequence.",
    "edge": f"Fewer than {EDGE} nt on one side of the site: the least certain predictions.",
    "ambiguous": "Letters other than A, C, G, U and T are near the site.",
    "ood": "The sequence is unlike the training data (ood in the files): do not trust the "
    "probability.",
    "in_training": "The model was trained on this site or its surroundings (in_training in the "
    "files): not an independent prediction.",
    "adapter": "A sequencing adapter seems to follow the site: many such sites in the training "
    "data are artefacts.",
}
"""What each flag means, for readers of the page."""


@router.get("/jobs/{id}/table")
def table(
    request: Request,
    id: JobId,
    modification: Text = "",
    call: Text = "",
    search: Text = "",
    sort: Text = "probability",
    direction: Text = "down",
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> Response:
    """Return a page of the table of sites."""
    server = server_of(request)
    result = job_result(server, id)
    sort = sort if sort in SORTABLE else "probability"
    query = SiteQuery(None, modification, call, search, sort, direction == "down", page)
    rows, count = select_sites(result.table(), query)
    state = {
        "modification": modification, "call": call, "search": search,
        "sort": sort, "direction": direction,
    }  # fmt: skip

    def link(**changes: Any) -> str:
        values = {name: value for name, value in (state | changes).items() if value}
        return f"{server.settings.root_path}/jobs/{id}/table?{urlencode(values)}"

    numbers = {each.name: each.number + 1 for each in result.sequences}
    shown = [_row(dict(row), numbers) for row in rows.to_dict("records")]
    return render(
        request,
        "table.html",
        id=id,
        rows=shown,
        count=count,
        total=len(result.table()),
        page=page,
        pages=max(1, -(-count // query.size)),
        link=link,
        own_query=urlencode({**state, "page": page}),
        table_address=f"{server.settings.root_path}/jobs/{id}/table",
        state=state,
        many=len(result.sequences) > 1,
        flag_meanings=FLAG_MEANINGS,
        flag_names=FLAG_NAMES,
        flags_shown=[
            flag for flag in FLAG_MEANINGS if any(flag in row["flag_list"] for row in shown)
        ],
    )


def _row(row: dict[Any, Any], numbers: dict[str, int]) -> dict[str, Any]:
    flags = row.get("warnings", row.get("flags"))
    return row | {
        "number": numbers.get(row["sequence"], 1),
        "call": str(row["call"]) if row["tier"] else "",
        "flag_list": [] if not isinstance(flags, str) or not flags else flags.split(","),
    }


@router.get("/jobs/{id}/site")
async def site(
    request: Request,
    id: JobId,
    position: Annotated[int, Query(ge=1, le=10**9)],
    modification: Text,
    sequence: Number = 1,
) -> Response:
    """Return the panel of a site: numbers, reasons, codes, motif and substitutions."""
    server = server_of(request)
    prepared = await anyio.to_thread.run_sync(
        _prepare_site, server, id, sequence, position, modification
    )
    chosen, m, question, numbers = prepared
    answer = await server.ask("explain", question, client_address(request))
    answer["codes"] = with_atlas(server, answer["codes"])
    if server.atlas is not None:
        for each in answer["codes"]:
            each["logo"] = logo(server.atlas.entry(each["code"])["bits"], 6, 30)
    at = position - answer["first"]
    return render(
        request,
        "site.html",
        id=id,
        sequence=chosen,
        m=m,
        site=answer | numbers,
        picture=contribution_logo(
            answer["letters"], answer["importance"], answer["first"], position
        ),
        window=sparkline(answer["importance"], at),
        grid=_grid(answer, position),
        flag_meanings=FLAG_MEANINGS,
        flag_names=FLAG_NAMES,
        offset=centre(server.length),
    )


def _prepare_site(
    server: Server, id: str, sequence: int, position: int, modification: str
) -> tuple[SequenceResult, Modification, dict[str, Any], dict[str, Any]]:
    result = job_result(server, id)
    chosen = sequence_number(result, sequence)
    symbols = [m.symbol for m in result.modifications]
    if modification not in symbols:
        raise RequestError(404, f"no modification '{modification[:60]}' in this job")
    if position > chosen.length:
        raise RequestError(404, f"position {position:,} is outside the {chosen.length:,} nt")
    k = symbols.index(modification)
    track = result.track(chosen.number)
    scored = track.tracks(position - 1, position)[k]
    if not len(scored.scores):
        raise RequestError(422, f"position {position:,} cannot carry {modification}")
    reach = 2 * centre(server.length)
    low, stop = max(0, position - 1 - reach), min(chosen.length, position + reach)
    prior = float(result.priors[k])
    question = {
        "letters": track.letters(low, stop),
        "index": position - 1 - low,
        "modification": modification,
        "prior": prior,
        "first": low + 1,
    }
    numbers: dict[str, Any] = {
        "score": round(float(scored.scores[0]), 6),
        "probability": float(scored.probabilities[0]),
        "q_value": None,
        "call": "",
        "flags": [],
    }
    table = result.table()
    own = table[
        (table["sequence"] == chosen.name)
        & (table["position"] == position)
        & (table["modification"] == modification)
    ]
    if len(own):
        row = _row(own.iloc[0].to_dict(), {})
        names = ("score", "probability", "p_value", "q_value", "call")
        numbers |= {name: row[name] for name in names} | {"flags": row["flag_list"]}
    return chosen, result.modifications[k], question, numbers


def _grid(answer: dict[str, Any], position: int, flank: int = 12) -> dict[str, Any]:
    """Return the effects of all substitutions near a site, as rows of a table."""
    low = max(0, position - answer["first"] - flank)
    high = min(len(answer["letters"]), position - answer["first"] + flank + 1)
    letters = answer["letters"][low:high]
    values = {base: answer["substitutions"][base][low:high] for base in "ACGU"}
    at = position - answer["first"] - low
    beside = [abs(v) for row in values.values() for i, v in enumerate(row) if i != at]
    limit = max([*beside, 1e-6])
    rows = []
    for base, row in values.items():
        cells = []
        for i, value in enumerate(row):
            same = letters[i] == base
            level = 0 if same else max(-5, min(5, round(5 * value / limit)))
            cells.append({"same": same, "value": value, "level": level,
                          "position": answer["first"] + low + i})  # fmt: skip
        rows.append({"base": base, "cells": cells})
    return {"letters": letters, "first": answer["first"] + low, "at": at, "rows": rows}


@router.post("/jobs/{id}/variants")
async def variants(
    request: Request,
    id: JobId,
    variants: Annotated[str, Form(max_length=50_000)] = "",
    sequence: Annotated[int, Form(ge=1, le=10**6)] = 1,
) -> Response:
    """Return how variants of a sequence change its sites."""
    server = server_of(request)

    def prepare() -> dict[str, Any]:
        job = server.job(id)
        options = JobOptions(**job.options)
        chosen = sequence_number(server.result(job), sequence)
        return variants_question(
            server,
            VariantsRequest.model_construct(
                sequence=chosen.name,
                variants=variants,
                modifications=options.modifications,
                confidence=options.confidence,
                min_probability=options.min_probability or None,
                prior=options.prior,
                job=id,
            ),
        )

    question = await anyio.to_thread.run_sync(prepare)
    answer = await server.ask("variants", question, client_address(request))
    by_symbol = {m.symbol: m for m in server.modifications}
    for each in answer["variants"]:
        each["picture"] = variant_svg(each, by_symbol)
    return render(request, "variants.html", answer=answer)
