"""Run a module as a program that ends with the process that started it, however that one ends.

``python -P parent_watchdog.py MODULE ARGUMENT...`` holds standard input: the parent keeps the
other end of that pipe and writes nothing. When the parent dies, be it by SIGKILL, the pipe closes.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

GONE = 143
"""Exit code when the parent is gone."""


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        pass
    os._exit(GONE)  # files are written whole or not at all: nothing is left to tidy


def main() -> None:
    """Be the program."""
    held = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_watch, args=(held,), daemon=True).start()
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
