"""Provenance of results: version, command and model, machine and commit.

Headers contain no date and no host name, so the same work writes the same bytes.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from vqrna._version import __version__

FROM_PYTHON = "called from Python"

_ARGUMENTS: ContextVar[tuple[str, ...] | None] = ContextVar("arguments", default=None)
_START: ContextVar[float | None] = ContextVar("start", default=None)


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[None]:
    """Record that ``vqrna ARGUMENTS`` runs, until the body ends."""
    token, start = _ARGUMENTS.set(tuple(arguments)), _START.set(time.monotonic())
    try:
        yield
    finally:
        _ARGUMENTS.reset(token)
        _START.reset(start)


def command_line() -> str:
    """Return the running command as it can be typed, or `FROM_PYTHON`."""
    arguments = _ARGUMENTS.get()
    return FROM_PYTHON if arguments is None else typed(arguments)


def elapsed() -> float | None:
    """Return the seconds since the running command began; None if called from Python."""
    start = _START.get()
    return None if start is None else time.monotonic() - start


def typed(arguments: Sequence[str]) -> str:
    """Return ``vqrna ARGUMENTS`` as it can be typed, on one line."""
    return _one_line(shlex.join(["vqrna", *arguments]))


def facts(model_hash: str | None = None, command: str | None = None, **more: str) -> dict[str, str]:
    """Return the facts in the header of a result file (see :func:`header_lines`)."""
    values = {"command": command_line() if command is None else command}
    if model_hash is not None:
        values["model"] = model_hash
    values.update({name.replace("_", " "): value for name, value in more.items()})
    return {name: _one_line(value) for name, value in values.items()}


def header_lines(
    model_hash: str | None = None, command: str | None = None, **more: str
) -> list[str]:
    """Return the ``#`` lines at the head of a result file.

    Parameters
    ----------
    model_hash : str, optional
        Hash of the weights.
    command : str, optional
        :func:`command_line` if not given.
    **more : str
        Further lines: ``priors="Am=0.0003 ..."`` becomes ``# priors: Am=0.0003 ...``; an underscore
        in the name becomes a space.

    Returns
    -------
    list of str
        Without line ends, for example ``["# vqrna 1.0.0", "# command: vqrna predict a.fa"]``.
    """
    return lines_of(facts(model_hash, command, **more))


def lines_of(values: Mapping[str, str]) -> list[str]:
    """Return facts as ``#`` lines, after a line with the version."""
    return [f"# vqrna {__version__}", *(f"# {name}: {value}" for name, value in values.items())]


def signature(model_hash: str, most: int = 120) -> str:
    """Return version, model and command in one short line for a picture."""
    command = command_line()
    if len(command) > most:
        command = command[: most - 1] + "…"
    return f"vqrna {__version__} · model {model_hash} · {command}"


def _one_line(text: str) -> str:
    """Return a text on one line; bytes of a path that are not UTF-8 are escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\\\n", " ").replace("\r", "\\r").replace("\n", "\\n")


def machine_facts(device: str = "cpu") -> dict[str, Any]:
    """Return system, processor, cores, Python, torch and its threads.

    Parameters
    ----------
    device : str
        Device of the work; the name of a GPU is added.
    """
    import torch

    facts: dict[str, Any] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device,
    }
    if device.startswith("cuda") and torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(torch.device(device))
    return facts


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line for line in text.splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def without_places(command: str) -> str:
    """Return a command without the folders of this machine.

    A path from the root, from home or from a parent folder is reduced to its last part.
    """
    try:
        words = shlex.split(command)
    except ValueError:  # not a command
        return command
    shown, cut = [], False
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        elsewhere = value.startswith(("/", "~/", "../")) and Path(value).name != ""
        cut |= elsewhere
        shown.append(option + equals + (Path(value).name if elsewhere else value))
    return shlex.join(shown) if cut else command


def git_commit() -> str | None:
    """Return the commit of this code, with ``+`` if files were changed; None without git."""
    folder = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # fails inside an unrelated checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
