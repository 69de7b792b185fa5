"""The command line `vqrna`: run a command and report errors in one line.

This module and the command modules import torch, pandas and matplotlib only inside functions, so
that ``vqrna --help`` is fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup

from vqrna._version import __version__
from vqrna.cli import (
    atlas,
    attention,
    compare,
    convert,
    data,
    design,
    doctor,
    embed,
    evaluate,
    join,
    model,
    motifs,
    multiqc,
    mutate,
    predict,
    serve,
    spectrum,
    study,
    train,
    tune,
    variants,
    version,
)
from vqrna.cli.exits import (
    one_line_warnings,
    open_closed_streams,
    report_error,
    signals_as_exceptions,
)
from vqrna.cli.options import option
from vqrna.runtime.provenance import running

_EXAMPLE = (
    "[bold]Example:[/] vqrna predict transcripts.fa.gz --out results --plot\n\n"
    "[bold]vqrna COMMAND --help[/] describes each command."
)

_COMMANDS: tuple[tuple[str, str, Callable[..., None] | typer.Typer], ...] = (
    ("Predict", "predict", predict.predict),
    ("Predict", "variants", variants.variants),
    ("Predict", "design", design.design),
    ("Predict", "join", join.join),
    ("Predict", "compare", compare.compare),
    ("Predict", "multiqc", multiqc.multiqc),
    ("Predict", "serve", serve.serve),
    ("Predict", "model", model.app),
    ("Train", "train", train.train),
    ("Train", "tune", tune.tune),
    ("Train", "evaluate", evaluate.evaluate),
    ("Train", "convert", convert.convert),
    ("Study", "lengths", study.lengths),
    ("Study", "ablate", study.ablate),
    ("Explain", "motifs", motifs.motifs),
    ("Explain", "mutate", mutate.mutate),
    ("Explain", "spectrum", spectrum.spectrum),
    ("Explain", "atlas", atlas.atlas),
    ("Explain", "embed", embed.embed),
    ("Explain", "attention", attention.attention),
    ("Data", "data", data.app),
    ("About", "version", version.version),
    ("About", "doctor", doctor.doctor),
)
"""Help panel, name, and function or group of every command, in the order of the help."""


class _InOrder(TyperGroup):
    """List commands in the order of `_COMMANDS`."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        order = [name for _, name, _ in _COMMANDS]
        return sorted(self.commands, key=order.index)


app = typer.Typer(
    name="vqrna",
    cls=_InOrder,
    help="Predict RNA modification sites and explain the predictions.",
    epilog=_EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for _panel, _name, _command in _COMMANDS:
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name, rich_help_panel=_panel)
    else:
        app.command(_name, rich_help_panel=_panel)(_command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vqrna {__version__}")
        raise typer.Exit


@app.callback()
def _vqrna(
    show_version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
    debug: Annotated[bool, option("Show a traceback after an error.", names=("--debug",))] = False,
) -> None:
    """Options before the command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after ``vqrna``; those of the process if not given.

    Returns
    -------
    int
        0 on success, 1 for data errors, 2 for usage errors, 130 for Ctrl-C, 143 for SIGTERM.
    """
    open_closed_streams()
    arguments, debug = _without_debug(sys.argv[1:] if argv is None else argv)
    with signals_as_exceptions(), one_line_warnings(), running(arguments):
        try:
            command = typer.main.get_command(app)
            with command.make_context("vqrna", list(arguments)) as context:
                command.invoke(context)
            sys.stdout.flush()  # report a closed pipe or full disk here, not at exit
        except BaseException as error:
            return report_error(error, debug)
    return 0


def run() -> None:
    """Run the program ``vqrna``."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Ψ shows `?`
    if "_VQRNA_COMPLETE" in os.environ:  # request of the shell for completions
        app(prog_name="vqrna")
    sys.exit(main())


def _without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Remove ``--debug`` from anywhere before ``--``."""
    stop = list(argv).index("--") if "--" in argv else len(argv)
    kept = [word for word in argv[:stop] if word != "--debug"]
    return [*kept, *argv[stop:]], len(kept) < stop
