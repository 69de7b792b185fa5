"""Devices: choice, exact float32 arithmetic, and thread numbers."""

from __future__ import annotations

import platform
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, cast

from vqrna.errors import UsageError
from vqrna.runtime.whole_numbers import whole_number

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Device:
    """A device to compute on."""

    name: str  # For torch: ``cpu``, ``cuda``, ``cuda:1``, ``mps``
    reason: str  # Why it was chosen

    def __str__(self) -> str:
        return self.name


def choose_device(name: str = "auto") -> Device:
    """Choose a device.

    ``auto`` uses an NVIDIA GPU if torch can, else the CPU. Apple GPUs are used only by name, since
    their numbers were never checked.

    Raises UsageError if the name is unknown or the device is not available.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    """
    kind, _, number = name.strip().lower().partition(":")
    if kind not in {"auto", "cpu", "cuda", "mps"} or (number and kind != "cuda"):
        raise UsageError(f"unknown device '{name}' (known: auto, cpu, cuda, cuda:N, mps)")
    if kind == "cpu":
        return Device("cpu", "requested")
    import torch

    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise UsageError("device 'mps': torch detects no Apple GPU")
        return Device("mps", "requested (Apple GPU; its numbers are not checked)")
    wrong = _why_no_cuda(torch)
    if kind == "auto":
        if wrong:
            return Device("cpu", wrong + _apple_hint(torch))
        return Device("cuda", _cuda_words(torch, 0))
    if wrong:
        raise UsageError(f"device '{name}': {wrong}")
    count = torch.cuda.device_count()
    index = whole_number(number) if number else 0
    if index is None or index >= count:
        raise UsageError(f"device '{name}': this machine has {count} GPUs, numbered from 0")
    return Device(f"cuda:{number}" if number else "cuda", _cuda_words(torch, index))


Setting = Callable[[], AbstractContextManager[None]]


def shared(setting: Setting) -> Setting:
    """Count the users of a process-wide setting: the first changes it, the last restores it.

    Without the count, the second of two overlapping users would save the changed value and
    restore that one.

    Parameters
    ----------
    setting : callable
        Returns a context manager that changes the setting on entry and restores it on exit.
    """
    lock, held = Lock(), ExitStack()
    users = 0

    @wraps(setting)
    @contextmanager
    def use() -> Iterator[None]:
        nonlocal users
        with lock:
            if users == 0:
                held.enter_context(setting())
            users += 1
        try:
            yield
        finally:
            with lock:
                users -= 1
                if users == 0:
                    held.close()

    return use


@shared
@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch use one thread per operation in all threads that start while the body runs.

    Sums then have the same order of terms for any number of workers. The calling thread itself
    keeps its number: OpenMP stores it per thread, where no other thread could restore it. So do
    the work in new threads that call ``torch.set_num_threads(1)``.
    """
    import torch

    torch.get_num_threads()  # a thread takes the default with its first call: here, before it is 1
    before: list[int] = []

    def change() -> None:
        before.append(torch.get_num_threads())  # the process-wide default: this thread is new
        torch.set_num_threads(1)

    _in_new_thread(change)
    try:
        yield
    finally:
        _in_new_thread(lambda: torch.set_num_threads(before[0]))


def _in_new_thread(work: Callable[[], None]) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()


@shared
@contextmanager
def full_float32() -> Iterator[None]:
    """Let NVIDIA GPUs compute in full float32, not in TF32, while the body runs.

    By default torch allows TF32 in convolutions, which keeps 10 bits of every factor: a scan and
    its windows would then differ in the third digit, and in their codes.
    """
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    backends: tuple[Any, ...] = (cudnn, matmul)
    name, exact = "allow_tf32", cast(Any, False)
    if hasattr(cudnn, "conv"):  # torch 2.9 and later: the old switches are deprecated
        backends, name, exact = (cudnn.conv, matmul), "fp32_precision", "ieee"
    kept = [getattr(backend, name) for backend in backends]
    try:
        for backend in backends:
            setattr(backend, name, exact)
        yield
    finally:
        for backend, value in zip(backends, kept, strict=True):
            setattr(backend, name, value)


@cache
def fast_bfloat16(device: str) -> bool:
    """Return whether a device computes bfloat16 faster than float32.

    Of processors, only those with AMX, AVX512-BF16 or an equivalent do. On others torch converts
    every number, and training takes up to 40 times longer than in float32.
    """
    import torch

    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    if platform.machine().lower() in {"x86_64", "amd64"}:
        # torch.backends.cpu.get_cpu_capability() has the vector width alone
        known = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in known)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def nvidia_driver() -> str | None:
    """Return the version of the NVIDIA driver from ``nvidia-smi``, if installed."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.split()
    return lines[0] if lines else None


def _why_no_cuda(torch: ModuleType) -> str:
    """Return why torch cannot use an NVIDIA GPU; empty if it can."""
    if torch.version.cuda is None:
        build = f"AMD ROCm {torch.version.hip}" if torch.version.hip else "no CUDA build"
        if not torch.version.hip:
            return f"torch {torch.__version__} has {build}"
        return "" if torch.cuda.is_available() else f"{build}, and no GPU found"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available() and torch.cuda.device_count():
            return ""
    driver = nvidia_driver()
    installed = f"NVIDIA driver {driver}" if driver else "no NVIDIA driver found"
    said = f" ({str(caught[0].message).splitlines()[0]})" if caught else ""
    return f"torch is built for CUDA {torch.version.cuda}, but cannot use a GPU: {installed}{said}"


def _cuda_words(torch: ModuleType, number: int) -> str:
    card = torch.cuda.get_device_name(number)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    return f"{card}, torch built for {build}, driver {nvidia_driver() or 'unknown'}"


def _apple_hint(torch: ModuleType) -> str:
    available = torch.backends.mps.is_available()
    return "; an Apple GPU is available with --device mps" if available else ""
