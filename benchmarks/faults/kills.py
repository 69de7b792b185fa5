"""``kill -9`` at random moments: after it, the same command completes the same result."""

from __future__ import annotations

import random
import resource
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.commands import (
    Command,
    content,
    kept_out,
    kill,
    run,
    start,
    steps,
    wait,
    wait_for_work,
)


@dataclass
class Tally:
    """What became of the runs that were disturbed in one way."""

    fault: str
    command: str
    tried: int = 0
    lost: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str, count: int = 1) -> None:
        """Count tries, lost ones if there is a reason."""
        self.tried += count
        if reason:
            self.lost += count
            self.reasons.append(reason)

    def to_dict(self) -> dict[str, object]:
        """Return the row of the table."""
        survived = self.tried - self.lost
        row = {"fault": self.fault, "command": self.command, "tried": self.tried}
        return row | {"survived": survived, "lost": self.lost, "reasons": self.reasons[:5]}


@dataclass(frozen=True)
class Reference:
    """The undisturbed result of a command."""

    files: dict[str, str]
    cpu: float  # CPU seconds of the run
    largest: int  # Bytes of the largest file


def reference(folder: Path, command: Command) -> Reference:
    """Run a command without disturbance.

    Raises RuntimeError if it fails.
    """
    before = _children_seconds()
    with kept_out(folder, "out") as out:
        code, text = run(folder, steps(command, "out"))
        if code:
            raise RuntimeError(f"{command.name} fails undisturbed: {text}")
        sizes = (path.stat().st_size for path in out.rglob("*") if path.is_file())
        return Reference(content(out), _children_seconds() - before, max(sizes))


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def partial_files(out: Path, command: Command, expected: Reference) -> str:
    """Return a problem if a visible file is neither complete nor one that changes during work."""
    for name, digest in content(out).items() if out.exists() else ():
        if Path(name).name.startswith(".") or "/" in name or name in command.changing:
            continue
        if name not in expected.files:
            return f"{name} is not a result"
        if digest != expected.files[name]:
            return f"{name} is incomplete"
    return ""


def complete(folder: Path, out: Path, command: Command, expected: Reference) -> str:
    """Run a command to its end in a folder with an interrupted run; return what is wrong."""
    code, text = run(folder, steps(command, out.name, resumed=True))
    if code:
        return f"exit code {code}: {text.strip().splitlines()[-1:]}"
    return difference(out, expected)


def difference(out: Path, expected: Reference) -> str:
    """Return which file differs from the undisturbed result."""
    files = content(out)
    names = files.keys() | expected.files.keys()
    names = {name for name in names if files.get(name) != expected.files.get(name)}
    return f"different: {', '.join(sorted(names)[:5])}" if names else ""


def kill_runs(
    folder: Path, command: Command, expected: Reference, count: int, rng: random.Random
) -> Tally:
    """Kill a command `count` times, a few times in one folder, and complete it each time."""
    tally = Tally("kill -9", command.name)
    while tally.tried < count:
        with kept_out(folder, "out") as out:
            problem, kills = "", 0
            while kills < min(command.kills, count - tally.tried):
                words = steps(command, "out", resumed=out.exists())
                child = start(folder, words, folder / "run.log")
                if not wait_for_work(child, rng.uniform(0, expected.cpu)):
                    if (code := wait(child)) != 0:
                        text = (folder / "run.log").read_text(errors="replace")
                        problem = problem or f"exit code {code}: {text.strip().splitlines()[-1:]}"
                    break
                problem = problem or kill(child) or partial_files(out, command, expected)
                kills += 1
            problem = problem or complete(folder, out, command, expected)
            tally.add(problem, kills)
            if problem:
                keep_evidence(folder, out, command, tally)
    return tally


def keep_evidence(folder: Path, out: Path, command: Command, tally: Tally) -> None:
    """Copy the folder of a lost run beside the inputs, to look at."""
    target = folder / "lost" / f"{command.name} {tally.fault} {tally.tried}".replace(" ", "-")
    target.parent.mkdir(exist_ok=True)
    if out.exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(out, target, symlinks=True, ignore=_not_regular)
    with (folder / "lost" / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{target.name}: {tally.reasons[-1:]}\n")


def _not_regular(directory: str, names: list[str]) -> list[str]:
    paths = (Path(directory, name) for name in names)
    return [p.name for p in paths if p.is_symlink() or not (p.is_dir() or p.is_file())]
