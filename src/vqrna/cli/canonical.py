"""One way to write a command, whatever way it was typed."""

from __future__ import annotations

from collections.abc import Collection

import typer

from vqrna.runtime.provenance import typed


def canonical(context: typer.Context, aside: Collection[str]) -> str:
    """Write a command with its options in the order of the help, those at their default left out.

    Parameters
    ----------
    context : typer.Context
        Of the command that runs.
    aside : collection of str
        Names of parameters to leave out: those that say where, by whom or with how many workers a
        thing is done, and so have no bearing on what comes out.

    Returns
    -------
    str
        The same for all ways to ask for the same, so that it may stand in the heads of files.
    """
    words, options = context.command_path.split()[1:], list[str]()
    for parameter in context.command.params:
        name = parameter.name
        value = context.params.get(name or "")
        if not name or name in aside or value is None:
            continue
        values = [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
        if parameter.param_type_name == "argument":
            words += values
        elif isinstance(value, bool):
            if value != parameter.default:
                options.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        elif value != parameter.default:
            for each in values:
                options += [parameter.opts[0], each]
    return typed([*words, *options])
