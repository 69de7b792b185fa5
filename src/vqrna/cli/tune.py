"""`vqrna tune`: search hyper-parameters on validation windows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vqrna.cli.exits import say
from vqrna.cli.options import (
    RUN,
    TRAINING,
    Address,
    Device,
    DryRun,
    JobEngine,
    Threads,
    folder_option,
    option,
)
from vqrna.cli.tables import new_console, new_table, number
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.studies import Search, TuningResult
    from vqrna.training import WindowSource

_SEARCH = "Search"


def tune(
    out: Annotated[Path, folder_option("Folder for the study, the trials and the report.")],
    config: Annotated[
        Path | None,
        option(
            "Search configuration: TOML, or config.yaml of NNI (docs/tuning.md).",
            _SEARCH,
            metavar="FILE",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        option(
            "Data set in the benchmark layout: DIR/{train,valid}/; test/ is not read.",
            _SEARCH,
            metavar="DIR",
        ),
    ] = None,
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications, such as m6A,Psi.",
            _SEARCH,
            default="the file's, or all in DIR",
            metavar="LIST",
        ),
    ] = None,
    trials: Annotated[
        int | None, option("Total number of trials.", _SEARCH, default="the file's", min=1)
    ] = None,
    preset: Annotated[str | None, option("vqrna or paper.", TRAINING, default="the file's")] = None,
    length: Annotated[
        int | None, option("Window length in nt.", TRAINING, default="the file's")
    ] = None,
    epochs: Annotated[
        int | None, option("Maximum number of epochs of a trial.", TRAINING, default="the file's")
    ] = None,
    jobs: Annotated[
        int | None,
        option(
            "Trials trained at the same time.",
            RUN,
            names=("--jobs", "-j"),
            default="the file's",
            min=1,
        ),
    ] = None,
    port: Annotated[
        int | None,
        option(
            "Serve a live dashboard on this port, such as 8080.",
            RUN,
            default="no dashboard",
            min=0,
            max=65535,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        option(
            "Database shared by several machines, such as postgresql://user@host/name.",
            RUN,
            default="study.db in --out",
            metavar="URL",
        ),
    ] = None,
    engine: JobEngine = "local",
    address: Address = None,
    device: Device = "auto",
    threads: Threads = None,
    dry_run: DryRun = False,
    serve: Annotated[
        bool,
        option("Only serve the dashboard of the search in --out (port 8080).", names=("--serve",)),
    ] = False,
) -> None:
    """Search hyper-parameters for the best score on validation windows.

    An interrupted search continues when the command is repeated. The same
    command, started again here or (with --storage) on other machines, shares
    the work.
    """
    if address is not None and engine != "ray":
        raise UsageError("--address needs --engine ray")
    if serve:
        if config is not None or data is not None or dry_run:
            raise UsageError(
                "--serve shows an existing search: omit --config, --data and --dry-run"
            )
        from vqrna.studies import serve as show

        show(out, 8080 if port is None else port, storage, lambda line: say("note", line))
        return
    if config is None or data is None:
        raise UsageError("--config and --data are required (or --serve)")
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
    _show(search, result, data, modifications)


def _read(
    config: Path,
    data: Path,
    modifications: list[str] | None,
    preset: str | None,
    shared: dict[str, int | None],
    trials: int | None,
    jobs: int | None,
) -> tuple[Search, WindowSource]:
    """Read the search configuration and its windows."""
    import dataclasses

    from vqrna.studies import read_search

    search = read_search(config, preset, **shared)
    settings = dataclasses.replace(
        search.settings, trials=trials or search.settings.trials, jobs=jobs or search.settings.jobs
    )
    search = dataclasses.replace(search, settings=settings)

    from vqrna.training import from_benchmark

    names = modifications or search.modifications
    return search, from_benchmark(data, names, lambda line: say("note", line))


def _plan(
    search: Search, source: WindowSource, device: str, threads: int | None, engine: str
) -> None:
    """Print the plan of a search and the expected time."""
    from rich.table import Table

    from vqrna.runtime.progress import duration
    from vqrna.studies.estimate import estimate_search

    settings, expected = search.settings, estimate_search(search, source, device, threads, engine)
    table = Table(box=None, show_header=False, pad_edge=False)
    types = ", ".join(m.symbol for m in source.train.modifications)
    table.add_row("search", f"{settings.sampler}, seed {settings.seed}, {settings.trials} trials")
    table.add_row("score", f"validation {settings.metric} of a trial's best epoch")
    least = f"{settings.warmup} epoch" + "s" * (settings.warmup != 1)
    pruning = "none" if settings.pruner == "none" else f"{settings.pruner}, at least {least}"
    table.add_row("pruning", pruning)
    n, valid = len(source.train), len(source.valid)
    table.add_row("data", f"{types}: {n:,} training and {valid:,} validation windows")
    model, training = expected.config.model, expected.config.training
    table.add_row("trial", f"{model.architecture}, {model.length} nt, {training.epochs} epochs")
    for parameter in search.space.parameters:
        table.add_row(f"  {parameter.label}", str(parameter))
    for note in search.notes:
        table.add_row("note", note)
    measured = f"measured on {expected.windows:,} windows with settings in the middle of the space"
    table.add_row("epoch", f"{expected.epoch:.1f} s ({measured})")
    jobs = f"{settings.jobs} at once" if settings.jobs > 1 else "one at a time"
    if expected.at_once < min(settings.jobs, settings.trials):
        jobs += f", limited to {expected.at_once} by the machine"
    table.add_row("total", f"{duration(expected.total)} if nothing is pruned, {jobs}")
    new_console(120).print(table)


def _show(
    search: Search, result: TuningResult, data: Path, modifications: list[str] | None
) -> None:
    """Print the best trials, the best settings and where they are stored."""
    counts = result.table["state"].value_counts()
    states = ", ".join(f"{counts[name]} {name}" for name in counts.index)
    console = new_console()
    console.print(f"{len(result.table)} trials: {states}")
    complete = result.table[result.table["state"] == "complete"]
    best = complete.sort_values(
        "value", ascending=search.direction == "minimize", kind="stable"
    ).head(5)
    table = new_table((), ("trial", f"validation {search.settings.metric}", "epoch"))
    for row in best.to_dict("records"):
        table.add_row(str(row["trial"]), number(row["value"], ".4f"), str(row["best_epoch"]))
    console.print(table)
    first = best.iloc[0]
    console.print(f"trial {result.number}:")
    for parameter in search.space.parameters:
        value = first[parameter.label]
        if value is not None and value == value:
            console.print(f"  {parameter.label} = {_short(value)}")
    if len(complete) > 1:
        console.print(
            f"The best of {len(complete)} noisy scores is optimistic: measure the settings on "
            "other windows.",
            soft_wrap=True,
        )
    words = ["vqrna", "train", "--config", str(result.folder / "config.toml"), "--data", str(data)]
    words += ["--modifications", ",".join(modifications)] if modifications else []
    console.print(
        f"wrote {result.folder}; to train with the best settings: {shlex.join(words)} --out DIR",
        soft_wrap=True,
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
