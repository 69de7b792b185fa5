"""The command line `vqrna`: run a command and report errors in one line.

The module of a command is imported when it is used (:mod:`vqrna.cli.commands`), and imports torch,
pandas and matplotlib only inside functions, so that ``vqrna --help`` is fast.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from vqrna._version import __version__
from vqrna.cli.commands import LazyGroup, import_help_writer
from vqrna.cli.exits import one_line_warnings, report_error, signals_as_exceptions
from vqrna.cli.options import option
from vqrna.runtime.inputs import protecting_inputs
from vqrna.runtime.provenance import running
from vqrna.runtime.streams import naming_stdout, open_closed_streams

_EXAMPLE = (
    "[bold]Example:[/] vqrna predict transcripts.fa.gz --out results --plot\n\n"
    "[bold]vqrna COMMAND --help[/] describes each command."
)

app = typer.Typer(
    name="vqrna",
    cls=LazyGroup,
    help="Predict RNA modification sites and explain the predictions.",
    epilog=_EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


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
    with (
        signals_as_exceptions(),
        one_line_warnings(),
        running(arguments),
        protecting_inputs(arguments),
    ):
        try:
            command = typer.main.get_command(app)
            with command.make_context("vqrna", list(arguments)) as context:
                command.invoke(context)
            with naming_stdout():
                sys.stdout.flush()  # report a closed pipe or full disk here, not at exit
        except BaseException as error:
            return report_error(error, debug)
    return 0


COLLECT_AFTER = 100_000
"""New objects after which unreachable cycles are looked for, instead of 700: each search visits all
objects, of which there are millions for many records, and almost none are in cycles. Saves a fifth
of the time for a million short records."""


def run() -> None:
    """Run the program ``vqrna``."""
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    # Before torch is imported. Threads that spin while they wait for each other take the time of
    # other programs: on two busy cores, mutagenesis was six times as fast without
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Ψ shows `?`
    if "_VQRNA_COMPLETE" in os.environ:  # request of the shell for completions
        app(prog_name="vqrna")
    if not sys.argv[1:] or {"-h", "--help"} & set(sys.argv[1:]):
        import_help_writer()
    sys.exit(main())


def _without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Remove ``--debug`` from anywhere before ``--``."""
    stop = list(argv).index("--") if "--" in argv else len(argv)
    kept = [word for word in argv[:stop] if word != "--debug"]
    return [*kept, *argv[stop:]], len(kept) < stop
