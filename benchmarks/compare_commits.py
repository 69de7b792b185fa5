"""Compare the results of two commits, file by file, to show that a refactoring changes none.

``make compare-commits BASE=COMMIT [VQRNA_DATA=DIR]`` runs the same commands with the source of a
base commit, in a temporary git worktree, and with that of the working tree, and compares every
output file. Files must have the same bytes or, where they differ, the same content after what is
listed in `RENAMED` was renamed, what is in `IGNORED` was left out, and sentences were reduced to
their numbers. List a renamed column, flag, key, file, command or option here, in the commit that
renames it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.compare_files import FileComparison

ROOT = Path(__file__).resolve().parents[1]

RENAMED: dict[str, str] = {
    "examination": "positions",
    "flags": "warnings",
    "reading": "notes",  # in pages of codes
    "rivals": "decoys",
    "unlike": "ood",
    "weak_share": "unlabelled_share",
}
"""Whole words or phrases in files and file names: in the base -> now. Either side may have either
name, so that an entry may come before the change."""

RENAMED_ARGUMENTS: dict[str, str] = {}
"""Commands and options of `JOBS` (which has the names of the base) -> their names now. Each tree is
asked by ``--help`` which of the two it has."""

IGNORED = {
    *("vqrna", "version", "program", "bioinformatics_workflow"),  # the version
    *("command", "vqrna_command", "facts"),  # the command line
    *("seconds",),  # elapsed time
    *("identity",),  # of a checkpoint: a hash of its settings, with their names
    *("notes",),  # explanations in pages of codes
}
"""Keys, columns and header lines that may differ."""

WINDOWS = 24
"""Windows of each file of the benchmark that are used."""

SHOWN = 5
"""Different files of a job that are printed."""

JOBS: dict[str, tuple[str, ...]] = {
    "atlas": (
        "atlas --data in/windows --modifications m6A,Psi --permutations 100 --knock-outs 1"
        " --curve 2 --out out",
    ),
    "attention": ("attention in/sites.fa --windows -m m6A --most 4 --out out",),
    "compare": (
        "predict in/demo.fa --threshold 0.3 --jobs 1 --out out/predicted",
        "compare out/predicted/sites.tsv in/known.bed --within 5 --out out",
    ),
    "embed": ("embed in/sites.fa --windows --method pca --out out",),
    "evaluate": ("evaluate --data in/windows --resamples 200 --json > out/evaluation.json",),
    "evaluate-full": (
        "evaluate --data in/windows --modifications m6A,m6Am --localisation 2 --resamples 50"
        " --out out",
    ),
    "genome-gtf": (
        "predict in/genome.fa --gtf in/genes.gtf --by-transcript --all-sites --format tsv,bed"
        " --jobs 1 --out out",
    ),
    "genome-regions": (
        "predict in/genome.fa --regions in/regions.bed --all-sites"
        " --format tsv,parquet,bed,bedrmod,bedgraph,bigwig --jobs 1 --out out",
    ),
    "genome-transcripts": (
        "predict in/genome.fa --gtf in/genes.gtf --context transcript --all-sites --jobs 1"
        " --out out",
    ),
    "join": (
        "predict in/genome.fa --all-sites --format tsv,bed --shard 1/2 --jobs 1 --out out/shard1",
        "predict in/genome.fa --all-sites --format tsv,bed --shard 2/2 --jobs 1 --out out/shard2",
        "join out/shard1 out/shard2 --out out",
    ),
    "motifs": ("motifs in/sites.fa -m m6A --out out",),
    "predict": (
        "predict in/demo.fa --format tsv,parquet,bed,bedrmod,bedgraph,bigwig --jobs 1 --out out",
        "predict in/demo.fa --confidence low --jobs 1 --out - > out/stdout.tsv",
    ),
    "predict-all-sites": (
        "predict in/demo.fa --format tsv,parquet,bed,bedrmod,bedgraph,bigwig --all-sites --jobs 1"
        " --out out",
    ),
    "spectrum": ("spectrum --data in/windows --permutations 200 --out out",),
    "train": ("train --data in/windows --epochs 2 --seed 7 --threads 1 --out out",),
}
"""Commands of each job, run in one folder with the inputs in ``in`` and the results in ``out``."""

BASES = {"1": "A", "2": "C", "3": "G", "4": "U", "5": "A", "6": "C", "7": "U", "8": "A", "9": "A"}
BASES |= {"10": "U", "11": "G"}
"""Bases of the types of the benchmark, for windows that are made."""


def letters(rng: random.Random, length: int) -> str:
    """Draw a sequence."""
    return "".join(rng.choices("ACGT", k=length))


def write_windows(folder: Path, data: Path | None, rng: random.Random) -> None:
    """Write the first windows of each file of a benchmark, or windows with planted motifs."""
    for split in ("train", "valid"):
        (folder / split).mkdir(parents=True)
        for path in sorted((data / split).glob("*.fasta*")) if data else ():
            raw = path.read_bytes()
            raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
            records = raw.decode().split(">")[1 : WINDOWS + 1]
            (folder / split / path.name.removesuffix(".gz")).write_text(">" + ">".join(records))
        for number, base in BASES.items() if data is None else ():
            for label in "01":
                motif = f"GC{base.replace('U', 'T')}" + ("TGGA" if label == "1" else "")
                with (folder / split / f"{number}-{label}.fasta").open("w") as file:
                    for i in range(WINDOWS):
                        rest = letters(rng, 253 - len(motif))
                        file.write(f">{split}_{i}\n{letters(rng, 248)}{motif}{rest}\n")


def write_inputs(folder: Path, data: Path | None) -> str:
    """Write the inputs of all jobs; return their hash.

    The genome has two chromosomes, each with the records of the demonstration as exons, a run of N,
    lower-case letters, and genes on both strands of which two share an exon.
    """
    rng = random.Random(20)
    write_windows(folder / "windows", data, rng)
    sites = (folder / "windows" / "valid" / "8-1.fasta").read_text().split(">")[1:21]
    (folder / "sites.fa").write_text(">" + ">".join(sites))
    demo = (ROOT / "examples" / "demo.fasta").read_text()
    (folder / "demo.fa").write_text(demo)
    records = [x.split("\n", 1) for x in demo.split(">")[1:]]
    names = [name.split()[0] for name, _ in records]
    exons = [sequence.replace("\n", "").replace("U", "T") for _, sequence in records]
    genome, genes, regions = [], [], []
    for chromosome, strands in (("chr1", "+-+"), ("chr2", "-+-")):
        sequence, spans = letters(rng, 700), []
        for exon in exons:
            spans.append((len(sequence) + 1, len(sequence) + len(exon)))
            sequence += exon + letters(rng, 150) + "N" * 20 + letters(rng, 150).lower()
        genome.append(f">{chromosome}\n{sequence}\n")
        for i, strand in enumerate(strands):
            ids = f'gene_id "{chromosome}.{i}"; transcript_id "{chromosome}.{i}.1";'
            chosen = spans[i : i + 3]
            rows = [("transcript", chosen[0][0], chosen[-1][1]), *(("exon", *x) for x in chosen)]
            for feature, first, last in rows:
                cells = (chromosome, "made", feature, first, last, ".", strand, ".", ids)
                genes.append("\t".join(map(str, cells)) + "\n")
            start = spans[i][0] - 100
            regions.append(f"{chromosome}\t{start}\t{start + 400}\tr{i}\t0\t{strand}\n")
    (folder / "genome.fa").write_text("".join(genome))
    (folder / "genes.gtf").write_text("".join(genes))
    (folder / "regions.bed").write_text("".join(regions))
    known = [f"{name}\t{300 + i}\t{301 + i}\tm5U\t0\t+\n" for i, name in enumerate(names)]
    (folder / "known.bed").write_text("".join(known))
    contents = (path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return hashlib.sha256(b"\0".join(contents)).hexdigest()


class Tree(NamedTuple):
    """The source of one side: "base" or "head"."""

    side: str
    root: Path
    commit: str
    """Full hash; empty for a working tree."""

    def vqrna(self, arguments: Iterable[str], folder: Path) -> bytes:
        """Run ``vqrna ARGUMENTS`` in a folder, without a GPU, and return its standard output.

        Raises
        ------
        RuntimeError
            If it fails, with the last line of its standard error.
        """
        return self.python(["-m", "vqrna", *arguments], folder)

    def python(self, arguments: list[str], folder: Path) -> bytes:
        """Run Python with the source of this tree, on one thread."""
        own = {"PYTHONPATH": str(self.root / "src"), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
        own |= {"MPLBACKEND": "Agg", "NO_COLOR": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
        own |= {"MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=os.environ | own, capture_output=True
        )
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            command = shlex.join(arguments[1:])
            raise RuntimeError(f"{self.side}: {command}: exit {done.returncode}: {lines[-1]}")
        return done.stdout


def adapt(
    arguments: list[str], renamed: Mapping[str, str], help_of: Callable[[str], str]
) -> list[str]:
    """Replace the command and the options that a tree has only under their new names.

    Parameters
    ----------
    arguments : list of str
        A command and its arguments, under the names of the base.
    renamed : mapping
        Names in the base -> now.
    help_of : callable
        Returns the help page of a command; nothing if there is no such command.
    """
    command, *options = arguments
    if command in renamed and not help_of(command):
        command = renamed[command]
    for i, option in enumerate(options):
        if option in renamed:
            known = re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_of(command))
            options[i] = option if known else renamed[option]
    return [command, *options]


def help_page(tree: Tree, command: str, folder: Path) -> str:
    """Return the help page of a command, or nothing if the tree has no such command."""
    try:
        return tree.vqrna([command, "--help"], folder).decode()
    except RuntimeError:
        return ""


def run_job(
    tree: Tree, job: str, *, work: Path, inputs: str, run_again: bool = True
) -> tuple[Path, float]:
    """Run a job; return the folder of its results, and the seconds it took.

    Both trees run in ``WORK/run``, so that paths in results are the same. Results of a commit are
    used again if commands and inputs (a hash) are the same; those of a working tree only on
    request.
    """
    result = work / tree.side / job
    marker = result.with_suffix(".json")
    made_by = json.dumps([tree.commit, JOBS[job], RENAMED_ARGUMENTS, inputs])
    if (tree.commit or not run_again) and marker.exists() and marker.read_text() == made_by:
        return result, 0.0
    marker.unlink(missing_ok=True)
    run = work / "run"
    for folder in (result, run / "out"):
        shutil.rmtree(folder, ignore_errors=True)
    (run / "out").mkdir()
    help_of = partial(help_page, tree, folder=run)
    start = time.monotonic()
    for command in JOBS[job]:
        line, _, target = command.partition(" > ")
        output = tree.vqrna(adapt(shlex.split(line), RENAMED_ARGUMENTS, help_of), run)
        if target:
            (run / target).write_bytes(output)
    seconds = time.monotonic() - start
    result.parent.mkdir(exist_ok=True)
    shutil.move(run / "out", result)
    marker.write_text(made_by)
    return result, seconds


def compare_job(
    job: str,
    trees: tuple[Tree, Tree],
    run: Callable[[Tree, str], tuple[Path, float]],
    pictures: bool = True,
) -> bool:
    """Run a job with both trees and print its row; return whether the results are the same."""
    try:
        (base, before), (head, after) = (run(tree, job) for tree in trees)
    except RuntimeError as error:
        print(f"{job:20} failed\n    {error}", flush=True)
        return False
    files = list(FileComparison(RENAMED, IGNORED).compare_folders(base, head, pictures))
    counts = Counter(verdict for _, verdict, _ in files)
    cells = (len(files), *(counts[verdict] for verdict in ("identical", "renamed", "different")))
    print(f"{job:20}" + "".join(f"{n:>11}" for n in cells) + f"{before:9.0f}s{after:6.0f}s")
    different = [f"    {name}: {where}" for name, verdict, where in files if verdict == "different"]
    print("\n".join(different[:SHOWN]) + "\n" * bool(different), end="")
    if len(different) > SHOWN:
        print(f"    and {len(different) - SHOWN} more")
    sys.stdout.flush()
    return bool(files) and not different


@contextmanager
def worktree(side: str, name: str) -> Iterator[Tree]:
    """Check a commit out into a temporary worktree, removed at the end."""
    git = ["git", "-C", str(ROOT)]
    resolved = subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"],
        capture_output=True,
        text=True,
    )
    if resolved.returncode:
        raise SystemExit(f"compare_commits: no commit '{name}' in this repository")
    commit = resolved.stdout.strip()
    with tempfile.TemporaryDirectory(prefix="vqrna-tree-") as folder:
        path = str(Path(folder) / side)
        add = ["worktree", "add", "--quiet", "--detach", path, commit]
        subprocess.run([*git, *add], check=True)
        try:
            yield Tree(side, Path(path), commit)
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", path], check=True)


def check_source(tree: Tree, folder: Path) -> None:
    """Make sure that Python imports the source of this tree, not an installed one."""
    place = tree.python(["-c", "import vqrna; print(vqrna.__file__)"], folder).decode().strip()
    if not Path(place).resolve().is_relative_to((tree.root / "src").resolve()):
        raise SystemExit(f"compare_commits: {tree.side} imports {place}, not {tree.root}/src")


def main(arguments: list[str] | None = None) -> int:
    """Compare two commits, print a row per job, and return 1 if any result differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", nargs="?", help="commit to compare with")
    parser.add_argument("--head", help="second commit (default: the working tree)")
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("VQRNA_DATA") or None,
        metavar="DIR",
        help="benchmark whose first windows are used (default: VQRNA_DATA, else synthetic windows)",
    )
    parser.add_argument("--jobs", help="names, comma-separated (default: all)")
    parser.add_argument("--list", action="store_true", help="list the jobs and their commands")
    parser.add_argument("--no-pictures", action="store_true", help="leave PNG and SVG files out")
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="keep inputs and results here, and use results of commits in it again",
    )
    parser.add_argument(
        "--no-run",
        action="store_true",
        help="compare what is in --work already, for example after an addition to RENAMED",
    )
    given = parser.parse_args(arguments)
    jobs = sorted(given.jobs.split(",") if given.jobs else JOBS)
    if unknown := sorted(set(jobs) - set(JOBS)):
        parser.error(f"no job {', '.join(unknown)} (jobs: {', '.join(sorted(JOBS))})")
    if given.list:
        for job in jobs:
            print(job, *(f"    vqrna {command}" for command in JOBS[job]), sep="\n")
        return 0
    if given.base is None:
        parser.error("name the base commit")
    if given.data and not (given.data / "valid").is_dir():
        parser.error(f"no folder {given.data}/valid: --data must be in the benchmark layout")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # removes the worktrees
    with ExitStack() as stack:
        base = stack.enter_context(worktree("base", given.base))
        head = Tree("head", ROOT, "")
        if given.head:
            head = stack.enter_context(worktree("head", given.head))
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="vqrna-compare-"))
        work = (given.work or Path(temporary)).resolve()
        shutil.rmtree(work / "run", ignore_errors=True)
        (work / "run").mkdir(parents=True)
        inputs = write_inputs(work / "run" / "in", given.data)
        for tree in (base, head):
            check_source(tree, work)
        print(f"base {base.commit[:12]}, head {head.commit[:12] or 'working tree'}")
        print(
            f"{'job':20}{'files':>11}{'identical':>11}{'renamed':>11}{'different':>11}"
            f"{'base':>10}{'head':>7}",
            flush=True,
        )
        run = partial(run_job, work=work, inputs=inputs, run_again=not given.no_run)
        same = [compare_job(job, (base, head), run, not given.no_pictures) for job in jobs]
    failed = [job for job, equal in zip(jobs, same, strict=True) if not equal]
    print(f"different: {', '.join(failed)}" if failed else "no result differs")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
