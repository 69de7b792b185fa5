"""How Ray is kept quiet, and what it would do to this process unasked is undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what it warns of does not concern us
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its warnings are about its own ways
}
"""Environment of Ray where nobody set it otherwise."""

_SPEAKER = """
import sys
if not sys.stdin.read():
    print("vqrna: error: ended from outside, most likely since Ray on this machine died; what is "
          "finished is kept: the same command goes on from there", file=sys.stderr)
"""
"""Waits for a sign from its parent; speaks if there comes an end and no sign."""


@contextmanager
def no_stderr() -> Iterator[None]:
    """Drop what is written to standard error below Python: Ray says there which level it logs."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what Ray says of workers that die off standard output, where it would print it.

    What they did is begun again; Ray's logs tell the rest. There is no setting for it: where a
    later Ray does it another way, it is heard.
    """
    from ray._private import worker

    kept: Any = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *said, **more: None
    try:
        yield
    finally:
        worker.print_to_stdstream = kept


@contextmanager
def last_words() -> Iterator[None]:
    """Have somebody who speaks for this process if Ray ends it, which it does without a word.

    That happens when the Ray of this very machine dies; the death of other machines is mended.
    """
    command = [sys.executable, "-I", "-S", "-c", _SPEAKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as speaker:
        assert speaker.stdin is not None
        try:
            yield
        finally:
            speaker.stdin.write(b".")


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back the handlers of signals that Ray replaces with its own, which end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None:
                signal.signal(number, handler)
