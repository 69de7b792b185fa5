"""``python -m vqrna``: the command line."""

from vqrna.cli import run

if __name__ == "__main__":
    run()
