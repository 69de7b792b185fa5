"""Where a file comes from: version, command and model, as lines at its head.

There is no date and no host name in it, so that the same work gives the same bytes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

FROM_PYTHON = "called from Python"

_COMMAND: ContextVar[str] = ContextVar("command", default=FROM_PYTHON)


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[None]:
    """Remember, for as long as the body runs, that ``vqrna ARGUMENTS`` was called."""
    token = _COMMAND.set(_one_line(shlex.join(["vqrna", *arguments])))
    try:
        yield
    finally:
        _COMMAND.reset(token)


def command_line() -> str:
    """Tell how we were run: the command as it can be typed again, or `FROM_PYTHON`."""
    return _COMMAND.get()


def header_lines(
    model_hash: str | None = None, command: str | None = None, **facts: str
) -> list[str]:
    """Write the ``#`` lines at the head of a result file.

    Parameters
    ----------
    model_hash : str, optional
        The hash of the weights that were used.
    command : str, optional
        How the file was made; :func:`command_line` if not given.
    **facts : str
        More to tell, a line each: ``priors="Am=0.0003 ..."`` becomes ``# priors: Am=0.0003 ...``;
        an underscore in the name becomes a space.

    Returns
    -------
    list of str
        Without line ends, for example ``["# vqrna 0.1.0", "# command: vqrna predict a.fa"]``.
    """
    import vqrna

    told = {"command": command_line() if command is None else command}
    if model_hash is not None:
        told["model"] = model_hash
    told.update({name.replace("_", " "): value for name, value in facts.items()})
    lines = [f"# {name}: {_one_line(value)}" for name, value in told.items()]
    return [f"# vqrna {vqrna.__version__}", *lines]


def _one_line(text: str) -> str:
    return text.replace("\\\n", " ").replace("\r", "\\r").replace("\n", "\\n")
