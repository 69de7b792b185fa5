"""What a model is, what it was trained on, what its calls mean and what it must not be used for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from vqrna.config import ModelConfig
from vqrna.model.model_set import Model
from vqrna.model.protocol import NEAR
from vqrna.model.trained_model import TrainedModel
from vqrna.modifications import Modification
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import DEFAULT_TIER, EDGE, TierMeaning

LIMITS = (
    "A score is calibrated where half of all candidates are modified, as in the benchmark; real "
    "prevalence is far lower, so read 'probability' and the calls per kb, not the score alone.",
    "Telling modified windows from random ones is easier than finding the site inside one: much of "
    "the evidence (CpG content, a nearby start site) is the same for all positions of a region. "
    "A call says that the region looks right and the base fits, not that this base is proven.",
    "The benchmark's windows are human and genomic, with introns and promoters. To a model trained "
    "on them, spliced transcripts, their ends, other species and designed or random RNA are other "
    "kinds of input, on which it may call far more.",
    "The benchmark's negatives are unlabelled sites, not proven ones.",
    "Not for diagnosis, and no substitute for an experiment.",
)
"""Limits of every model trained on the benchmark; `Modification.caution` adds those of a type."""


NO_THRESHOLD = (
    "a tier without a threshold, of which nothing is called: the validation windows are too few to "
    "measure so rare false calls"
)

A_REGION, A_BASE = 0.7, 0.5
"""Below the first AUROC within windows, calls name regions; from the second share of sites that
rank first, they name bases."""


@dataclass(frozen=True, eq=False)
class TypeCard:
    """One modification of a model.

    Attributes
    ----------
    modification : Modification
    train, valid : tuple of int
        Modified and unmodified windows.
    validation : dict
        ``auroc``, ``acc``, ``mcc`` and more on all validation windows, random negatives.
    localisation : dict
        By measure of :mod:`vqrna.evaluation.localisation` the ``windows``, ``value``, ``low``,
        ``high``: where sites rank in validation windows that overlap no training window.
    p_value_floor : float
        Smallest p-value its null can give; nan without a null.
    null_nt : int
        Length of sequence behind the null.
    tiers : tuple of TierMeaning
        ``low``, ``medium``, ``high``, of whole windows and then of cut ones.
    """

    modification: Modification
    train: tuple[int, int]
    valid: tuple[int, int]
    validation: dict[str, float]
    localisation: dict[str, dict[str, float]]
    p_value_floor: float
    null_nt: int
    tiers: tuple[TierMeaning, ...]

    @property
    def pointing(self) -> str:
        """What a call of the type points at, in words."""
        return points_at(*(self.localisation[name]["value"] for name in ("auroc", "first")))


@dataclass(frozen=True, eq=False)
class ModelCard:
    """A model, described.

    Attributes
    ----------
    hash : str
    config : tuple of ModelConfig
        One a network.
    parameters : int
        Of all networks.
    command : str
        How it was trained.
    epochs : str
        The epoch that was kept, of how many; one a network.
    calibration : str
        What the scores were calibrated on.
    types : tuple of TypeCard
    limits : tuple of str
    flags : tuple of str
        What it can flag beside the scores.
    chosen : str
        Among which other trainings, and by what; nothing if it was the only one.
    """

    hash: str
    config: tuple[ModelConfig, ...]
    parameters: int
    command: str
    epochs: str
    calibration: str
    types: tuple[TypeCard, ...]
    limits: tuple[str, ...]
    flags: tuple[str, ...] = ()
    chosen: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain values, as JSON wants them (a missing number is null)."""
        plain = dataclasses.asdict(self) | {"schema_version": 1}
        return _without_nan(plain)

    def to_markdown(self) -> str:
        """Write the card as a page."""
        return "\n".join(_page(self)) + "\n"


def describe(model: Model) -> ModelCard:
    """Describe a model, or a set of models that acts as one."""
    parts = (model,) if isinstance(model, TrainedModel) else model.models
    told = [part.training for part in parts]
    return ModelCard(
        model.hash,
        tuple(part.config.model for part in parts),
        sum(weights.numel() for part in parts for weights in part.network.parameters()),
        next((x["command"] for x in told if "command" in x), "not trained here"),
        ", ".join(
            f"{x['best_epoch']} of {x['epochs']}"
            for x in told
            if {"best_epoch", "epochs"} <= x.keys()
        ),
        model.calibration.fitted_on or "not calibrated",
        tuple(card for part in parts for card in _types(part)),
        _limits(model.modifications),
        _flags(parts),
        ", ".join(dict.fromkeys(x["chosen"] for x in told if "chosen" in x)),
    )


def _flags(parts: tuple[TrainedModel, ...]) -> tuple[str, ...]:
    """Say which tables there are to flag input by."""
    told = ["ood"] if any(part.familiarity is not None for part in parts) else []
    sketches = [sketch for part in parts for sketch in part.sketches]
    if sketches:
        windows = sum(sketch.windows for sketch in sketches)
        told.append(f"in_training (a sketch of {windows:,} windows)")
    return tuple(told)


def _limits(modifications: tuple[Modification, ...]) -> tuple[str, ...]:
    """Return the general limits, then those of each type."""
    return (*LIMITS, *dict.fromkeys(m.caution for m in modifications if m.caution))


def _types(model: TrainedModel) -> list[TypeCard]:
    """Describe each modification of one network."""
    nulls: tuple[NullDistribution | None, ...] = model.off_site or (None,) * len(
        model.modifications
    )
    cards = []
    for m, null in zip(model.modifications, nulls, strict=True):
        labels = model.training.get("labels", {}).get(m.symbol, {"train": (0, 0), "valid": (0, 0)})
        cards.append(
            TypeCard(
                m,
                tuple(labels["train"]),
                tuple(labels["valid"]),
                model.training.get("validation", {}).get(m.symbol, {}),
                model.training.get("localisation", {}).get(m.symbol, {}),
                null.floor if null else float("nan"),
                null.nt if null else 0,
                tuple(x for x in model.tiers.meanings if x.modification == m.symbol),
            )
        )
    return cards


def _page(card: ModelCard) -> list[str]:
    """Lay out the card as Markdown lines."""
    kinds = sorted({f"{c.architecture}, {c.length} nt" for c in card.config})
    lines = [
        "# Model card",
        "",
        f"- weights: `{card.hash}`, {card.parameters:,} parameters ({'; '.join(kinds)})",
        f"- trained by: `{card.command}`, epoch kept: {card.epochs}",
        *([f"- chosen: {card.chosen}"] if card.chosen else []),
        f"- scores calibrated on: {card.calibration}",
        *([f"- flags of input: {', '.join(card.flags)}"] if card.flags else []),
        "",
        "## Types",
        "",
        "Windows as modified / unmodified; validation scores on all validation windows against "
        "random negatives (`vqrna evaluate` tells them with intervals, and on windows that "
        "overlap no training window).",
        "",
        "| type | context | prior | train | valid | AUROC | ACC | MCC | p-value floor |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for t in card.types:
        m, scores = t.modification, t.validation
        numbers = " | ".join(f"{scores.get(k, float('nan')):.3f}" for k in ("auroc", "acc", "mcc"))
        lines.append(
            f"| {m.symbol} | {m.context} | {m.prior:g} | {t.train[0]:,} / {t.train[1]:,} | "
            f"{t.valid[0]:,} / {t.valid[1]:,} | {numbers} | {t.p_value_floor:.1e} |"
        )
    lines += _finding([t for t in card.types if t.localisation])
    lines += [
        "",
        "## Confidence tiers",
        "",
        f"The default is `{DEFAULT_TIER}`. Precision and recall are those of validation windows at "
        "the even class ratio; calls per kb were counted on real sequence off the known sites and "
        "on the same sequence with its dinucleotides shuffled. A cut window reaches beyond an end "
        f"of its sequence; with fewer than {EDGE} nt on one side a site is scored, but not called.",
        "",
        "| type | window | tier | score from | precision | recall | off site | shuffled |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for t in card.types:
        for x in t.tiers:
            cells = (
                x.modification,
                "cut" if x.cut else "whole",
                x.tier,
                f"{x.score:.4f}",
                *(f"{rate:.3f}" for rate in (x.precision, x.recall)),
                *(f"{rate:.3f}" for rate in (x.per_kb_off_site, x.per_kb_shuffled)),
            )
            lines.append(f"| {' | '.join(cells)} |")
    if any(x.score != x.score for t in card.types for x in t.tiers):
        lines += ["", f"Without numbers: {NO_THRESHOLD}."]
    return [*lines, "", "## Limits", "", *(f"- {limit}" for limit in card.limits)]


def _finding(types: list[TypeCard]) -> list[str]:
    """Lay out how well sites are found within windows; nothing where that was not measured."""
    if not types:
        return []
    lines = [
        "",
        "## Finding the site",
        "",
        "How the modified base ranks among the other bases that could carry the type, within 250 "
        f"and within {NEAR} nt of it (AUROC, 0.5 is chance), and how often it is the very first, "
        "on validation windows that overlap no training window. A type that tells modified "
        "windows from others need not tell which base it is.",
        "",
        f"| type | windows | within 250 nt | within {NEAR} nt | very first | a call points at |",
        "|---|---|---|---|---|---|",
    ]
    for t in types:
        cells = [f"{t.localisation['auroc']['windows']:,}"]
        for measure in ("auroc", "auroc_near", "first"):
            found = t.localisation.get(measure, {})
            ends = "–".join(f"{found[end]:.2f}" for end in ("low", "high") if end in found)
            said = f"{found['value']:.2f}" if found else ""
            cells.append(f"{said} ({ends})" if ends else said)
        lines.append(f"| {' | '.join([t.modification.symbol, *cells, t.pointing])} |")
    return lines


def points_at(within: float, first: float) -> str:
    """Say in words what a call of a type is good for.

    Parameters
    ----------
    within : float
        AUROC of sites among the other positions of their windows.
    first : float
        Share of sites that rank first.
    """
    if within < A_REGION:
        return "a region: no caller of sites"
    if first >= A_BASE:
        return "most often the very base"
    return "likely bases, often not the very one"


def _without_nan(value: Any) -> Any:
    """Replace nan and infinities, which JSON does not know, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value
