"""A prediction loads only what it needs: time to start is mostly imports."""

import subprocess
import sys

from seeded import letters, write_fasta

PROGRAM = """
import sys
from vqrna.cli import main
code = main(sys.argv[1:])
assert code == 0, code
print("loaded", *sorted({"matplotlib", "scipy.stats", "sklearn", "ray"} & set(sys.modules)))
"""


def loaded(*arguments: object) -> list[str]:
    """Slow packages that a command imports, in a process of its own."""
    words = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_a_prediction_without_pictures_loads_neither_matplotlib_nor_scipy_stats(tmp_path):
    fasta = write_fasta(tmp_path / "a.fa", {"a": letters(80)})
    assert loaded("predict", fasta, "--out", tmp_path / "out", "--device", "cpu") == []


def test_the_check_sees_what_is_loaded(tmp_path):
    fasta = write_fasta(tmp_path / "a.fa", {"a": letters(80)})
    out = tmp_path / "out"
    assert "matplotlib" in loaded("predict", fasta, "--out", out, "--device", "cpu", "--plot")
