"""A tiny model, some sequences and windows for commands, and how a command has to fail."""

from pathlib import Path

import pytest

from seeded import calling_model, letters, write_fasta
from tiny import random_tokens
from vqrna.model.weights import save_model
from vqrna.sequence import decode


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(calling_model(), path)
    return path


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", {f"r{i}": letters(300, seed=i) for i in range(3)})


@pytest.fixture
def data(tmp_path):
    """A data set in the benchmark's layout: m6A, a few windows."""
    for seed, name in enumerate(("train/8-0", "train/8-1", "valid/8-0", "valid/8-1")):
        tokens = random_tokens(12, 101, seed)
        tokens[:, 50] = 0
        path = tmp_path / "data" / f"{name}.fasta"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_fasta(path, {f"{name}:{i}": decode(t) for i, t in enumerate(tokens)})
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "new" / "out"


@pytest.fixture
def fails(vqrna_main, out):
    """Run a command that must fail with one line, print nothing, and make no new folder."""

    def run(code, *words, told):
        done = vqrna_main(*words)
        lines = done.err.splitlines()
        assert len(lines) == 1, done.err
        assert lines[0].startswith("vqrna: error: ")
        for word in [told] if isinstance(told, str | Path) else told:
            assert str(word) in lines[0]
        assert "unexpected" not in lines[0]
        assert done.code == code
        assert done.out == ""
        assert not out.parent.exists()
        return lines[0]

    return run
