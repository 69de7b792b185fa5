"""Requests and answers of the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vqrna.web.options import JobOptions, Prior

Letters = Annotated[str, Field(min_length=1, max_length=200_000)]


class JobRequest(JobOptions):
    """Sequences, and the options of ``vqrna predict``."""

    fasta: Annotated[str, Field(description="Records in FASTA format.", min_length=1)]


class JobCreated(BaseModel):
    """A job that was accepted."""

    id: str
    url: Annotated[str, Field(description="Page of the job; keep it, it cannot be guessed.")]


class JobStatus(BaseModel):
    """State of a job."""

    id: str
    status: Literal["queued", "running", "done", "failed", "cancelled", "expired"]
    progress: Annotated[float, Field(ge=0, le=1)]
    queue_position: Annotated[int | None, Field(description="1 is next; null if not waiting.")]
    error: str | None
    queue: Literal["small", "large"]
    records: int
    nt: int
    created: Annotated[float, Field(description="Seconds since 1970.")]
    ended: float | None
    expires: Annotated[float | None, Field(description="When the files are deleted.")]
    url: str


class ErrorMessage(BaseModel):
    """Why a request was refused, in one line."""

    error: str


class ExplainRequest(BaseModel):
    """A site of a sequence or of a finished job."""

    model_config = ConfigDict(extra="forbid")

    sequence: Annotated[
        str, Field(description="RNA letters; with `job`, the name of a record.", min_length=1,
                   max_length=200_000),
    ]  # fmt: skip
    position: Annotated[int, Field(description="1-based.", ge=1, le=10**9)]
    modification: Annotated[str, Field(max_length=60)]
    prior: float | None = None
    job: Annotated[str | None, Field(description="Identifier of a finished job.")] = None


class VariantsRequest(BaseModel):
    """Variants of a sequence or of a record of a finished job."""

    model_config = ConfigDict(extra="forbid")

    sequence: Annotated[
        str, Field(description="RNA letters; with `job`, the name of a record.", min_length=1,
                   max_length=200_000),
    ]  # fmt: skip
    variants: Annotated[
        list[Annotated[str, Field(max_length=3000)]] | Annotated[str, Field(max_length=50_000)],
        Field(description="Such as A1216G, 1216 A>G, NAME:1216 A>G, 1216del or 1216insGG."),
    ]
    modifications: list[Annotated[str, Field(max_length=60)]] = []
    confidence: Annotated[
        Annotated[str, Field(max_length=20)] | None, Field(description="Lowest tier of a site.")
    ] = None
    min_probability: Annotated[
        float | None, Field(description="Lowest probability of a site.", gt=0, le=1)
    ] = None
    prior: Prior = None
    job: Annotated[str | None, Field(description="Identifier of a finished job.")] = None
