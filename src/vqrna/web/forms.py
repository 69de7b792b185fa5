"""Read submissions: JSON, or a form with a file or pasted text."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from vqrna.web.errors import RequestError, validation_message
from vqrna.web.inputs import InputFile
from vqrna.web.options import JobOptions
from vqrna.web.schemas import JobRequest
from vqrna.web.server import Fill, Server

_BLOCK = 1 << 18

FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "FASTA, plain or gzip."},
        "fasta": {"type": "string", "description": "The same as text."},
        "modifications": {"type": "string"},
        "confidence": {"type": "string"},
        "threshold": {"type": "string"},
        "min_probability": {"type": "string"},
        "fdr": {"type": "string"},
        "top": {"type": "string"},
        "prior": {"type": "string", "description": "0.001, or m6A=0.002,Psi=0.001"},
    },
}
"""Fields of a form, for the description of the API."""


LIMITS = ("threshold", "min_probability", "fdr", "top")
"""Fields with a number that limits which sites are reported."""

NO_TIER = "none"
"""Value of the form's field ``confidence`` for sites without regard to their tier."""


def parse_options(values: dict[str, Any]) -> JobOptions:
    """Return checked options; raises RequestError (422)."""
    try:
        return JobOptions(**values)
    except ValidationError as error:
        raise RequestError(422, validation_message(error.errors(include_url=False))) from None


def fill_text(text: str) -> Fill:
    """Return what writes a pasted input to a file."""
    return lambda file: file.write(text.encode("utf-8", "replace"))


def fill_upload(upload: UploadFile) -> Fill:
    """Return what copies an uploaded file."""

    def fill(file: InputFile) -> None:
        while block := upload.file.read(_BLOCK):
            file.write(block)

    return fill


async def read_form(request: Request, server: Server) -> tuple[Fill, dict[str, str]]:
    """Return the input and the other fields of a form.

    An uploaded file is preferred to pasted text. Raises RequestError if there is neither.
    """
    form = await request.form(
        max_files=2, max_fields=200, max_part_size=server.settings.limits.upload_bytes
    )
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    lists = [v for v in form.getlist("modifications") if isinstance(v, str)]
    fields["modifications"] = ",".join(lists)
    for name in ("file", "fasta"):
        upload = form.get(name)
        if isinstance(upload, UploadFile) and upload.filename and upload.size:
            fields.pop("fasta", None)
            return fill_upload(upload), fields
    text = fields.pop("fasta", "")
    if not text.strip():
        raise RequestError(400, "no sequence: paste FASTA text, or choose a file")
    return fill_text(text), fields


def form_options(fields: dict[str, str], known: tuple[str, ...]) -> JobOptions:
    """Return the options of a form: ``prior`` is text, or there is one field for each symbol."""
    unknown = set(fields) - set(FORM_SCHEMA["properties"]) - {f"prior_{symbol}" for symbol in known}
    if unknown:
        raise RequestError(422, f"unknown field '{min(unknown)[:100]}'")
    values: dict[str, Any] = {"modifications": fields.get("modifications", "")}
    if fields.get("confidence") == NO_TIER:
        own = ("threshold", "min_probability", "top")
        if not any(fields.get(name, "").strip() for name in own):
            raise RequestError(
                422, "any tier: set the number of best sites, or the lowest probability or score"
            )
    elif fields.get("confidence"):
        values["confidence"] = fields["confidence"]
    for name in LIMITS:
        if fields.get(name, "").strip():
            values[name] = fields[name].strip()
    prior = {symbol: fields[f"prior_{symbol}"].strip() for symbol in known
             if fields.get(f"prior_{symbol}", "").strip()}  # fmt: skip
    if fields.get("prior", "").strip():
        text = fields["prior"].strip()
        if "=" in text:
            pairs = (part.partition("=") for part in text.split(",") if part.strip())
            prior |= {name.strip(): value.strip() for name, _, value in pairs}
        else:
            values["prior"] = text
    if prior:
        values["prior"] = prior
    return parse_options(values)


def parse_json(body: bytes) -> tuple[Fill, JobOptions]:
    """Return the input and the options of a JSON body; raises RequestError (422)."""
    try:
        request = JobRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestError(422, validation_message(error.errors(include_url=False))) from None
    values = request.model_dump(exclude={"fasta"})
    return fill_text(request.fasta), JobOptions(**values)
