"""What many tests share: the command line as a function, benchmark data where there are any."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models are slower on more threads
os.environ.setdefault("MPLBACKEND", "Agg")

# Tests send these to themselves and to children, which inherit that they are ignored, as they are
# in a job that a shell put in the background, or under nohup
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is no failure
settings.load_profile("house")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def root() -> Path:
    """Folder of the project."""
    return ROOT


@pytest.fixture
def vqrna_main(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command in this process: ``vqrna_main("predict", path)``."""
    from vqrna.cli import main

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return call


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """Folder of the benchmark (``train/``, ``valid/``), or skip."""
    folder = os.environ.get("VQRNA_DATA")
    if not folder:
        pytest.skip("needs benchmark data: set VQRNA_DATA to the folder with train/ and valid/")
    path = Path(folder)
    if not (path / "valid").is_dir():
        pytest.fail(f"VQRNA_DATA is {folder}, but there is no {path / 'valid'}")
    return path


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Each device there is."""
    if request.param == "cuda":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
    return request.param
