"""`vqrna tune`: search for settings on validation windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.studies import Search, TuningResult
    from vqrna.training import Source

_SEARCH, _SHARED, _RUNNING = "What is searched", "What all trials share", "How it runs"


def tune(
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for study, trials, table, settings, pictures."),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The search: our TOML, or config.yaml of NNI (docs/tuning.md).",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Benchmark layout: DIR/{train,valid}/; test/ is not read.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    modifications: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Types, such as m6A,Psi.",
            show_default="the file's, or all in DIR",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="Trials in all.", show_default="the file's", rich_help_panel=_SEARCH
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="vqrna or paper.", show_default="the file's", rich_help_panel=_SHARED),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Window length in nt.", show_default="the file's", rich_help_panel=_SHARED
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="At most so many epochs a trial.",
            show_default="the file's",
            rich_help_panel=_SHARED,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Processes that train at once.",
            show_default="the file's",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Live page in the browser on this port, such as 8080.",
            show_default="no page",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Database that machines share, such as postgresql://user@host/name.",
            show_default="study.db in --out",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray: a cluster.", rich_help_panel=_RUNNING)
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster to use: HOST:PORT of its head, or auto for this machine's.",
            show_default="one of its own",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUNNING)
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="CPU threads of each process.",
            show_default="the cores, divided",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan and how long it will take; train nothing."),
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Only show what is in --out, on --port (8080).")
    ] = False,
) -> None:
    """Search for the settings with the best score on validation windows.

    What is killed goes on with the same command; the same command started
    again meanwhile, here or with --storage on other machines, joins in.
    """
    if address is not None and engine != "ray":
        raise UsageError("--address goes with --engine ray")
    if serve:
        if config is not None or data is not None or dry_run:
            raise UsageError("--serve shows what is in --out: --config and --data have no place")
        from vqrna.studies import serve as show

        show(out, 8080 if port is None else port, storage, lambda line: say("note", line))
        return
    if config is None or data is None:
        raise UsageError("give --config and --data (or --serve)")
    search, source = _read(
        config, data, modifications, preset, {"length": length, "epochs": epochs}, trials, jobs
    )

    from vqrna.studies import tune as run

    if dry_run:
        _plan(search, source, device, threads, engine)
        return
    for note in search.notes:
        say("note", note)
    result = run(
        search,
        source,
        data,
        out,
        storage=storage,
        engine=engine,
        address=address,
        port=port,
        device=device,
        threads=threads,
        say=lambda line: say("note", line),
    )
    _show(search, result)


def _read(
    config: Path,
    data: Path,
    modifications: list[str] | None,
    preset: str | None,
    shared: dict[str, int | None],
    trials: int | None,
    jobs: int | None,
) -> tuple[Search, Source]:
    """Read the search and its windows."""
    import dataclasses

    from vqrna.studies import read_search

    search = read_search(config, preset, **shared)
    settings = dataclasses.replace(
        search.settings,
        trials=trials or search.settings.trials,
        jobs=jobs or search.settings.jobs,
    )
    search = dataclasses.replace(search, settings=settings)

    from vqrna.training import from_benchmark

    names = modifications or search.modifications
    return search, from_benchmark(data, names, lambda line: say("note", line))


def _plan(search: Search, source: Source, device: str, threads: int | None, engine: str) -> None:
    """Print what would be done, and for how long."""
    from rich.console import Console
    from rich.table import Table

    from vqrna.runtime.progress import duration
    from vqrna.studies.estimate import estimate_search

    settings, told = search.settings, estimate_search(search, source, device, threads, engine)
    table = Table(box=None, show_header=False, pad_edge=False)
    types = ", ".join(m.symbol for m in source.train.modifications)
    table.add_row("search", f"{settings.sampler}, seed {settings.seed}, {settings.trials} trials")
    table.add_row("score", f"validation {settings.metric} of a trial's best epoch")
    least = f"{settings.warmup} epoch" + "s" * (settings.warmup != 1)
    pruning = "none" if settings.pruner == "none" else f"{settings.pruner}, at least {least}"
    table.add_row("pruning", pruning)
    n, valid = len(source.train), len(source.valid)
    table.add_row("data", f"{types}: {n:,} training and {valid:,} validation windows")
    model, training = told.config.model, told.config.training
    table.add_row("trial", f"{model.architecture}, {model.length} nt, {training.epochs} epochs")
    for parameter in search.space.parameters:
        table.add_row(f"  {parameter.label}", str(parameter))
    for note in search.notes:
        table.add_row("note", note)
    measured = f"measured on {told.windows:,} windows, settings from the middle of the space"
    table.add_row("epoch", f"{told.epoch:.1f} s ({measured})")
    jobs = f"{settings.jobs} at once" if settings.jobs > 1 else "one at a time"
    if told.at_once < min(settings.jobs, settings.trials):
        jobs += f", which share what {told.at_once} can have"
    table.add_row("in all", f"{duration(told.total)} if nothing is pruned, {jobs}")
    Console(width=max(Console().width, 120)).print(table, markup=False, highlight=False)


def _show(search: Search, result: TuningResult) -> None:
    """Tell the best settings and where everything lies."""
    from rich.console import Console
    from rich.table import Table

    counts = result.table["state"].value_counts()
    told = ", ".join(f"{counts[name]} {name}" for name in counts.index)
    console = Console()
    console.print(f"{len(result.table)} trials: {told}", highlight=False)
    complete = result.table[result.table["state"] == "complete"]
    best = complete.sort_values(
        "value", ascending=search.direction == "minimize", kind="stable"
    ).head(5)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("trial", f"validation {search.settings.metric}", "epoch"):
        table.add_column(title, justify="right")
    for row in best.to_dict("records"):
        table.add_row(str(row["trial"]), f"{row['value']:.4f}", str(row["best_epoch"]))
    console.print(table)
    first = best.iloc[0]
    console.print(f"trial {result.number}:", highlight=False)
    for parameter in search.space.parameters:
        value = first[parameter.label]
        if value is not None and value == value:
            console.print(f"  {parameter.label} = {_short(value)}", highlight=False)
    if len(complete) > 1:  # the largest of many noisy scores is above what it will be again
        told = f"the best of {len(complete)}: part of its lead is luck; measure it on other windows"
        console.print(told, highlight=False, soft_wrap=True)
    best_config = result.folder / "config.toml"
    told = f"wrote {result.folder}; train the best: vqrna train --config {best_config}"
    console.print(told, highlight=False, soft_wrap=True)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
