"""Look up the tested versions (``constraints.txt``) in the database of known vulnerabilities.

``make audit``. Exit code 0: none is known, or the database cannot be reached, which is stated;
1: at least one is known. `--require` makes an unreachable database an error, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def report(answer: dict[str, Any]) -> tuple[list[str], int]:
    """Return lines for the user, and the number of packages that could be looked up.

    Parameters
    ----------
    answer : dict
        JSON of pip-audit.
    """
    packages = answer["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {each['id']}"
        f" (fixed in {', '.join(each['fix_versions']) or 'no version yet'})"
        for package in audited
        for each in package["vulns"]
    ]
    return lines, len(audited)


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    program = Path(sys.executable).with_name("pip-audit")
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    command = [program, "-r", CONSTRAINTS, *options, "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        lines, audited = report(json.loads(done.stdout))
    except (ValueError, KeyError):
        lines, audited = [], 0
    if not audited:
        print("not audited: the database of vulnerabilities cannot be reached", file=sys.stderr)
        return 1 if "--require" in arguments else 0
    print(*lines or [f"no known vulnerability in {audited} packages"], sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
