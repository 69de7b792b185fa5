"""Model cards: architecture, training, accuracy and limits of a model, as JSON and Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqrna.config import ModelConfig
from vqrna.model.model_set import Model
from vqrna.model.protocol import NEAR
from vqrna.model.trained_model import TrainedModel
from vqrna.modifications import Modification
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, probabilities
from vqrna.stats.tiers import DEFAULT_TIER, EDGE, PROBABILITIES, TIERS, TierMeaning, reached_tiers

LIMITS = (
    "Scores are calibrated for a share of modified candidates of one half, as in the benchmark. "
    "The real prevalence is far lower: use 'probability' and the calls per kb, not only the score.",
    "Separating modified windows from random ones is easier than locating the site in a window: "
    "much of the evidence (CpG content, a nearby start site) is the same for all positions of a "
    "region. A call means that the region is typical and the base fits, not that the base is "
    "modified.",
    "Windows of the public benchmark are human and genomic, with introns and promoters. For models "
    "trained on them, spliced transcripts, their ends, other species, and designed or random RNA "
    "differ from the training windows, and they may call far more sites in them.",
    "Sites that another laboratory measured by another method are harder than the validation "
    "windows: networks that were not trained on a study recognise its sites far less well "
    "('Other studies' in the documentation).",
    "Negatives of the public benchmark are unlabelled sites, not proven unmodified ones.",
    "Not for diagnosis, and not a substitute for an experiment.",
)
"""Limits of every model; `Modification.caution` adds those of a modification."""


TIER_LIMITS = ", ".join(
    f"`{tier}`: a probability of {p:.2g} or more"
    for tier, p in zip(TIERS, PROBABILITIES, strict=True)
)

NOT_CALIBRATED = "not calibrated"

REGION_BELOW, BASE_FROM = 0.7, 0.5
"""Below this AUROC within windows, calls locate regions; from this share of sites that rank first
on, they locate bases."""


@dataclass(frozen=True, eq=False)
class TypeCard:
    """One modification of a model."""

    modification: Modification
    # train, valid: Number of modified and of unmodified windows
    train: tuple[int, int]
    valid: tuple[int, int]
    # ``auroc``, ``acc``, ``mcc`` and more on all validation windows against random negatives
    validation: dict[str, float]
    # Ranks of sites in validation windows that overlap no training window: by measure of
    # :mod:`vqrna.evaluation.localisation` the ``windows``, ``value``, ``low``, ``high``
    localisation: dict[str, dict[str, float]]
    p_value_floor: float  # Smallest p-value that the null can give; nan without a null
    null_nt: int  # Length of the sequence that the null was measured on
    # ``low``, ``medium``, ``high`` of each kind of window, at the documented priors; empty if not
    # measured
    tiers: tuple[TierMeaning, ...]
    # Highest probability of a site by kind of window, at the documented prior; empty if not
    # calibrated for scans. The rates of the tiers are cross-fitted and may reach a higher one.
    highest: dict[str, float]

    def reachable_tiers(self, window: str = "whole") -> tuple[TierMeaning, ...]:
        """Return the tiers of a kind of window that a site can reach."""
        count = int(reached_tiers(np.array(self.highest.get(window, 0.0))))
        return tuple(x for x in self.tiers if x.window == window and x.tier in TIERS[:count])

    @property
    def pointing(self) -> str:
        """What a call of the type locates, in words."""
        return points_at(*(self.localisation[name]["value"] for name in ("auroc", "first")))


@dataclass(frozen=True, eq=False)
class StudyCard:
    """One modification of a further study that a model was trained on."""

    study: str
    modification: str  # Its symbol
    windows: tuple[int, int]  # Training and validation windows of the study, all modifications
    validation: dict[str, float]  # ``auroc``, ``acc``, ``mcc`` and more on its validation windows


@dataclass(frozen=True, eq=False)
class ModelCard:
    """Description of a model."""

    hash: str
    config: tuple[ModelConfig, ...]  # One per network
    parameters: int  # Number of parameters of all networks
    command: str  # The training command
    epochs: str  # The epoch that was kept and the number of epochs, per network
    calibration: str  # The windows that the scores were calibrated on
    scan_calibration: str  # The positions that the probabilities were calibrated on
    types: tuple[TypeCard, ...]
    limits: tuple[str, ...]
    flags: tuple[str, ...] = ()  # The flags that the model can set
    studies: tuple[StudyCard, ...] = ()  # Of a training on several studies
    chosen: str = ""  # How the training was chosen among several; empty for a single one
    networks: int = 1  # Number of networks

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; missing numbers are None."""
        return _without_nan(dataclasses.asdict(self) | {"schema_version": 1})

    def to_markdown(self) -> str:
        """Return the card as a Markdown page."""
        return "\n".join(_page(self)) + "\n"


def describe(model: Model) -> ModelCard:
    """Return the card of a model or of a set of models."""
    parts = (model,) if isinstance(model, TrainedModel) else model.models
    trainings = [part.training for part in parts]
    # The networks of an ensemble were trained one by one
    members = [x for training in trainings for x in training.get("members", [training])]
    return ModelCard(
        model.hash,
        tuple(part.config.model for part in parts),
        sum(weights.numel() for part in parts for weights in part.network.parameters()),
        next((x["command"] for x in trainings if "command" in x), "not trained here"),
        ", ".join(filter(None, map(_epochs, members))),
        model.calibration.fitted_on or NOT_CALIBRATED,
        _scan_calibration(model),
        tuple(card for part in parts for card in _types(part)),
        _limits(model.modifications),
        _flags(parts),
        tuple(card for training in trainings for card in _studies(training)),
        ", ".join(dict.fromkeys(x["chosen"] for x in trainings if "chosen" in x)),
        len(members),
    )


def _scan_calibration(model: Model) -> str:
    """Return what the probabilities were calibrated on; a saved text may have no curves."""
    scans = model.scan_calibration
    return (scans.measured.any() and scans.fitted_on) or NOT_CALIBRATED


def _epochs(training: Mapping[str, Any]) -> str:
    """Return the best epoch of a training, after those of the weights that it started from."""
    earlier = _epochs(training["start"]) if isinstance(training.get("start"), dict) else ""
    if not {"best_epoch", "epochs"} <= training.keys():
        return earlier
    own = f"{training['best_epoch']} of {training['epochs']}"
    return f"{earlier}, then {own}" if earlier else own


def _flags(parts: tuple[TrainedModel, ...]) -> tuple[str, ...]:
    flags = ["ood"] if any(part.familiarity is not None for part in parts) else []
    sketches = [sketch for part in parts for sketch in part.sketches]
    if sketches:
        windows = sum(sketch.windows for sketch in sketches)
        flags.append(f"in_training (training sequences of {windows:,} windows)")
    return tuple(flags)


def _limits(modifications: tuple[Modification, ...]) -> tuple[str, ...]:
    """Return the general limits, then those of each type."""
    return (*LIMITS, *dict.fromkeys(m.caution for m in modifications if m.caution))


def _types(model: TrainedModel) -> list[TypeCard]:
    nulls: tuple[NullDistribution | None, ...] = model.off_site or (None,) * len(
        model.modifications
    )
    cards = []
    curves = model.scan_calibration.curves
    for m, null, own in zip(model.modifications, nulls, curves, strict=True):
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
                tuple(x for x in model.tiers if x.modification == m.symbol),
                {
                    kind: float(probabilities(curve.values[-1], m.prior))
                    for kind, curve in zip(WINDOW_KINDS, own or (), strict=False)
                },
            )
        )
    return cards


def _studies(training: dict[str, Any]) -> list[StudyCard]:
    return [
        StudyCard(name, symbol, (study["windows"]["train"], study["windows"]["valid"]), scores)
        for name, study in sorted(training.get("studies", {}).items())
        for symbol, scores in study["validation"].items()
        if symbol != "mean"
    ]


def _page(card: ModelCard) -> list[str]:
    networks = sorted({f"{c.architecture}, {c.length} nt" for c in card.config})
    several = f"{card.networks} networks, " if card.networks > 1 else ""
    lines = [
        "# Model card",
        "",
        f"- weights: `{card.hash}`, {several}{card.parameters:,} parameters "
        f"({'; '.join(networks)})",
        f"- trained by: `{card.command}`, epoch kept: {card.epochs}",
        *([f"- chosen: {card.chosen}"] if card.chosen else []),
        f"- scores calibrated on: {card.calibration}",
        f"- probabilities calibrated on: {card.scan_calibration}",
        *([f"- flags: {', '.join(card.flags)}"] if card.flags else []),
        "",
        "## Modifications",
        "",
        "Numbers of modified / unmodified windows; accuracy on all validation windows against "
        "random negatives (`vqrna evaluate` adds intervals, and windows that overlap no training "
        "window).",
        "",
        "| modification | context | prior | train | valid | AUROC | ACC | MCC | smallest p-value |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for t in card.types:
        m, scores = t.modification, t.validation
        numbers = " | ".join(f"{scores.get(k, float('nan')):.3f}" for k in ("auroc", "acc", "mcc"))
        lines.append(
            f"| {m.symbol} | {m.context} | {m.prior:g} | {t.train[0]:,} / {t.train[1]:,} | "
            f"{t.valid[0]:,} / {t.valid[1]:,} | {numbers} | {t.p_value_floor:.1e} |"
        )
    lines += _of_studies(card.studies)
    lines += _localisation([t for t in card.types if t.localisation])
    lines += _tiers([x for t in card.types for x in t.tiers])
    return [*lines, "", "## Limits", "", *(f"- {limit}" for limit in card.limits)]


def _tiers(tiers: list[TierMeaning]) -> list[str]:
    if not tiers:
        return []
    lines = [
        "",
        "## Confidence tiers",
        "",
        f"Tiers follow the probability ({TIER_LIMITS}); the default is `{DEFAULT_TIER}`. A row is "
        "a tier and those above it, at the prior of the modification; rows with a recall of 0.000 "
        "are left out. Recall: share of the modified sites of validation windows that is called. "
        "Expected precision, from two mixtures of sites and other positions at the prior "
        "(cross-fitted): around sites and elsewhere, where unannotated sites count as false "
        "(mixture), and in unmodified windows alone. Calls per kb: near known sites, and in the "
        "same sequence with its dinucleotides shuffled. A cut window reaches beyond an end of its "
        "sequence; edge: with fewer than "
        f"{EDGE} nt on one side.",
        "",
        "| modification | window | tier | recall | precision, mixture | precision, unmodified "
        "windows | per kb near known sites | per kb shuffled |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for x in tiers:
        if f"{x.recall:.3f}" == "0.000":
            continue
        numbers = (
            x.recall, x.precision_mixture, x.precision_unmodified, x.per_kb_off_site,
            x.per_kb_shuffled,
        )  # fmt: skip
        shown = (f"{n:.3f}" if n == n else "" for n in numbers)
        cells = (x.modification, x.window, x.tier, *shown)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _of_studies(studies: tuple[StudyCard, ...]) -> list[str]:
    if not studies:
        return []
    lines = [
        "",
        "## Further studies",
        "",
        "Accuracy on the validation windows of further studies whose training windows were used. "
        "Sites of a study that was not used are recognised less well ('Other studies' in the "
        "documentation).",
        "",
        "| study | modification | windows: train / valid | AUROC | ACC | MCC |",
        "|---|---|---|---|---|---|",
    ]
    for x in studies:
        values = (x.validation.get(name, float("nan")) for name in ("auroc", "acc", "mcc"))
        scores = " | ".join(f"{value:.3f}" for value in values)
        counts = f"{x.windows[0]:,} / {x.windows[1]:,}"
        lines.append(f"| {x.study} | {x.modification} | {counts} | {scores} |")
    return lines


def _localisation(types: list[TypeCard]) -> list[str]:
    if not types:
        return []
    lines = [
        "",
        "## Locating the site",
        "",
        "Rank of the modified base among the other bases that could carry the modification, within "
        f"250 and within {NEAR} nt of it (AUROC, 0.5 is chance), and how often it ranks first, on "
        "validation windows that overlap no training window. A modification whose windows are "
        "easy to recognise can be hard to locate in them.",
        "",
        f"| modification | windows | within 250 nt | within {NEAR} nt | ranked first | "
        "a call points at |",
        "|---|---|---|---|---|---|",
    ]
    for t in types:
        cells = [f"{t.localisation['auroc']['windows']:,}"]
        for measure in ("auroc", "auroc_near", "first"):
            rank = t.localisation.get(measure, {})
            ends = "–".join(f"{rank[end]:.2f}" for end in ("low", "high") if end in rank)
            value = f"{rank['value']:.2f}" if rank else ""
            cells.append(f"{value} ({ends})" if ends else value)
        lines.append(f"| {' | '.join([t.modification.symbol, *cells, t.pointing])} |")
    return lines


def points_at(within: float, first: float) -> str:
    """Describe what the calls of a type locate.

    Parameters
    ----------
    within : float
        AUROC of sites among the other positions of their windows.
    first : float
        Share of sites that rank first.
    """
    if within < REGION_BELOW:
        return "a region, not a base"
    if first >= BASE_FROM:
        return "usually the exact base"
    return "likely bases, often not the exact one"


def _without_nan(value: Any) -> Any:
    """Replace nan and infinities, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value
