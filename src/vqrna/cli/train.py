"""`vqrna train`: train a model on the benchmark or on windows of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.training import Source, TrainingRun


_TOO_FEW = "too few validation windows for {} (docs/probabilities.md)"


def train(
    out: Annotated[Path, typer.Option(help="Folder for weights, logs and curves.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder in the benchmark layout: train/, valid/.")
    ] = None,
    positives: Annotated[
        Path | None, typer.Option(help="Your own data: FASTA of windows, the site in the centre.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Your own data: FASTA of windows without the modification.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="With --positives: the modification, known or new.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Your own data: TSV or CSV with sequence, modification, label."),
    ] = None,
    preset: Annotated[str, typer.Option(help="vqrna (ours) or paper (as published).")] = "vqrna",
    modifications: Annotated[
        list[str] | None,
        typer.Option(help="Types, comma-separated or repeated.", show_default="all in the data"),
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="Window length in nt, odd, 51 to 1001.", show_default="501")
    ] = None,
    joint: Annotated[
        bool | None,
        typer.Option(
            "--joint/--one-each",
            help="One network for all types, or one each.",
            show_default="joint for vqrna, one each for paper",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML with tables \\[model] and \\[training].")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights to fine-tune; 'shipped' for ours.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="At most so many epochs.", show_default="the preset's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows a step.", show_default="the preset's")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak, or constant, learning rate.", show_default="the preset's"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of all that is random.", show_default="the preset's")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Who else judges the training windows: trees (needs vqrna\\[trees]), or none.",
            show_default="none",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", show_default="torch's choice")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run in --out.")
    ] = False,
) -> None:
    """Train a model; only validation windows decide which epoch is kept.

    Give the data as --data, as --positives, --negatives and --name, or as
    --table. Windows of your own are divided into training and validation so
    that overlapping ones stay together.
    """
    from vqrna import config as configs
    from vqrna.runtime.devices import choose_device

    base = configs.preset(preset)
    if config is not None:
        base = configs.load(config, base)
    settings = configs.replace(
        base,
        length=length,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        teacher=teacher,
    )
    choose_device(device)  # a wrong name is told before the data are read
    source = _source(data, positives, negatives, name, table, modifications, settings.training.seed)

    import torch

    from vqrna import training
    from vqrna.model.weights import SHIPPED

    if threads is not None:
        torch.set_num_threads(threads)
    run = training.train(
        source,
        out,
        settings,
        joint=joint,
        start=SHIPPED if start == Path("shipped") else start,
        resume=resume,
        device=device,
        on_remark=lambda line: say("note", line),
    )
    _show(run)


def _source(
    data: Path | None,
    positives: Path | None,
    negatives: Path | None,
    name: str | None,
    table: Path | None,
    modifications: list[str] | None,
    seed: int,
) -> Source:
    """Read the data in whichever of the three ways they were given."""
    fasta = (positives, negatives, name)
    if sum([data is not None, any(x is not None for x in fasta), table is not None]) != 1:
        raise UsageError(
            "give the data in one way: --data, or --positives, --negatives and --name, or --table"
        )
    from vqrna import training

    if data is not None:
        return training.from_benchmark(data, modifications, lambda line: say("note", line))
    if modifications:
        raise UsageError("--modifications goes with --data")
    if table is not None:
        return training.from_table(table, seed)
    if positives is None or negatives is None or name is None:
        raise UsageError("--positives, --negatives and --name belong together")
    return training.from_fasta(positives, negatives, name, seed)


def _show(run: TrainingRun) -> None:
    """Tell where everything lies and how good the kept epochs are."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("modification", "epoch", "AUROC", "ACC", "MCC"):
        table.add_column(title, justify="left" if title == "modification" else "right")
    for result in run.results.values():
        summary = result.model.training
        for symbol, scores in summary["validation"].items():
            cells = (f"{scores[key]:.4f}" for key in ("auroc", "acc", "mcc"))
            table.add_row(symbol, str(summary["best_epoch"]), *cells)
        symbols = [m.symbol for m in result.model.modifications]
        tiers = result.model.tiers
        for tier, without in tiers.missing(range(len(symbols)), symbols).items():
            say("note", f"{', '.join(without)}: {_TOO_FEW.format(f'the tier {tier}')}")
        if result.model.off_site and not tiers.measured.all():
            none = [s for s, known in zip(symbols, tiers.measured, strict=True) if not known]
            say("note", f"{', '.join(none)}: {_TOO_FEW.format('any tier')}")
    console = Console()
    console.print("Validation windows, the epochs that were kept:")
    console.print(table)
    console.print(f"wrote {run.folder}", highlight=False, soft_wrap=True)
