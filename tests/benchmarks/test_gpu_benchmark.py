"""The benchmark of GPUs runs; here on the CPU, with little work."""

import pytest
import torch

from benchmarks import gpu


@pytest.mark.slow
def test_everything_is_measured():
    measured = gpu.measure("cpu", tile=256, tiles=(1,), windows=64, mutated=1)
    scans = measured["scan_nt_per_s"]
    assert scans["largest_difference_of_a_logit"] == 0
    assert scans["float32"]["1 tiles at once"] > 0
    assert measured["training_windows_per_s"] > 0
    assert measured["mutagenesis_windows_per_s"] > 0


def test_without_a_gpu_nothing_is_measured(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 2
    assert "no CUDA device" in capsys.readouterr().err
