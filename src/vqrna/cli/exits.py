"""How a command ends: which exit code, and the one line that says why."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import typer

from vqrna.errors import VqrnaError

INTERRUPTED = 130
BROKEN_PIPE = 141


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM, SIGHUP); handled like Ctrl-C.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, so that temporary files are removed.

    A signal that is ignored (``nohup``) stays ignored.
    """

    def raise_it(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    kept: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                kept[number] = signal.signal(number, raise_it)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show Python warnings as ``vqrna: warning: ...``, without file and source line."""

    def show(message: Warning | str, *rest: object, **more: object) -> None:
        say("warning", str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def say(kind: str, message: str) -> None:
    """Print ``vqrna: KIND: MESSAGE`` on stderr as one line."""
    with suppress(OSError, ValueError):  # nobody reads stderr any more
        print(f"vqrna: {kind}: {' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def tell(error: BaseException, debug: bool = False) -> int:
    """Say in one line what went wrong, and give the exit code.

    Parameters
    ----------
    error : BaseException
        What ended the command.
    debug : bool
        Whether to print the traceback first.

    Returns
    -------
    int
        0 to 255: 2 for usage, 1 for data and all else, 128 + N for signal N.
    """
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        error = error.__context__  # rich turns a closed pipe into exit code 1
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if debug:
        traceback.print_exception(error)
    if isinstance(error, Terminated):
        say("stopped", _with_notes(f"by signal {signal.Signals(error.number).name}", error))
        return 128 + error.number
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        say("stopped", _with_notes("interrupted", error))
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return BROKEN_PIPE  # what `| head` gives for every tool: no error worth a line
    if isinstance(error, typer.TyperException):
        return _tell_usage(error)
    say("error", _with_notes(_words(error), error))
    if isinstance(error, OSError):
        _drop_unwritable_stdout()
    return error.exit_code if isinstance(error, VqrnaError) else 1


def _with_notes(words: str, error: BaseException) -> str:
    """Add what the work that was stopped has to say (:meth:`BaseException.add_note`)."""
    return "; ".join([words, *getattr(error, "__notes__", ())])


def _tell_usage(error: typer.TyperException) -> int:
    """Say what is wrong with the command line; without arguments the help was shown already."""
    message = error.format_message().strip().rstrip(".")
    context = getattr(error, "ctx", None)
    see = f" (see '{context.command_path} --help')" if context is not None else ""
    if message:
        say("error", message + see)
    return error.exit_code


def _words(error: BaseException) -> str:
    """Find the words for an error that is not ours, too."""
    text = str(error)
    if isinstance(error, VqrnaError):
        return text
    out_of_memory = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text
    if isinstance(error, MemoryError) or out_of_memory:
        return "out of memory"
    if isinstance(error, OSError) and error.errno is not None:
        place = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        return f"{place}{reason}"
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("vqrna"):
        return f"the Python package '{error.name}' is missing; 'vqrna doctor' tells how to get it"
    return f"unexpected {type(error).__name__}: {text} (--debug shows where; please report it)"


def _drop_unwritable_stdout() -> None:
    """Forget output that a full disk does not take, lest Python tries again at its end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _silence_stdout()


def _silence_stdout() -> None:
    """Send what Python still wants to write at its end to nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
