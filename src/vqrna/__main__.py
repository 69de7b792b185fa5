"""The program ``vqrna``, also as ``python -m vqrna``."""

import sys


def run() -> None:
    """Import the command line and run it; Ctrl-C during the import is one line, as later."""
    try:
        from vqrna.cli import run as run_command_line
    except KeyboardInterrupt:
        print("vqrna: stopped: interrupted", file=sys.stderr)
        sys.exit(130)
    run_command_line()


if __name__ == "__main__":
    run()
