"""`vqrna train`: train a model on a data set or on your own windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vqrna.cli.exits import say
from vqrna.cli.options import (
    TRAINING,
    ConfigFile,
    Device,
    Epochs,
    Joint,
    Length,
    PresetName,
    Threads,
    folder_option,
    option,
)
from vqrna.cli.tables import new_console, new_table, number
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.training import TrainingRun, WindowSource


def train(
    out: Annotated[Path, folder_option("Folder for weights, logs and curves.")],
    data: Annotated[
        Path | None, option("Data set in the benchmark layout: DIR/{train,valid}/.", metavar="DIR")
    ] = None,
    studies: Annotated[
        Path | None,
        option(
            "With --data: further studies to learn from, DIR/STUDY/{train,valid}/.", metavar="DIR"
        ),
    ] = None,
    positives: Annotated[
        Path | None, option("Your data: FASTA of windows with the site in the centre.")
    ] = None,
    negatives: Annotated[
        Path | None, option("Your data: FASTA of windows without the modification.")
    ] = None,
    name: Annotated[str | None, option("With --positives: the modification, known or new.")] = None,
    table: Annotated[
        Path | None, option("Your data: TSV or CSV with columns sequence, modification, label.")
    ] = None,
    preset: PresetName = "vqrna",
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications, comma-separated or repeated.", default="all in the data", metavar="LIST"
        ),
    ] = None,
    length: Length = None,
    joint: Joint = None,
    config: ConfigFile = None,
    start: Annotated[
        Path | None, option("Weights to fine-tune, or 'shipped'.", TRAINING, names=("--from",))
    ] = None,
    head_only: Annotated[
        bool,
        option(
            "With --from: train the head alone; codes stay the same.",
            TRAINING,
            names=("--head-only",),
        ),
    ] = False,
    epochs: Epochs = None,
    batch_size: Annotated[
        int | None, option("Windows per step.", TRAINING, default="the preset's")
    ] = None,
    learning_rate: Annotated[
        float | None, option("Peak or constant learning rate.", TRAINING, default="the preset's")
    ] = None,
    seed: Annotated[int | None, option("Random seed.", TRAINING, default="the preset's")] = None,
    teacher: Annotated[
        str | None,
        option(
            "Model to distil from: trees (needs the extra 'trees') or none.",
            TRAINING,
            default="none",
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    resume: Annotated[
        bool, option("Continue an interrupted run in --out.", names=("--resume",))
    ] = False,
) -> None:
    """Train a model; the best epoch is selected on validation windows only.

    Data are given with --data, with --positives, --negatives and --name, or with
    --table. Your own windows are split into training and validation without
    separating windows that overlap.
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
        head_only=head_only or None,
    )
    if settings.training.head_only and start is None:
        raise UsageError("--head-only needs --from")
    choose_device(device)  # report a wrong name before reading the data
    source = _source(data, positives, negatives, name, table, modifications, settings.training.seed)
    if studies is not None:
        if data is None:
            raise UsageError("--studies needs --data")
        from vqrna.training import with_studies

        source = with_studies(source, studies, lambda line: say("note", line))

    import torch

    from vqrna import training

    if threads is not None:
        torch.set_num_threads(threads)
    run = training.train(
        source,
        out,
        settings,
        joint=joint,
        start=start,
        resume=resume,
        device=device,
        on_warning=lambda line: say("note", line),
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
) -> WindowSource:
    """Read the data from the one source that was given."""
    fasta = (positives, negatives, name)
    if sum([data is not None, any(x is not None for x in fasta), table is not None]) != 1:
        raise UsageError(
            "give exactly one source: --data, or --positives, --negatives and --name, or --table"
        )
    from vqrna import training

    if data is not None:
        return training.from_benchmark(data, modifications, lambda line: say("note", line))
    if modifications:
        raise UsageError("--modifications needs --data")
    if table is not None:
        return training.from_table(table, seed)
    if positives is None or negatives is None or name is None:
        raise UsageError("--positives, --negatives and --name must be given together")
    return training.from_fasta(positives, negatives, name, seed)


def _show(run: TrainingRun) -> None:
    """Print the validation scores of the selected epochs and the output folder."""
    table = new_table(("modification",), ("epoch", "AUROC", "ACC", "MCC"))
    from vqrna.stats.scan_calibration import FEWEST_SITES

    for result in run.results.values():
        summary = result.model.training
        for symbol, scores in summary["validation"].items():
            cells = (number(scores[key], ".4f") for key in ("auroc", "acc", "mcc"))
            table.add_row(symbol, str(summary["best_epoch"]), *cells)
        symbols = [m.symbol for m in result.model.modifications]
        measured = result.model.scan_calibration.measured
        if not measured.all():
            none = ", ".join(
                f"{symbol} ({summary['labels'][symbol]['valid'][0]})"
                for symbol, known in zip(symbols, measured, strict=True)
                if not known
            )
            say(
                "note",
                f"probabilities and confidence tiers need at least {FEWEST_SITES} modified "
                f"validation windows; not calibrated: {none}",
            )
    console = new_console()
    console.print("Validation windows, best epochs:")
    console.print(table)
    console.print(f"wrote {run.folder}", soft_wrap=True)
