"""The code of README and the documentation: read it from a page, and run it.

All ``sh``, ``bash`` and ``python`` blocks of a page run in one folder, in their order. The folder
has the files that pages speak of (`prepare_folder`). A block that cannot run, for example because
it needs a cluster, is preceded by a line ``<!-- not run: REASON -->``.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "examples" / "tutorial"
RUN = ("sh", "bash", "python")
LANGUAGES = (*RUN, "r")
"""Languages of code; blocks of the last one need a reason for not running."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+) -->$")


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Parameters
    ----------
    page : pathlib.Path
    line, end : int
        Lines of both fences, from 1.
    language : str
    text : str
    not_run : str or None
        Why the block is not run.
    """

    page: Path
    line: int
    end: int
    language: str
    text: str
    not_run: str | None


class BlockError(Exception):
    """A block that failed, with its page, line and output."""


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page, in their order."""
    blocks: list[Block] = []
    reason, start, indent, language, body = None, 0, 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if start:
            if fence:
                if language in LANGUAGES:
                    text = "\n".join(body) + "\n"
                    blocks.append(Block(page, start, number, language, text, reason))
                reason, start = None, 0
            else:
                body.append(line[indent:])
        elif fence:
            start, language, body = number, fence["language"], []
            indent = len(fence["indent"])
        elif mark := _NOT_RUN.match(line):
            reason = mark["reason"]
        elif line.strip():
            reason = None
    return blocks


def prepare_folder(folder: Path) -> None:
    """Write the files that pages speak of: those of ``examples`` under the names in commands."""
    import pysam

    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__*"))
    shutil.copy(ROOT / "constraints.txt", folder)
    for name in ("genome.fa", "genes.gtf", "known.bed", "sites.fa", "controls.fa", "variants.vcf"):
        shutil.copy(TUTORIAL / name, folder)
    demo = (ROOT / "examples" / "demo.fasta").read_bytes()
    (folder / "transcripts.fa").write_bytes(demo)
    (folder / "transcripts.fa.gz").write_bytes(gzip.compress(demo))
    (folder / "genes.gtf.gz").write_bytes(gzip.compress((folder / "genes.gtf").read_bytes()))
    pysam.tabix_compress(str(folder / "variants.vcf"), str(folder / "variants.vcf.gz"))
    shutil.copy(folder / "known.bed", folder / "known_sites.bed")
    shutil.copy(folder / "known.bed", folder / "regions.bed")
    for name, source in (("modified.fa", "sites.fa"), ("unmodified.fa", "controls.fa")):
        shutil.copy(TUTORIAL / source, folder / name)
    write_data(folder / "studies" / "lab2", "lab2_")
    lines = (TUTORIAL / "sites.fa").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "windows.fa").write_text("".join(lines[:60]), encoding="utf-8")
    write_data(folder / "data")
    write_table(folder / "windows.csv")


def read_windows(name: str) -> list[tuple[str, str]]:
    """Return names and sequences of a FASTA file of the tutorials."""
    entries = (TUTORIAL / name).read_text(encoding="utf-8").split(">")[1:]
    return [(e.split("\n", 1)[0], "".join(e.split("\n")[1:])) for e in entries]


def write_data(folder: Path, prefix: str = "") -> None:
    """Write the windows of the tutorials in the layout of the benchmark, as those of m6A."""
    for label, file in ((1, "sites.fa"), (0, "controls.fa")):
        records = read_windows(prefix + file)
        cuts = {"train": records[:100], "valid": records[100:130], "test": records[130:]}
        for split, members in cuts.items():
            path = folder / split / f"8-{label}.fasta"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f">{n}\n{s}\n" for n, s in members), encoding="utf-8")


def write_table(path: Path) -> None:
    """Write the windows of the tutorials as a table."""
    rows = ["sequence,modification,label"]
    for label, file in ((1, "sites.fa"), (0, "controls.fa")):
        rows += [f"{sequence},m6A,{label}" for _, sequence in read_windows(file)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the blocks, with ``vqrna`` as this Python runs it."""
    program = folder / ".bin" / "vqrna"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vqrna "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}:{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    python_path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": python_path,
        "COLUMNS": "100",
        "MPLBACKEND": "Agg",
    }


@contextlib.contextmanager
def as_environment() -> Iterator[None]:
    """Let child processes of this one import the package, as `environment` does for blocks."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def run_blocks(blocks: list[Block], folder: Path) -> list[str]:
    """Run the blocks of a page in a prepared folder; return what each printed.

    Raises
    ------
    BlockError
        If a block fails.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    return [
        ""
        if block.not_run
        else _run_python(block, folder, names)
        if block.language == "python"
        else _run_shell(block, folder)
        for block in blocks
    ]


def _run_shell(block: Block, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-eu", "-c", block.text],  # no pipefail: `head` ends its writer
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BlockError(f"{_place(block)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def _run_python(block: Block, folder: Path, names: dict[str, Any]) -> str:
    out = io.StringIO()
    code = "\n" * block.line + block.text  # line numbers of the page in tracebacks
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out):
            exec(compile(code, str(block.page), "exec"), names)
    except Exception as error:
        raise BlockError(f"{_place(block)}: {type(error).__name__}: {error}") from error
    return out.getvalue()


def _place(block: Block) -> str:
    return f"{block.page.relative_to(ROOT)}:{block.line}"
