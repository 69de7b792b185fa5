"""Options of a job: checked when they arrive, as settings of a scan, and as a command line."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vqrna.modifications import Modification
from vqrna.prediction import Settings, make_settings
from vqrna.stats.tiers import DEFAULT_TIER

INPUT = "sequences.fasta"
"""Name of the input of every job."""

FORMATS = ("tsv", "bed", "bedrmod", "parquet")
"""Formats that a job writes; all have the same sites."""


def _split(value: Any) -> Any:
    """Accept ``m6A,Psi`` and forms with one field per modification."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [part.strip() for each in value for part in each.split(",") if part.strip()]
    return value


def _prior(value: Any) -> Any:
    """Reject what is neither a number nor numbers by symbol, in one sentence for both."""
    for name, each in value.items() if isinstance(value, dict) else [("", value)]:
        try:
            if each is not None or isinstance(value, dict):
                float("" if isinstance(each, bool) else each)
        except (TypeError, ValueError):
            shown = f" '{each[:40]}'" if isinstance(each, str) else ""
            place = f" of {str(name)[:40]}" if isinstance(value, dict) else ""
            more = "" if place else ", or numbers by symbol"
            raise ValueError(
                f"invalid prior{shown}{place} (expected a number such as 0.002{more})"
            ) from None
    return value


Prior = Annotated[
    dict[Annotated[str, Field(max_length=60)], float] | float | None, BeforeValidator(_prior)
]


class JobOptions(BaseModel):
    """What is predicted and which sites are reported; the names are those of ``vqrna predict``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modifications: Annotated[
        list[Annotated[str, Field(max_length=60)]],
        BeforeValidator(_split),
        Field(description="Symbols such as m6A; all if empty.", max_length=100),
    ] = []
    confidence: Annotated[
        Annotated[str, Field(max_length=20)] | None,
        Field(
            description="Lowest tier: low, medium or high. By default medium, or no tier with "
            "`threshold`, `min_probability` or `top`."
        ),
    ] = None
    threshold: Annotated[float | None, Field(description="Lowest score that is called.")] = None
    min_probability: Annotated[
        float | None, Field(description="Lowest probability that is called.")
    ] = None
    fdr: Annotated[float | None, Field(description="Largest q-value that is called.")] = None
    top: Annotated[
        int | None,
        Field(
            description="Most sites of each sequence and modification, the most probable ones of "
            "those that the other limits leave."
        ),
    ] = None
    prior: Annotated[
        Prior, Field(description="Share of candidates that are modified: one number, or by symbol.")
    ] = None

    @property
    def own_limits(self) -> bool:
        """Whether there are limits with which no tier is the default."""
        limits = (self.threshold, self.min_probability, self.top)
        return any(limit is not None for limit in limits)

    def settings(self, known: tuple[Modification, ...]) -> Settings:
        """Return the settings of the scan; raises UsageError for unknown names and bad numbers."""
        given = self.model_dump() | {"modifications": self.modifications or None}
        return make_settings(known, **given)

    def resolved(self, known: tuple[Modification, ...]) -> JobOptions:
        """Return the options with symbols in the order of the model; raises UsageError."""
        settings = self.settings(known)
        chosen = settings.modifications
        every = len(chosen) == len(known)
        prior = self.prior
        if isinstance(prior, dict):
            prior = {
                m.symbol: value
                for m in known
                for name, value in prior.items()
                if _is(name, m, known)
            }
        return self.model_copy(
            update={
                "modifications": [] if every else [m.symbol for m in chosen],
                "confidence": settings.confidence,
                "prior": prior or None,
            }
        )

    def words(self) -> list[str]:
        """Return the options as words of a command line, in the order of the help."""
        words: list[str] = []
        if self.modifications:
            words += ["--modifications", ",".join(self.modifications)]
        if self.confidence not in (None if self.own_limits else DEFAULT_TIER, None):
            words += ["--confidence", str(self.confidence)]
        limits = {
            "--threshold": self.threshold,
            "--min-probability": self.min_probability,
            "--fdr": self.fdr,
            "--top": self.top,
        }
        for name, value in limits.items():
            if value is not None:
                words += [name, str(value)]
        if isinstance(self.prior, dict):
            words += ["--prior", ",".join(f"{name}={value}" for name, value in self.prior.items())]
        elif self.prior is not None:
            words += ["--prior", str(self.prior)]
        return words

    def command(self, model: str = "") -> str:
        """Return the command in the header of the files."""
        more = ["--model", model] if model else []
        return shlex.join(["vqrna", "predict", INPUT, *self.words(), *more])

    def full_command(self, model: str = "") -> str:
        """Return the command that writes the same files."""
        output = shlex.join(["--out", "results", "--format", ",".join(FORMATS)])
        return f"{self.command(model)} {output}"


def _is(name: str, m: Modification, known: tuple[Modification, ...]) -> bool:
    from vqrna.modifications import modification

    return modification(name, known).symbol == m.symbol
