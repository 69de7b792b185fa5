"""Shared by all tests: the command line as a function, benchmark data, and which tests are slow."""

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

settings.register_profile("patient", deadline=None)  # a busy machine is not a failure
settings.load_profile("patient")

ROOT = Path(__file__).parents[1]

SERIAL = {
    "prediction/test_scan_ray.py",
    "runtime/test_jobs.py",
    "studies/test_tune.py",
    "variation/test_variants_ray.py",
    "web/test_browser.py",
    "web/test_processes.py",
}
"""Ray and interrupts of the own process: not in a worker of the parallel tests."""

SLOW = SERIAL | {
    "benchmarks/test_ideas.py",
    "benchmarks/test_quality_cells.py",
    "cli/test_bad_input.py",
    "cli/test_bad_output.py",
    "cli/test_cli_compare.py",
    "cli/test_cli_convert.py",
    "cli/test_cli_explain.py",
    "cli/test_cli_motifs.py",
    "cli/test_cli_study.py",
    "cli/test_cli_train.py",
    "data/test_benchmark.py",
    "data/test_overlap.py",
    "evaluation/test_parts.py",
    "evaluation/test_position_evaluation.py",
    "formats/test_writers.py",
    "interpret/test_codes_attention.py",
    "interpret/test_codes_embedding.py",
    "model/test_published.py",
    "model/test_weights.py",
    "nn/test_fsq.py",
    "nn/test_no_quantizer.py",
    "plots/test_plots_agreement.py",
    "plots/test_plots_curves.py",
    "plots/test_plots_embedding.py",
    "plots/test_plots_roc.py",
    "plots/test_plots_tracks.py",
    "prediction/test_predict_resume.py",
    "prediction/test_same_bytes.py",
    "prediction/test_scan_memory.py",
    "prediction/test_scan_rows.py",
    "studies/test_study_run.py",
    "studies/test_trials.py",
    "training/test_calibrate.py",
    "training/test_fine_tuning.py",
    "training/test_models.py",
    "training/test_negatives.py",
    "training/test_overfit.py",
    "training/test_reproducible.py",
    "training/test_resume.py",
    "training/test_run.py",
    "training/test_teacher.py",
    "training/test_training_flags.py",
    "variation/test_variant_kills.py",
    "web/test_web_api.py",
    "web/test_web_pages.py",
}
"""Left out of ``make test-fast``."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files."""
    for item in items:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        for name, files in (("slow", SLOW), ("serial", SERIAL)):
            if file in files:
                item.add_marker(name)


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
