"""Install the wheel and the sdist into empty environments and run ``smoke_test.py`` there.

``make smoke`` runs it for every supported Python on the path. torch is installed first, in the
tested version; the rest as pip resolves it, within ``constraints.txt``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")


def pythons() -> dict[str, str]:
    """Return the interpreters of supported versions on the path, by version."""
    listed = {version: shutil.which(f"python{version}") for version in PYTHONS}
    works = {}
    for version, path in listed.items():
        # A shim of pyenv exists for versions that are not installed
        if path and not subprocess.run([path, "-c", ""], capture_output=True).returncode:
            works[version] = path
    return works


def torch_version() -> str:
    """Return the tested version of torch."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    match = re.search(r"^torch==\S+$", pins, flags=re.MULTILINE)
    assert match, "constraints.txt has no torch"
    return match[0]


def try_out(python: str, package: Path) -> None:
    """Install a package into a new environment, away from the sources, and use it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([python, "-m", "venv", folder / "env"], check=True)
        inside = folder / "env" / "bin" / "python"
        pip = [inside, "-m", "pip", "-q", "--disable-pip-version-check", "install"]
        pins = ["-c", ROOT / "constraints.txt"]
        subprocess.run([*pip, torch_version()], check=True, cwd=folder)
        subprocess.run([*pip, *pins, package], check=True, cwd=folder)
        subprocess.run([inside, "-m", "pip", "check"], check=True, cwd=folder)
        test = [inside, "-I", ROOT / "packaging" / "smoke_test.py"]
        subprocess.run([*test, ROOT / "examples" / "demo.fasta"], check=True, cwd=folder)


def main() -> int:
    """Return the exit code."""
    packages = sorted([*ROOT.glob("dist/*.whl"), *ROOT.glob("dist/*.tar.gz")])
    if not packages:
        print("dist/ has no packages: make dist", file=sys.stderr)
        return 2
    installed = pythons()
    for version in PYTHONS:
        if version not in installed:
            print(f"Python {version}: not on the path, not tested", flush=True)
    for path in installed.values():
        for package in packages:
            print(f"{package.name}: ", end="", flush=True)
            try_out(path, package)
    return 0 if installed else 1


if __name__ == "__main__":
    sys.exit(main())
