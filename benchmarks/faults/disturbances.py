"""Faults beside kills: full disk, read-only folders, two writers, closed streams, damaged files.

Each must end in the complete result, or in exit code 1 and one line, after which the same command
completes the result.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.faults.commands import (
    Command,
    content,
    has_ended,
    kept_out,
    kill,
    limit_file_size,
    run,
    start,
    steps,
    wait,
    wait_for_work,
)
from benchmarks.faults.kills import (
    Reference,
    Tally,
    complete,
    difference,
    keep_evidence,
    partial_files,
)

NOBODY = 65534


def refusal(code: int, text: str) -> str:
    """Return what is wrong with a run that had to end with exit code 1 and one line."""
    errors = re.findall(r"^vqrna: error: .+$", text, re.MULTILINE)
    if code != 1:
        return f"exit code {code} instead of 1: {text.strip().splitlines()[-1:]}"
    if "Traceback" in text or "unexpected" in text:
        return f"unexpected error: {text.strip().splitlines()[-1:]}"
    return "" if len(errors) == 1 else f"{len(errors)} lines of errors"


def full_disk(
    folder: Path, command: Command, expected: Reference, count: int, rng: random.Random
) -> Tally:
    """Let no file grow beyond a random size, then continue without a limit."""
    tally = Tally("full disk", command.name)
    for _ in range(count):
        size = rng.randrange(expected.largest)
        with kept_out(folder, "out") as out:
            code, text = run(folder, steps(command, "out"), partial(limit_file_size, size))
            problem = "" if code == 0 else refusal(code, text)
            problem = problem or partial_files(out, command, expected)
            problem = problem or complete(folder, out, command, expected)
            tally.add(problem and f"limit of {size} bytes: {problem}")
            if problem:
                keep_evidence(folder, out, command, tally)
    return tally


def _give_up_root() -> None:
    """Become a user who cannot write everywhere."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def read_only(folder: Path, command: Command, expected: Reference) -> Tally:
    """Write into a folder that is read-only, and into a new one in such a folder."""
    tally = Tally("read-only folder", command.name)
    for name in ("out", "out/new"):
        with kept_out(folder, "out") as out:
            out.mkdir()
            out.chmod(0o555)
            code, text = run(folder, steps(command, name), _give_up_root)
            problem = refusal(code, text)
            if not problem and any(out.iterdir()):
                problem = "something was written"
            out.chmod(0o755)
            tally.add(problem or complete(folder, out, command, expected))
    return tally


def two_writers(
    folder: Path, command: Command, expected: Reference, count: int, rng: random.Random
) -> Tally:
    """Start a command twice in one folder, the second while the first works."""
    tally = Tally("two writers", command.name)
    for _ in range(count):
        with kept_out(folder, "out") as out:
            first = start(folder, steps(command, "out"), folder / "run.log")
            wait_for_work(first, rng.uniform(0.2, 0.8) * expected.cpu)
            while not (locked := any(out.glob(".vqrna-lock*"))) and command.locks:
                if has_ended(first):
                    break
                time.sleep(0.004)
            if locked:  # else the first run could end while the second one starts
                os.kill(first, signal.SIGSTOP)
            code, text = run(folder, steps(command, "out"), name="second.log")
            if locked:
                os.kill(first, signal.SIGCONT)
            problem = ""
            if code or (command.locks and locked):
                problem = refusal(code, text)
                if not problem and "another" not in text:
                    problem = f"misleading: {text.strip().splitlines()[-1:]}"
            ended = wait(first)
            if ended and not command.locks:
                # Between two of its steps the second run was first to lock the folder: rejected
                # with a message, and the work is completed as a user would do it
                text = (folder / "run.log").read_text(errors="replace")
                problem = problem or refusal(ended, text)
                problem = problem or ("" if "another" in text else "misleading message")
                ended, _ = run(folder, steps(command, "out"), name="second.log")
            problem = problem or ("" if ended == 0 else f"the first run ended with {ended}")
            tally.add(problem or difference(out, expected))
            if problem:
                keep_evidence(folder, out, command, tally)
    return tally


def _close(descriptors: tuple[int, ...]) -> Callable[[], None]:
    def close() -> None:
        import sys

        for descriptor in descriptors:
            os.close(descriptor)
            setattr(sys, ("stdin", "stdout", "stderr")[descriptor], None)  # as Python starts then

    return close


def closed_streams(folder: Path, command: Command, expected: Reference) -> Tally:
    """Close standard input, output, error and all of them, as ``>&-`` does."""
    tally = Tally("closed streams", command.name)
    for descriptors in ((0,), (1,), (2,), (0, 1, 2)):
        with kept_out(folder, "out") as out:
            code, text = run(folder, steps(command, "out"), _close(descriptors))
            problem = "" if code == 0 else f"exit code {code}: {text.strip().splitlines()[-1:]}"
            problem = problem or difference(out, expected)
            tally.add(problem and f"{descriptors}: {problem}")
    return tally


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _cut(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def _empty(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def _fifo(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _endless(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _swap(path: Path, rng: random.Random) -> None:
    """Exchange the names of two parts."""
    others = sorted(each for each in path.parent.glob(f"*{path.suffix}") if each != path)
    if others:
        other, kept = rng.choice(others), path.with_suffix(".kept")
        path.rename(kept)
        other.rename(path)
        kept.rename(other)


DAMAGES = (_flip, _cut, _empty, _fifo, _endless, _folder, _swap)


def damaged_parts(
    folder: Path, command: Command, expected: Reference, pattern: str, rng: random.Random
) -> Tally:
    """Kill a command, damage one of its kept files in every way, and continue.

    The result must be complete; for checkpoints and databases, which hold all there is, one line
    that refuses them is right, too.
    """
    tally = Tally("damaged parts", command.name)
    parts = pattern.endswith(".part")
    for damage in DAMAGES:
        if damage is _swap and not parts:
            continue
        with kept_out(folder, "out") as out:
            files: list[Path] = []
            for _ in range(20):
                shutil.rmtree(out, ignore_errors=True)
                child = start(folder, steps(command, "out"), folder / "run.log")
                working = wait_for_work(child, rng.uniform(0.5, 0.9) * expected.cpu)
                if not working:
                    wait(child)
                    continue
                kill(child)
                if files := sorted(out.glob(pattern)):
                    break
            if not files:
                continue
            damage(rng.choice(files), rng)
            code, text = run(folder, steps(command, "out", resumed=True))
            if code and not parts:
                problem = refusal(code, text)
            else:
                problem = f"exit code {code}: {text.strip().splitlines()[-1:]}" if code else ""
                problem = problem or difference(out, expected)
            tally.add(problem and f"{damage.__name__.strip('_')}: {problem}")
            if problem:
                keep_evidence(folder, out, command, tally)
    return tally


def damaged_model(folder: Path, command: Command, rng: random.Random) -> Tally:
    """Damage the weights in every way: one line, nothing written."""
    tally = Tally("damaged weights", command.name)
    weights = folder / "model" / "model.safetensors"
    whole = weights.read_bytes()
    for damage in DAMAGES:
        if damage is _swap:
            continue
        with kept_out(folder, "out") as out:
            try:
                damage(weights, rng)
                code, text = run(folder, steps(command, "out"))
            finally:
                if weights.is_dir():
                    weights.rmdir()
                weights.unlink(missing_ok=True)
                weights.write_bytes(whole)
            problem = refusal(code, text)
            if not problem and out.exists() and content(out):
                problem = "something was written"
            tally.add(problem and f"{damage.__name__.strip('_')}: {problem}")
    return tally
