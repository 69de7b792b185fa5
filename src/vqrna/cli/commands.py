"""The commands of the program, imported when they are used.

``vqrna --help`` imports none of them, and of the libraries that write it only what they need.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("Predict", "predict", "Predict modified sites in RNA sequences."),
    ("Predict", "variants", "Predict the sites that variants of a VCF create, remove or change."),
    ("Predict", "design", "Design the fewest substitutions that remove, add or strengthen a site."),
    ("Predict", "join", "Join the shards of a run (vqrna predict or variants, --shard)."),
    ("Predict", "compare", "Compare predicted with known sites: precision, recall and enrichment."),
    ("Predict", "multiqc", "Write tables of predictions for MultiQC, and a file of versions."),
    ("Predict", "serve", "Serve the web page and the API."),
    ("Predict", "model", "Describe, calibrate and combine models."),
    ("Train", "train", "Train a model; the best epoch is selected on validation windows only."),
    ("Train", "tune", "Search hyper-parameters for the best score on validation windows."),
    ("Train", "evaluate", "Measure a model on labelled windows, with 95 % intervals."),
    ("Train", "convert", "Convert a .pth file of the published code into vqrna weights."),
    ("Study", "lengths", "Compare window lengths for each modification."),
    ("Study", "ablate", "Compare the full model with models that lack one part."),
    ("Explain", "motifs", "Show which bases a prediction depends on, and the motifs they form."),
    (
        "Explain",
        "mutate",
        "Show which codes an edit changes around a site, and the effect of each change.",
    ),
    (
        "Explain",
        "spectrum",
        "Compute the feature spectrum: the codes that distinguish each modification.",
    ),
    ("Explain", "atlas", "Describe every code: motif, usage, position, specificity and effect."),
    ("Explain", "embed", "Write latents and features of sites, and draw a map of them."),
    ("Explain", "attention", "Show which parts of a window a prediction depends on."),
    ("Data", "data", "Download, check and split data sets."),
    ("About", "version", "Print the versions of vqrna, the shipped weights, Python and torch."),
    ("About", "doctor", "Check installed packages, the device and the weights."),
)
"""Help panel, name and first sentences of every command, in the order of the help.

The module of a command is imported only when it is used: ``vqrna --help`` needs none of them.
"""

_MODULES = {"lengths": "study", "ablate": "study"}
"""Modules of commands whose module has another name."""


def argument_usage(argument: Any) -> str:
    """Return an argument as usage lines show it: ``FASTA``, ``FASTA...`` or ``[FASTA]``."""
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required else f"[{name}]"


class _PlainHelp:
    """Help in which flags have no type, and the usage has brackets for what is optional only."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, flags with an empty type (by default ``<bool>``)."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line; typer writes ``{FASTA...}...``."""
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        plain = {
            piece: argument_usage(p)
            for p in self.get_params(ctx)
            if p.param_type_name == "argument"
            for piece in p.get_usage_pieces(ctx)
        }
        return [plain.get(piece, piece) for piece in pieces]


class _Command(_PlainHelp, TyperCommand):
    pass


class _Group(_PlainHelp, TyperGroup):
    pass


def _load_command(panel: str, name: str) -> Any:
    """Import a command."""
    module = import_module(f"vqrna.cli.{_MODULES.get(name, name)}")
    own = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)
    own.callback()(lambda: None)
    if hasattr(module, "app"):
        for subcommand in module.app.registered_commands:
            subcommand.cls = _Command
        own.add_typer(module.app, name=name, cls=_Group, rich_help_panel=panel)
    else:
        own.command(name, cls=_Command, rich_help_panel=panel)(getattr(module, name))
    group: Any = typer.main.get_command(own)
    return group.commands[name]


class _Commands(Mapping[str, Any]):
    """The commands by name, each imported when it is first used; then any others."""

    def __init__(self, others: Mapping[str, Any]) -> None:
        self._panels = {name: panel for panel, name, _ in COMMANDS}
        self._loaded = dict(others)
        self._names = dict.fromkeys([*self._panels, *others])

    def __getitem__(self, name: str) -> Any:
        if name in self._panels and name not in self._loaded:
            self._loaded[name] = _load_command(self._panels[name], name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class LazyGroup(_PlainHelp, TyperGroup):
    """List commands without importing them, in the order of `COMMANDS`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(self.commands)  # type: ignore[assignment]
        self._listed: dict[str, TyperCommand] = {}

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the names of all commands."""
        return list(self.commands)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Return a command, or None if the name is unknown."""
        return self._listed.get(cmd_name) or self.commands.get(cmd_name)

    @contextmanager
    def _listing(self) -> Iterator[None]:
        """Let `get_command` return names and first sentences only."""
        self._listed = {
            name: TyperCommand(name, help=text, rich_help_panel=panel)
            for panel, name, text in COMMANDS
        }
        try:
            yield
        finally:
            self._listed = {}

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the help, which lists all commands."""
        with self._listing():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """Return the names that begin so, for the shell."""
        with self._listing():
            return super().shell_complete(ctx, incomplete)


class _StandIn(ModuleType):
    """A module with any class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_help_writer() -> None:
    """Import what typer writes help with, without what this program does not use of it.

    That is Markdown, and tracebacks in colour: a third of the time of ``vqrna --help``. For the
    program only: other programs of typer in the same process may use them.
    """
    unused = [name for name in ("rich.markdown", "rich.traceback") if name not in sys.modules]
    sys.modules.update({name: _StandIn(name) for name in unused})
    try:
        import_module("typer.rich_utils")
    finally:
        for name in unused:
            del sys.modules[name]
