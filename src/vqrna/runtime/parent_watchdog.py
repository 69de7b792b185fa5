"""Run a module as a program that ends when the process that started it ends.

``python -P parent_watchdog.py MODULE ARGUMENT...`` reads standard input, a pipe of which the parent
keeps the other end: one line with the input of the module as a JSON string, then nothing. When the
parent dies, even by SIGKILL, the pipe closes and this process exits.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import sys
import threading
import warnings

PARENT_ENDED = 143
"""Exit code if the parent ended first."""


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        pass
    os._exit(PARENT_ENDED)  # no clean-up: files are written whole or not at all


def _first_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if not (part := os.read(descriptor, 4096)):
            os._exit(PARENT_ENDED)
        line += part
    return line


def main() -> None:
    """Run the module named on the command line."""
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = io.StringIO(json.loads(_first_line(pipe)))
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
