"""Check the installation: packages, device and shipped weights."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from vqrna._version import __version__
from vqrna.errors import missing_extra
from vqrna.runtime.devices import choose_device, fast_bfloat16, nvidia_driver

State = Literal["ok", "absent", "broken"]

MODELS = Path(__file__).parent / "models"
"""Folder of the shipped weights and their checksums."""

SUMS = "SHA256SUMS"

_FOR_DEVELOPERS = ("dev", "docs")
"""Extras that are of use in a clone of the repository only."""


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    group: str  # Heading, such as ``system`` or ``needed packages``
    name: str  # Subject of the check
    value: str  # The result; for a missing package, the command that installs it
    # {"ok", "absent", "broken"}: ``absent`` is an optional part that is missing; ``broken`` is an
    # error
    state: State = "ok"


@dataclass(frozen=True)
class Report:
    """All checks, in order."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(check.state != "broken" for check in self.checks)


def check_installation(models: Path = MODELS) -> Report:
    """Check this installation; `models` has the shipped weights and their ``SHA256SUMS``."""
    return Report((*_system(), *_packages(), *_device(), *_weights(models)))


def _system() -> list[Check]:
    return [
        Check("system", "vqrna", __version__),
        Check("system", "Python", f"{platform.python_version()} ({sys.executable})"),
        Check("system", "platform", platform.platform()),
    ]


def _in_clone() -> bool:
    return (Path(__file__).parents[2] / "pyproject.toml").is_file()


def _packages() -> list[Check]:
    """Compare the requirements of the package with what is installed."""
    try:
        lines = metadata.requires("vqrna") or []
    except metadata.PackageNotFoundError:
        hint = "unknown: vqrna runs from a folder; install it with 'pip install -e .'"
        return [Check("needed packages", "all", hint, "absent")]
    hidden = () if _in_clone() else _FOR_DEVELOPERS
    checks = []
    for line in lines:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name == "vqrna" or (extra and extra[1] in hidden):
            continue  # an extra may require others of this package
        group = f"extra: {extra[1]}" if extra else "needed packages"
        try:
            checks.append(Check(group, name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            hint = missing_extra(extra[1]) if extra else f"pip install {name}"
            state: State = "absent" if ";" in line else "broken"  # an extra, or for other systems
            checks.append(Check(group, name, f"missing: {hint}", state))
    return checks


def _device() -> list[Check]:
    """Report what ``--device auto`` selects; this imports torch."""
    try:
        import torch

        device = choose_device("auto")
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        return [Check("device", "torch", f"cannot be imported: {lines[0]}", "broken")]
    build = torch.version.cuda or "none (CPU build)"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Check("device", "--device auto", f"{device.name}: {device.reason}"),
        Check("device", "CUDA build", build),
        Check("device", "NVIDIA driver", nvidia_driver() or "none"),
        Check("device", "bfloat16", "fast" if fast_bfloat16(device.name) else "slow; not used"),
        Check("device", "threads", f"{torch.get_num_threads()} of {cores} cores"),
    ]


def _weights(models: Path) -> list[Check]:
    try:
        lines = (models / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return [Check("weights", SUMS, f"missing from {models}: install vqrna again", "broken")]
    checks = []
    for line in lines:
        wanted, _, name = line.partition(" ")
        name = name.strip().removeprefix("*")
        if name:
            checks.append(_weights_file(models / name, wanted))
    return checks


def _weights_file(path: Path, wanted: str) -> Check:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return Check("weights", path.name, f"cannot be read: {error.strerror}", "broken")
    if digest != wanted:
        return Check("weights", path.name, "damaged: install vqrna again", "broken")
    size = path.stat().st_size / 1e6
    return Check("weights", path.name, f"ok ({size:.1f} MB, sha256 {digest[:12]})")
