"""Reference pages of all commands, from the command line itself and from docstrings.

Each page has the help of a command, its options by panel, and the Python function that does the
same. A command without an entry in `FUNCTIONS` is an error, so that the reference stays complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from vqrna.cli.commands import argument_usage

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "predict": ("vqrna.predict",),
    "variants": ("vqrna.variants",),
    "design": ("vqrna.design",),
    "join": ("vqrna.prediction.join",),
    "compare": ("vqrna.compare",),
    "multiqc": ("vqrna.multiqc.write_multiqc",),
    "serve": ("vqrna.client.Client",),
    "model info": ("vqrna.model.model_card.describe",),
    "model calibrate": ("vqrna.training.recalibrate",),
    "model combine": ("vqrna.training.combine",),
    "train": ("vqrna.train",),
    "tune": ("vqrna.tune",),
    "evaluate": ("vqrna.evaluate",),
    "convert": ("vqrna.model.published.read_pth", "vqrna.model.weights.save_model"),
    "lengths": ("vqrna.plan_lengths", "vqrna.run_study"),
    "ablate": ("vqrna.plan_ablations", "vqrna.run_study"),
    "motifs": ("vqrna.explain", "vqrna.attribute", "vqrna.find_motifs"),
    "spectrum": ("vqrna.spectrum",),
    "atlas": ("vqrna.atlas",),
    "embed": ("vqrna.embed",),
    "mutate": ("vqrna.code_changes",),
    "attention": ("vqrna.attention_maps", "vqrna.token_effects"),
    "data fetch": ("vqrna.data.fetch.fetch_data",),
    "data check": ("vqrna.data.check.check_data",),
    "data split": ("vqrna.data.split.split_data",),
    "version": (),
    "doctor": ("vqrna.doctor.check_installation",),
}
"""The Python functions that do what each command does; none where Python needs none."""


@dataclass(frozen=True)
class Command:
    """A command with its place in the help.

    Parameters
    ----------
    name : str
        As typed after ``vqrna``, such as ``data split``.
    panel : str
        Panel of the help of ``vqrna``.
    command : object
        The command of typer.
    """

    name: str
    panel: str
    command: Any

    @property
    def page(self) -> str:
        """Path of the page, from the root of the site's sources."""
        return f"commands/{self.name.replace(' ', '-')}.md"

    @property
    def summary(self) -> str:
        """First sentence of the help, without its full stop."""
        return " ".join(self.command.help.split("\n\n")[0].split()).rstrip(".")

    @property
    def functions(self) -> tuple[str, ...]:
        """Dotted names of the functions that do the same (KeyError if it is not listed)."""
        return FUNCTIONS[self.name]


def read_commands() -> list[Command]:
    """Return all commands, in the order of the help."""
    from vqrna.cli import app
    from vqrna.cli.commands import COMMANDS

    root: Any = typer.main.get_command(app)
    commands = []
    for panel, name, _ in COMMANDS:
        entry = root.commands[name]
        parts = getattr(entry, "commands", None)
        if parts is None:
            commands.append(Command(name, panel, entry))
        else:
            commands += [Command(f"{name} {part}", panel, parts[part]) for part in parts]
    return commands


def command_page(command: Command) -> str:
    """Return the reference page of a command as Markdown."""
    parameters = [p for p in command.command.params if not p.hidden and p.name != "help"]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    words = [argument_usage(p) for p in arguments]
    words += [f"{p.opts[0]} {p.metavar}" for p in parameters if p not in arguments and p.required]
    lines = [f"# vqrna {command.name}", "", _text(command.command.help), "", "```text"]
    lines += [" ".join(["vqrna", command.name, *words, "[OPTIONS]"]), "```", ""]
    panels: dict[str, list[Any]] = {}
    for p in parameters:
        panel = "Arguments" if p in arguments else getattr(p, "rich_help_panel", None) or "Options"
        panels.setdefault(panel, []).append(p)
    for panel, members in panels.items():
        head = "argument" if panel == "Arguments" else "option"
        lines += [f"## {panel}", "", f"| {head} | default | meaning |", "|---|---|---|"]
        lines += [_row(p) for p in members] + [""]
    if command.functions:
        lines += ["## From Python", ""]
        if command.name == "serve":
            lines += ["A client of the served API:", ""]
        for function in command.functions:
            lines += [f"::: {function}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines)


def overview() -> str:
    """Return the table of all commands with the functions that do the same."""
    lines = ["| command | purpose | from Python |", "|---|---|---|"]
    for command in read_commands():
        calls = ", ".join(f"`{name}`" for name in command.functions)
        lines.append(f"| `vqrna {command.name}` | {command.summary} | {calls} |")
    return "\n".join(lines)


def _row(p: Any) -> str:
    names = [p.metavar or p.name.upper()] if p.param_type_name == "argument" else p.opts
    shown = ", ".join(f"`{name}`" for name in [*names, *p.secondary_opts])
    if p.param_type_name == "option" and p.metavar:
        shown += f" `{p.metavar}`"
    return f"| {shown} | {_default(p)} | {_cell(p.help or '')} |"


def _default(p: Any) -> str:
    if p.required:
        return "required"
    if isinstance(p.show_default, str):
        return _cell(p.show_default)
    value = getattr(p, "default", None)
    value = p.type_descriptor.parameter_info.default if value is None else value
    if value in (None, ..., False, True, "") or callable(value):
        return {True: "on", False: "off"}.get(value, "") if isinstance(value, bool) else ""
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return f"`{value}`"


def _text(text: str) -> str:
    return text.replace("\\[", "[").strip()


def _cell(text: str) -> str:
    return " ".join(_text(text).split()).replace("|", "\\|").replace("<", "&lt;")
