"""Write man pages from the commands of the program: ``python packaging/man_pages.py FOLDER``.

One page for ``vqrna`` and one for each command; ``make man`` writes them to ``dist/man``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import typer.main

from vqrna._version import __version__
from vqrna.cli import app
from vqrna.cli.commands import argument_usage


def escape(text: str) -> str:
    """Return text for roff: no markup of rich, and nothing that is read as a request."""
    plain = re.sub(r"\[/?[a-z ]*\]", "", text)
    plain = plain.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in plain.splitlines())


def paragraphs(text: str) -> list[str]:
    """Return the lines of paragraphs."""
    lines: list[str] = []
    for block in text.strip().split("\n\n"):
        lines += [".PP", escape(" ".join(block.split()))]
    return lines


def named(parameter: Any) -> str:
    """Return an option as it is typed, with its value."""
    names = [*parameter.opts, *parameter.secondary_opts]
    kind = getattr(parameter.type_descriptor.annotation, "__name__", "value").upper()
    value = "" if parameter.is_flag else parameter.metavar or kind
    return ", ".join(names) + (f" {value}" if value else "")


def page(words: tuple[str, ...], command: Any) -> str:
    """Return the page of a command in roff.

    Parameters
    ----------
    words : tuple of str
        Such as ``("vqrna", "model", "info")``.
    command : click.Command
    """
    title, help_text = "-".join(words), (command.help or "").strip()
    summary, _, rest = help_text.partition("\n\n")
    lines = [f'.TH "{title.upper()}" "1" "" "vqrna {__version__}" "vqrna"', ".SH NAME"]
    lines.append(f"{escape(title)} \\- {escape(' '.join(summary.split()).rstrip('.'))}")
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    subcommands = getattr(command, "commands", {})
    usage = [argument_usage(p) for p in arguments]
    usage += ["COMMAND", "[ARGS]..."] if subcommands else []
    lines += [".SH SYNOPSIS", f".B {escape(' '.join(words))}"]
    lines.append(escape(" ".join(["[OPTIONS]" if options else "", *usage]).strip()))
    if rest:
        lines += [".SH DESCRIPTION", *paragraphs(rest)]
    if subcommands:
        lines.append(".SH COMMANDS")
        for name, each in subcommands.items():
            first = (each.help or "").partition("\n\n")[0]
            lines += [".TP", f".B {escape(name)}", escape(" ".join(first.split()))]
    if arguments:
        lines.append(".SH ARGUMENTS")
        for parameter in arguments:
            label = parameter.metavar or parameter.name.upper()
            lines += [".TP", f".B {escape(label)}", escape(parameter.help or "")]
    if options:
        lines.append(".SH OPTIONS")
        for parameter in options:
            default = parameter.show_default or parameter.default
            shown = isinstance(default, str | int | float) and not isinstance(default, bool)
            value = parameter.show_default if isinstance(parameter.show_default, str) else default
            note = f" Default: {value}." if shown and value not in (None, "") else ""
            text = (parameter.help or "") + (" Required." if parameter.required else note)
            lines += [".TP", f".B {escape(named(parameter))}", escape(text)]
    lines += [".SH EXIT STATUS", "0 on success, 1 for data errors, 2 for usage errors,"]
    lines += ["130 after Ctrl\\-C, 143 after SIGTERM.", ".SH SEE ALSO"]
    parent = "-".join(words[:-1])
    lines.append(f".BR {escape(parent)} (1)" if parent else "The pages of the commands, such as")
    if not parent:
        lines.append(".BR vqrna\\-predict (1)")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return the text of all pages by file name."""
    texts: dict[str, str] = {}

    def add(words: tuple[str, ...], command: Any) -> None:
        texts["-".join(words) + ".1"] = page(words, command)
        for name, each in getattr(command, "commands", {}).items():
            add((*words, name), each)

    add(("vqrna",), typer.main.get_command(app))
    return texts


def main(folder: Path) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{len(pages())} man pages in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist/man"))
