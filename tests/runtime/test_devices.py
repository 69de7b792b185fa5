"""Devices: how exactly they compute (which one is chosen is told by the doctor's tests)."""

from types import SimpleNamespace

import pytest
import torch

from vqrna.runtime.devices import full_float32


def early() -> SimpleNamespace:
    """The switches of torch 2.6."""
    matmul = SimpleNamespace(allow_tf32=False)
    return SimpleNamespace(
        cudnn=SimpleNamespace(allow_tf32=True), cuda=SimpleNamespace(matmul=matmul)
    )


def late() -> SimpleNamespace:
    """The switches of torch 2.9 and later."""
    conv, matmul = (SimpleNamespace(fp32_precision=p) for p in ("tf32", "none"))
    return SimpleNamespace(cudnn=SimpleNamespace(conv=conv), cuda=SimpleNamespace(matmul=matmul))


def test_tf32_is_off_inside_and_as_before_after_torch_2_6(monkeypatch):
    backends = early()
    monkeypatch.setattr(torch, "backends", backends)
    with full_float32():
        assert vars(backends.cudnn) == vars(backends.cuda.matmul) == {"allow_tf32": False}
    assert backends == early()


def test_tf32_is_off_inside_and_as_before_after_torch_2_9(monkeypatch):
    backends = late()
    monkeypatch.setattr(torch, "backends", backends)
    with full_float32():
        assert vars(backends.cudnn.conv) == vars(backends.cuda.matmul) == {"fp32_precision": "ieee"}
    assert backends == late()


def test_an_error_inside_leaves_the_switches_as_they_were(monkeypatch):
    backends = late()
    monkeypatch.setattr(torch, "backends", backends)
    with pytest.raises(KeyError), full_float32():
        raise KeyError
    assert backends == late()


def test_the_torch_that_is_here_takes_it_without_a_warning():
    before = torch.backends.cudnn.allow_tf32
    for _ in range(2):
        with full_float32():
            torch.nn.functional.conv1d(torch.ones(1, 4, 9), torch.ones(2, 4, 3))
        assert torch.backends.cudnn.allow_tf32 == before
