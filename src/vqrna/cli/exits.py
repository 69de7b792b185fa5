"""How a command ends: the exit code and one line that gives the reason."""

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
    """SIGTERM or SIGHUP was received; handled like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, so that temporary files are removed.

    Ignored signals (``nohup``) stay ignored.
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
    with suppress(OSError, ValueError):  # stderr may be closed
        print(f"vqrna: {kind}: {' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def report_error(error: BaseException, debug: bool = False) -> int:
    """Print one line for an exception (with `debug`, the traceback first); return the exit code.

    It is 2 for usage errors, 1 for data and all other errors, 128 + N for signal N.
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
        return BROKEN_PIPE  # `vqrna ... | head`: not an error
    if isinstance(error, typer.TyperException):
        return _report_usage(error)
    say("error", _with_notes(_words(error), error))
    _drop_unwritable_stdout()
    return error.exit_code if isinstance(error, VqrnaError) else 1


def _with_notes(words: str, error: BaseException) -> str:
    """Append the notes of an exception (:meth:`BaseException.add_note`)."""
    return "; ".join([words, *getattr(error, "__notes__", ())])


def _report_usage(error: typer.TyperException) -> int:
    """Print a usage error; without arguments typer has already shown the help."""
    # A wrong value: pydantic's reason, in plain words. A reason of our own is in the message, where
    # control characters are escaped
    problems: list[Any] = getattr(error.__cause__, "errors", list)()
    if problems:
        from vqrna.config import plain_reason

        reason = plain_reason(problems[0])
        if reason not in problems[0]["msg"]:
            error.message = reason
    message = error.format_message().strip().rstrip(".")
    context = getattr(error, "ctx", None)
    see = f" (see '{context.command_path} --help')" if context is not None else ""
    if message:
        say("error", message + see)
    return error.exit_code


def _words(error: BaseException) -> str:
    """Return the message of any exception, the project's own or not."""
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
        return f"Python package '{error.name}' is not installed; 'vqrna doctor' shows how"
    return (
        f"unexpected {type(error).__name__}: {text} (please report it with the output of --debug)"
    )


def _drop_unwritable_stdout() -> None:
    """Drop output that cannot be written, or Python tries again at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _silence_stdout()


def _silence_stdout() -> None:
    """Redirect standard output to the null device, for what Python writes at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
