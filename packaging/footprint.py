"""Print what an installation of the core takes: packages, their sizes, and the time to import.

``python packaging/footprint.py`` in any environment with vqrna; ``make footprint`` in ``.venv``.
Sizes are those of the files that each package lists; extras are not followed.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from importlib import metadata

STARTS = {
    "import vqrna": ("-c", "import vqrna"),
    "import vqrna; vqrna.predict": ("-c", "import vqrna; vqrna.predict"),
    "vqrna --help": ("-m", "vqrna", "--help"),
}
"""Rows of the table, and arguments of Python."""

RUNS = 5


def core(name: str = "vqrna") -> dict[str, int]:
    """Return the installed size in bytes of a package and of all that it requires."""
    sizes: dict[str, int] = {}
    todo = [name]
    while todo:
        package = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if package in sizes:
            continue
        try:
            installed = metadata.distribution(package)
        except metadata.PackageNotFoundError:  # for another system or Python
            continue
        files = installed.files or []
        paths = [installed.locate_file(file) for file in files]
        sizes[package] = sum(p.stat().st_size for p in paths if p.is_file())
        for line in installed.requires or []:
            if "extra ==" not in line:
                todo.append(re.split(r"[^\w.-]", line, maxsplit=1)[0])
    return sizes


def seconds(*arguments: str) -> float:
    """Return the least processor time of some runs of Python in a new process."""
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def table() -> str:
    """Return the table as Markdown."""
    sizes = sorted(core().items(), key=lambda item: -item[1])
    total = sum(size for _, size in sizes)
    lines = ["| core | |", "|---|---|", f"| packages | {len(sizes)} |"]
    lines.append(f"| installed size | {total / 1e6:,.0f} MB |")
    lines += [f"| … of {name} | {size / 1e6:,.0f} MB |" for name, size in sizes[:6]]
    lines += [f"| `{name}` | {seconds(*words):.2f} s |" for name, words in STARTS.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
