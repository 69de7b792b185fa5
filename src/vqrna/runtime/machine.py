"""What a result was computed with: processor, libraries, commit; nothing that names a host."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from pathlib import Path
from typing import Any

import vqrna


def machine_facts(device: str = "cpu") -> dict[str, Any]:
    """Tell system, processor, cores, Python, torch and its threads.

    Parameters
    ----------
    device : str
        What the work was done on; a GPU is told by its name.
    """
    import torch

    facts: dict[str, Any] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device,
    }
    if device.startswith("cuda") and torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name(torch.device(device))
    return facts


def _processor() -> str:
    """Name the processor as the system does."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line for line in text.splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def without_places(command: str) -> str:
    """Write a command without the folders of this machine: what is kept is for others to read.

    Of a path from the root, from home or from a folder above, its last part stays.
    """
    try:
        words = shlex.split(command)
    except ValueError:  # no command at all
        return command
    shown, cut = [], False
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        elsewhere = value.startswith(("/", "~/", "../")) and Path(value).name != ""
        cut |= elsewhere
        shown.append(option + equals + (Path(value).name if elsewhere else value))
    return shlex.join(shown) if cut else command


def git_commit() -> str | None:
    """Tell the commit that this code is of, with ``+`` if it was changed; None without git."""
    folder = Path(vqrna.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # else it lies in somebody's checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
