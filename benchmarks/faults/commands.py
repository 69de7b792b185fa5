"""The commands that are disturbed, their small inputs, and processes to run them in.

Commands run in forks of this process, which has loaded the libraries already: a start takes
milliseconds, and a kill hits the work instead of the imports. Workers of searches are processes of
their own, as always.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd
from safetensors import safe_open

from vqrna.cli import main
from vqrna.prediction import tiles

PIECE = 1500
"""Positions of a part, instead of 262,144: a small scan has some twenty."""

LONGEST = 300
"""Seconds after which a run counts as hung."""

HUNG = -1000
"""Exit code of a run that did not end."""

_TINY = """\
[model]
length = 51
codebook_size = 16
code_dim = 8
stem_width = 8
width = 8
head_width = 8
region_width = 8

[training]
epochs = {epochs}
batch_size = 16
precision = "float32"
"""

_SEARCH = """\
[search]
trials = 3
startup = 1
pruner = "none"

[space]
learning_rate = {{ low = 1e-3, high = 1e-1, log = true }}
seed = [0, 1]

{tiny}"""

_RUN_KEYS = {
    "command",
    "model",
    "seconds",
    "elapsed",
    "resumed",
    "recomputed",
    "parts",
    "jobs",
    "shards",
}
"""Keys of ``run.json`` that describe the run instead of the result."""


@dataclass(frozen=True)
class Command:
    """A command, or several that are one piece of work; ``{out}`` is their folder."""

    name: str
    steps: tuple[str, ...]
    resumed: str = ""  # Option that continues an interrupted run
    kills: int = 1  # Interruptions before the work is completed
    locks: bool = True  # Whether a second run in the same folder is refused
    changing: tuple[str, ...] = ()  # Files that change while the work goes on


COMMANDS = (
    Command("predict", ("predict in.fa --model model --all-sites --jobs 1 --out {out}",), kills=2),
    Command(
        "predict, shards and join",
        (
            "predict in.fa --model model --all-sites --jobs 1 --shard 1/2 --out {out}",
            "predict in.fa --model model --all-sites --jobs 1 --shard 2/2 --out {out}",
            "join {out}",
        ),
        kills=2,
        locks=False,
    ),
    Command(
        "predict, genome",
        (
            "predict genome.fa --gtf genes.gtf --by-transcript --model model --all-sites --jobs 1"
            " --out {out}",
        ),
        kills=2,
    ),
    Command(
        "train",
        ("train --data data --config train.toml --threads 1 --device cpu --out {out}",),
        "--resume",
        kills=3,
        changing=(
            "best.safetensors",
            "checkpoint.safetensors",
            "history.csv",
            "curves.png",
            "curves.svg",
        ),
    ),
    Command(
        "evaluate",
        ("evaluate --data data --model model --resamples 50 --out {out}",),
        kills=5,
        locks=False,
    ),
    Command(
        "tune",
        ("tune --config search.toml --data data --threads 1 --device cpu --out {out}",),
        kills=5,
        locks=False,
        changing=("trials.csv", "config.toml", "search.json"),
    ),
    Command(
        "atlas",
        ("atlas --data data --model model --permutations 50 --knock-outs 1 --curve 0 --out {out}",),
        kills=5,
        locks=False,
    ),
)
"""All on one core, so that a repeated run has the same bytes."""


def make_inputs(folder: Path) -> None:
    """Write sequences, windows, settings and a small trained model; the same ones every time."""
    rng = random.Random(1)

    def letters(length: int) -> str:
        return "".join(rng.choices("ACGU", k=length))

    records = "".join(f">r{i}\n{letters(1000 + 37 * i)}\n" for i in range(24))
    (folder / "in.fa").write_text(records, encoding="utf-8")
    genome = "".join(f">chr{i}\n{letters(12_000)}\n" for i in (1, 2))
    (folder / "genome.fa").write_text(genome, encoding="utf-8")
    lines = []
    for gene in range(12):
        chromosome, strand, start = f"chr{gene % 2 + 1}", "+-"[gene % 3 == 0], 400 + 900 * gene
        names = f'gene_id "g{gene}"; transcript_id "t{gene}";'
        for left, right in ((start, start + 700), (start + 800, start + 1300)):
            lines.append(f"{chromosome}\tx\texon\t{left}\t{right}\t.\t{strand}\t.\t{names}\n")
    (folder / "genes.gtf").write_text("".join(lines), encoding="utf-8")
    for split, count in (("train", 60), ("valid", 30)):
        (folder / "data" / split).mkdir(parents=True, exist_ok=True)
        for index, motif in ((1, "GGACU"), (4, "AGUGC")):
            for label in (0, 1):
                text = ""
                for window in range(count):
                    before, behind = letters(23), letters(23)
                    centre = motif if label else letters(2) + motif[2] + letters(2)
                    text += f">w{window}\n{before}{centre}{behind}\n"
                path = folder / "data" / split / f"{index}-{label}.fasta"
                path.write_text(text, encoding="utf-8")
    (folder / "train.toml").write_text(_TINY.format(epochs=3), encoding="utf-8")
    search = _SEARCH.format(tiny=_TINY.format(epochs=2))
    (folder / "search.toml").write_text(search, encoding="utf-8")
    if not (folder / "model").exists():
        words = "train --data data --config train.toml --threads 1 --device cpu --out model"
        code, text = run(folder, [words.split()])
        if code:
            raise RuntimeError(f"the model cannot be trained: {text}")


def steps(command: Command, out: str, resumed: bool = False) -> list[list[str]]:
    """Return the arguments of each step."""
    words = [step.format(out=out).split() for step in command.steps]
    return [step + command.resumed.split() for step in words] if resumed else words


def start(
    folder: Path, commands: list[list[str]], log: Path, prepare: Callable[[], object] | None = None
) -> int:
    """Run commands one after another in a fork; return its process number.

    The exit code is that of the first that fails. Numbers of finished commands are in `log`.done.
    """
    log.with_suffix(".done").write_text("", encoding="utf-8")
    child = os.fork()
    if child:
        return child
    _run_child(folder, commands, log, prepare)


def _run_child(
    folder: Path, commands: list[list[str]], log: Path, prepare: Callable[[], object] | None
) -> NoReturn:
    code = 99
    try:
        tiles.PIECE = PIECE
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), line_buffering=True)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), line_buffering=True)
        os.chdir(folder)
        done = os.open(log.with_suffix(".done"), os.O_WRONLY | os.O_APPEND)
        if prepare is not None:
            prepare()
        code = 0
        for words in commands:
            code = main(words)
            if code:
                break
            os.write(done, b"+")
    finally:
        os._exit(code)


def wait(child: int) -> int:
    """Wait for a process; return its exit code, negative for a signal, `HUNG` after `LONGEST`."""
    end = time.monotonic() + LONGEST
    while not has_ended(child):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return HUNG
        time.sleep(0.02)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def has_ended(child: int) -> bool:
    """Return whether a child has ended; its exit code stays available."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def run(
    folder: Path,
    commands: list[list[str]],
    prepare: Callable[[], object] | None = None,
    name: str = "run.log",
) -> tuple[int, str]:
    """Run commands in a fork and return its exit code and what it printed."""
    log = folder / name
    code = wait(start(folder, commands, log, prepare))
    return code, log.read_text(encoding="utf-8", errors="replace")


def descendants(process: int) -> list[int]:
    """Return the processes below a process."""
    below: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listed.read_text().split()):
                below += [child, *descendants(child)]
    return below


def cpu_seconds(process: int) -> float:
    """Return the CPU time of a process and of those below it."""
    ticks = 0
    for each in (process, *descendants(process)):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_work(child: int, seconds: float) -> bool:
    """Wait until a process has used so much CPU time; return False if it ended before."""
    while not has_ended(child):
        if cpu_seconds(child) >= seconds:
            return True
        time.sleep(0.004)
    return False


def kill(child: int) -> str:
    """Send SIGKILL; return a problem if processes below it are still alive half a minute later."""
    below = descendants(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    end = time.monotonic() + 30
    while any(Path(f"/proc/{each}").exists() for each in below):
        if time.monotonic() > end:
            return "its processes go on"
        time.sleep(0.1)
    return ""


def limit_file_size(size: int) -> None:
    """Let no file of this process grow beyond a size, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def content(out: Path) -> dict[str, str]:
    """Return a digest of each file below a folder, hidden ones included, without run details."""
    return dict(_contents(out))


def _contents(out: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_dir() and not name.startswith("."):
            continue
        if not path.is_file():
            yield name, "not a file"
            continue
        if (out / "study.db").exists() and name not in ("trials.csv", "config.toml"):
            continue  # times, numbers of trials, pictures of them
        data = path.read_bytes()
        if name == "trials.csv":
            data = _trials(path)
        elif name == "config.toml" and (out / "study.db").exists():
            data = data.partition(b"\n")[2]  # the first line has the number of the trial
        elif name == "run.json":
            facts = json.loads(data)
            data = json.dumps({k: v for k, v in facts.items() if k not in _RUN_KEYS}).encode()
        elif name == "history.csv":
            data = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
        elif name == "model.safetensors":
            data = _weights(path)
        elif name == "train.log":
            continue  # has a line for each resumption
        elif name == "checkpoint.safetensors" or name.startswith("curves."):
            data = b"has times, or the command"
        yield name, hashlib.sha256(data).hexdigest()[:16]


def _weights(path: Path) -> bytes:
    """Return tensors and metadata of a model, without its command, which may have ``--resume``."""
    with safe_open(path, "np") as file:
        facts = json.loads(file.metadata()["vqrna-model"])
        tensors = [file.get_tensor(name).tobytes() for name in sorted(file.keys())]
    facts["training"].pop("command")
    facts.pop("metadata_checksum")
    return json.dumps(facts, sort_keys=True).encode() + b"".join(tensors)


def _trials(path: Path) -> bytes:
    # As text: a gap in the row of an interrupted trial would turn whole numbers into floats
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table = table[table["state"] != "interrupted"]
    kept = [c for c in table.columns if c not in ("trial", "retry_of", "seconds", "minutes")]
    return table[kept].sort_values(kept).to_csv(index=False).encode()


@contextmanager
def kept_out(folder: Path, name: str) -> Iterator[Path]:
    """Return the path of a new output folder; remove it afterwards."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    try:
        yield out
    finally:
        shutil.rmtree(out, ignore_errors=True)
