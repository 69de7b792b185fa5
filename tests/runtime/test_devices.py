"""Devices: process-wide settings of torch (the choice of a device is tested with the doctor)."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from types import SimpleNamespace

import pytest
import torch

from vqrna.runtime import devices
from vqrna.runtime.devices import full_float32, one_torch_thread, shared


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


def threads_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def overlapping(setting, between):
    """Let two threads use a setting: the second enters before the first leaves, and leaves last."""
    ready, inside, entered, left = Barrier(2, timeout=20), Event(), Event(), Event()

    def first():
        ready.wait()
        with setting():
            inside.set()
            assert entered.wait(20)
        left.set()
        return torch.get_num_threads()

    def second():
        ready.wait()
        assert inside.wait(20)
        with setting():
            entered.set()
            assert left.wait(20)
            between()
        return torch.get_num_threads()

    with ThreadPoolExecutor(2, initializer=torch.get_num_threads) as pool:
        return [future.result() for future in [pool.submit(first), pool.submit(second)]]


def test_a_shared_setting_is_held_from_the_first_user_to_the_last():
    events = []

    @shared
    @contextmanager
    def setting():
        events.append("changed")
        yield
        events.append("restored")

    for _ in range(2):
        overlapping(setting, lambda: events.append("in use"))
    assert events == ["changed", "in use", "restored"] * 2


def test_overlapping_users_leave_the_number_of_torch_threads_as_it_was():
    before, inside = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        users = overlapping(one_torch_thread, lambda: inside.append(threads_of_a_new_thread()))
        assert inside == [1]
        assert (users, threads_of_a_new_thread(), torch.get_num_threads()) == ([3, 3], 3, 3)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("machine", "units", "fast"),
    [
        ("x86_64", {"_is_avx512_bf16_supported"}, True),
        ("x86_64", {"_is_amx_tile_supported"}, True),
        ("AMD64", set(), False),
        ("aarch64", set(), True),  # as oneDNN states below
    ],
)
def test_only_processors_with_the_unit_compute_bfloat16(monkeypatch, machine, units, fast):
    monkeypatch.setattr(devices.platform, "machine", lambda: machine)
    stated = SimpleNamespace(_is_mkldnn_bf16_supported=lambda: True)
    monkeypatch.setattr(torch.ops, "mkldnn", stated)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name in units, raising=False)
    assert devices.fast_bfloat16.__wrapped__("cpu") is fast
    assert not devices.fast_bfloat16.__wrapped__("mps")
