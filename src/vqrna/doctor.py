"""What is installed, which device will compute and why, and whether the weights are whole."""

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
from vqrna.runtime.devices import choose_device, nvidia_driver

State = Literal["ok", "absent", "broken"]

MODELS = Path(__file__).parent / "models"
"""Folder of the shipped weights and their checksums."""

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    group : str
        Heading it stands under, such as ``system`` or ``needed packages``.
    name : str
        What was looked at.
    value : str
        What was found; for a missing package, how to get it.
    state : {"ok", "absent", "broken"}
        ``absent`` is a part one can do without; ``broken`` is one that nothing works without.
    """

    group: str
    name: str
    value: str
    state: State = "ok"


@dataclass(frozen=True)
class Report:
    """All that was looked at.

    Parameters
    ----------
    checks : tuple of Check
        In the order of reading.
    """

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing essential is broken."""
        return all(check.state != "broken" for check in self.checks)


def examine(models: Path = MODELS) -> Report:
    """Look at this installation.

    Parameters
    ----------
    models : pathlib.Path
        Folder of the shipped weights, with ``SHA256SUMS`` beside them.

    Returns
    -------
    Report
    """
    return Report((*_system(), *_packages(), *_device(), *_weights(models)))


def _system() -> list[Check]:
    return [
        Check("system", "vqrna", __version__),
        Check("system", "Python", f"{platform.python_version()} ({sys.executable})"),
        Check("system", "platform", platform.platform()),
    ]


def _packages() -> list[Check]:
    """Compare what the package says that it needs with what is installed."""
    try:
        lines = metadata.requires("vqrna") or []
    except metadata.PackageNotFoundError:
        hint = "unknown: vqrna runs from a folder; install it with 'pip install -e .'"
        return [Check("needed packages", "all", hint, "absent")]
    checks = []
    for line in lines:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        group = f"extra: {extra[1]}" if extra else "needed packages"
        try:
            checks.append(Check(group, name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            wanted = f"'vqrna[{extra[1]}]'" if extra else name
            state: State = "absent" if ";" in line else "broken"  # an extra, or other systems'
            checks.append(Check(group, name, f"missing: pip install {wanted}", state))
    return checks


def _device() -> list[Check]:
    """Tell what ``--device auto`` takes; torch is imported here, which proves that it can be."""
    try:
        import torch

        device = choose_device("auto")
    except Exception as error:
        words = str(error).splitlines() or [type(error).__name__]
        return [Check("device", "torch", f"cannot be imported: {words[0]}", "broken")]
    build = torch.version.cuda or "none (CPU build)"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Check("device", "--device auto", f"{device.name}: {device.reason}"),
        Check("device", "CUDA build", build),
        Check("device", "NVIDIA driver", nvidia_driver() or "none found"),
        Check("device", "threads", f"{torch.get_num_threads()} of {cores} cores"),
    ]


def _weights(models: Path) -> list[Check]:
    """Compare the shipped weights with their checksums."""
    try:
        lines = (models / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return [Check("weights", SUMS, f"missing from {models}: install vqrna again", "broken")]
    checks = []
    for line in lines:
        wanted, _, name = line.partition(" ")
        name = name.strip().removeprefix("*")
        if not name:
            continue
        checks.append(_file(models / name, wanted))
    return checks


def _file(path: Path, wanted: str) -> Check:
    """Compare one file with its SHA-256 checksum."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return Check("weights", path.name, f"cannot be read: {error.strerror}", "broken")
    if found != wanted:
        return Check("weights", path.name, "damaged: install vqrna again", "broken")
    size = path.stat().st_size / 1e6
    return Check("weights", path.name, f"whole ({size:.1f} MB, sha256 {found[:12]})")
