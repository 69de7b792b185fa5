"""`vqrna model`: what a model is, how it was trained and what its tiers mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.options import option, weights_option
from vqrna.cli.tables import MISSING, new_console, new_table, number

if TYPE_CHECKING:
    from rich.console import Console

    from vqrna.model.model_card import ModelCard


TrainingData = Annotated[
    Path, option("Data set in the benchmark layout: DIR/{train,valid}/.", metavar="DIR")
]

OptionalModel = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL",
        help="Weights file, folder of a training run, or 'ensemble'.",
        show_default="the shipped model",
    ),
]

app = typer.Typer(help="Describe, calibrate and combine models.", no_args_is_help=True)


@app.callback()
def _model() -> None:
    """Group the subcommands."""


@app.command()
def info(
    model: OptionalModel = None,
    json: Annotated[bool, option("Print JSON only.", names=("--json",))] = False,
) -> None:
    """Show the modifications, the training and the confidence tiers of a model."""
    from vqrna.model.model_card import describe
    from vqrna.model.weights import load_model

    card = describe(load_model(model, "cpu"))
    if json:
        from json import dumps

        typer.echo(dumps(card.to_json(), indent=2))
        return

    show(card)


@app.command()
def calibrate(
    out: Annotated[Path, weights_option("File for the calibrated weights.")],
    data: TrainingData,
    studies: Annotated[
        Path | None,
        option(
            "Folder of further studies, whose sites are annotated: DIR/STUDY/{train,valid}/.",
            metavar="DIR",
        ),
    ] = None,
    model: OptionalModel = None,
) -> None:
    """Calibrate the probabilities of a model for scans, without training it.

    All positions of the validation windows are scanned. The network, its
    scores and its p-values stay the same; probabilities and the rates of the
    confidence tiers change.
    """
    from vqrna.model.model_card import describe
    from vqrna.training import recalibrate

    show(describe(recalibrate(model, data, out, studies=studies)))


@app.command()
def combine(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", help="Weights files, folders of training runs, or ensembles."
        ),
    ],
    out: Annotated[Path, weights_option("File for the weights of the ensemble.")],
    data: TrainingData,
    studies: Annotated[
        Path | None,
        option(
            "Folder of the studies that the networks were trained on: DIR/STUDY/{train,valid}/.",
            metavar="DIR",
        ),
    ] = None,
) -> None:
    """Combine networks into an ensemble, which averages their log-odds.

    The networks are trained on the same data with different seeds. The ensemble
    is calibrated and measured as a training is. It predicts better than one
    network and takes as long as all of them.
    """
    from vqrna.model.model_card import describe
    from vqrna.training import combine as combine_models

    show(describe(combine_models(models, data, out, studies=studies)))


def show(card: ModelCard) -> None:
    """Print a model card."""
    from vqrna.model.model_card import NOT_CALIBRATED

    console = new_console()
    shapes = sorted({f"{c.architecture}, {c.length} nt" for c in card.config})
    networks = f"{card.networks} networks, " if card.networks > 1 else ""
    console.print(
        f"weights {card.hash}: {networks}{card.parameters:,} parameters ({'; '.join(shapes)})"
    )
    console.print(f"trained by: {card.command}", soft_wrap=True)
    if card.epochs:
        console.print(f"best epoch: {card.epochs}", soft_wrap=True)
    if card.chosen:
        console.print(f"selected: {card.chosen}", soft_wrap=True)
    console.print(f"scores calibrated on: {card.calibration}", soft_wrap=True)
    if card.scan_calibration != NOT_CALIBRATED:
        console.print(f"probabilities calibrated on: {card.scan_calibration}", soft_wrap=True)
    if card.flags:
        console.print(f"flags: {', '.join(card.flags)}", soft_wrap=True)
    console.print()
    table = new_table(
        ("modification", "context"), ("prior", "trained on", "AUROC", "ACC", "smallest p")
    )
    for t in card.types:
        m = t.modification
        table.add_row(
            m.symbol,
            m.context,
            f"{m.prior:g}",
            f"{t.train[0]:,}+{t.train[1]:,}",
            *(number(t.validation.get(key, float("nan"))) for key in ("auroc", "acc")),
            f"{t.p_value_floor:.1e}",
        )
    console.print("Modifications (all validation windows, random negatives):")
    console.print(table)
    _print_localisation(console, card)
    _print_tiers(console, card)
    console.print("\nLimits:")
    for limit in card.limits:
        console.print(f"- {limit}")


def _print_tiers(console: Console, card: ModelCard) -> None:
    from vqrna.model.model_card import TIER_LIMITS
    from vqrna.stats.scan_calibration import FEWEST_SITES

    table = new_table(
        ("modification", "tier"),
        ("recall", "precision", "in unmodified windows", "near sites", "shuffled"),
    )
    for t in card.types:
        for x in t.reachable_tiers():
            rates = (x.precision_mixture, x.precision_unmodified)
            per_kb = (x.per_kb_off_site, x.per_kb_shuffled)
            table.add_row(
                t.modification.symbol if x.tier == "low" else "",
                x.tier,
                *(number(value, ".2f") for value in (x.recall, *rates)),
                *(number(value) for value in per_kb),
            )
    if not any(t.tiers for t in card.types):
        console.print(
            "\nConfidence tiers: not calibrated for scans, which needs at least "
            f"{FEWEST_SITES} modified validation windows (vqrna model calibrate)",
            soft_wrap=True,
        )
        return
    console.print(
        f"\nConfidence tiers ({TIER_LIMITS.replace('`', '')}), each with those above it. "
        "Recall: share of known sites that is called. Precision: share of calls that is expected "
        "to be right at the prior, in sequence around sites and elsewhere (a lower bound: "
        "unannotated sites count as false) and in unmodified windows. Near sites, shuffled: calls "
        "per 1,000 nt near known sites and in shuffled sequence. --json adds windows that "
        "extend beyond an end of the sequence."
    )
    console.print(table)
    none = ", ".join(t.modification.symbol for t in card.types if not t.reachable_tiers())
    without = f" (all tiers of {none})" if none else ""
    console.print(
        "Values are cross-fitted: the probabilities of a window come from a calibration without "
        "the windows that overlap it. Tiers that no site can reach with the final calibration are "
        f"left out{without}.",
        style="dim",
    )


def _print_localisation(console: Console, card: ModelCard) -> None:
    from vqrna.model.protocol import NEAR

    known = [t for t in card.types if t.localisation]
    if not known:
        return
    table = new_table(
        ("modification",), ("within 250 nt", f"within {NEAR} nt", "ranked first", "points at")
    )
    table.columns[-1].justify = "left"
    for t in known:
        values = (t.localisation.get(name) for name in ("auroc", "auroc_near", "first"))
        cells = (number(x["value"], ".2f") if x else MISSING for x in values)
        table.add_row(t.modification.symbol, *cells, t.pointing)
    console.print(
        "\nLocalisation: AUROC of the site among the other candidates (0.5 is chance), and how "
        "often it ranks first; validation windows that overlap no training window:"
    )
    console.print(table)
