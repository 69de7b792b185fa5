"""Read generated documents and report what a reader must not do.

``python -m tests.fuzz`` reads 100,000 documents with each reader; document N of a reader is always
the same (``python -m tests.fuzz show READER N``). Chunks run in child processes with a limit of
address space, so that a crash of a library or a memory bomb is one failure and not the end.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.documents import Document
from tests.fuzz.readers import READERS, Reader

from vqrna.errors import VqrnaError

SECONDS = 1.0
"""Most CPU time for one document."""

MEGABYTES = 200
"""Most memory that reading may add to the process."""

_HANG = 60  # seconds of wall time after which reading is ended
_LONGEST_MESSAGE = 1600


class FuzzError(Exception):
    """A reader did what it must not do."""


@dataclass
class Tally:
    """Counts of one reader."""

    inputs: int = 0
    accepted: int = 0
    rejected: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)  # number of the document, reason
    seconds: float = 0.0  # CPU seconds of everything, the other readings included
    slowest: float = 0.0  # CPU seconds of one document
    peak: float = 0.0  # MB that reading added to the process

    def add(self, other: Tally) -> None:
        """Add the counts of a chunk."""
        self.inputs += other.inputs
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.failures += other.failures
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.peak = max(self.peak, other.peak)


def write(document: Document, folder: Path) -> Path:
    """Write the files of a document; return the first."""
    paths = [folder / name for name in document.files]
    for path, data in zip(paths, document.files.values(), strict=True):
        if path.parent != folder:
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return paths[0]


def check(reader: Reader, document: Document, path: Path) -> tuple[bool, float]:
    """Read a document; return whether it was accepted, and the CPU seconds.

    Raises
    ------
    FuzzError
        If another error than the project's leaves the reader, its message is not one printable
        line, it takes too long, or its value is not that of the other reading.
    """
    begun = time.process_time()
    try:
        value = reader.read(path)
        error = None
    except VqrnaError as raised:
        error = raised
    except Exception as raised:
        words = traceback.format_exception_only(raised)[-1].strip()
        raise FuzzError(f"{_place(raised)}: {words[:200]}") from raised
    seconds = time.process_time() - begun
    if seconds > SECONDS:
        raise FuzzError(f"took {seconds:.1f} s")
    if error is not None:
        text = str(error)
        if not text.isprintable() or len(text) > _LONGEST_MESSAGE:
            raise FuzzError(f"not a printable line: {text[:100]!r}")
        if document.truth is not None:
            raise FuzzError(f"a valid document is refused: {text[:200]}")
        return False, seconds
    try:
        reader.compare(document, value, path)
    except Exception as raised:
        words = str(raised).strip()[:200] or type(raised).__name__
        raise FuzzError(f"differs from the other reading: {_place(raised)}: {words}") from raised
    return True, seconds


def _place(error: BaseException) -> str:
    """Return file and line of the innermost code that belongs to the project."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "vqrna" in f.filename or "readers.py" in f.filename] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}"


def document_of(reader: Reader, number: int) -> Document:
    """Return a document of a reader by its number."""
    return reader.generate(Random(f"{reader.name} {number}"))


def run_chunk(name: str, numbers: range, limited: bool = True) -> Tally:
    """Read some documents in this process."""
    reader, tally = READERS[name], Tally()
    folder = Path(tempfile.mkdtemp(prefix="vqrna-fuzz-", dir=_memory_folder()))
    if limited:
        _limit_memory()
    signal.signal(signal.SIGALRM, _end_hang)
    begun = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a user would see a warning of a library
        for number in numbers:
            tally.inputs += 1
            document = document_of(reader, number)
            path = write(document, folder)
            signal.alarm(_HANG)
            try:
                accepted, seconds = check(reader, document, path)
                tally.accepted += accepted
                tally.rejected += not accepted
                tally.slowest = max(tally.slowest, seconds)
            except FuzzError as failure:
                tally.failures.append((number, str(failure)))
            finally:
                signal.alarm(0)
            _empty(folder, document)
    tally.seconds = time.process_time() - begun
    tally.peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    shutil.rmtree(folder, ignore_errors=True)
    return tally


def _end_hang(number: int, frame: Any) -> None:
    raise TimeoutError(f"did not end within {_HANG} s")


def _memory_folder() -> str | None:
    """Return a file system in memory, if there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _empty(folder: Path, document: Document) -> None:
    """Remove the files of a document and what was written beside them."""
    if any("/" in name for name in document.files):
        shutil.rmtree(folder)
        folder.mkdir()
        return
    for path in folder.iterdir():
        path.unlink()


def _limit_memory() -> None:
    """Let this process grow by `MEGABYTES` only."""
    with Path("/proc/self/statm").open() as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    limit = size + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def warm_up(name: str) -> None:
    """Import in this process what a reader needs, so that children do not count it."""
    reader = READERS[name]
    random = Random(0)
    for _ in range(20):
        document = reader.generate(random)
        with tempfile.TemporaryDirectory() as folder, suppress(Exception):
            check(reader, document, write(document, Path(folder)))


def _child(name: str, numbers: range, pipe: Any) -> None:
    tally = run_chunk(name, numbers)
    pipe.send(tally)
    pipe.close()


def run_isolated(name: str, numbers: range) -> Tally:
    """Read some documents in a child process; a crash is located and is one failure."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(name, numbers, sender))
    child.start()
    sender.close()
    try:
        tally: Tally = receiver.recv()
    except EOFError:
        child.join()
        if len(numbers) == 1:
            reason = f"the process died (exit code {child.exitcode})"
            return Tally(1, failures=[(numbers[0], reason)])
        middle = numbers.start + len(numbers) // 2
        tally = run_isolated(name, range(numbers.start, middle))
        tally.add(run_isolated(name, range(middle, numbers.stop)))
        return tally
    child.join()
    return tally


def show(name: str, number: int) -> None:
    """Print a document, and what reading it does."""
    reader = READERS[name]
    document = document_of(reader, number)
    for file, data in document.files.items():
        print(f"--- {file} ({len(data)} bytes)")
        sys.stdout.flush()
        sys.stdout.buffer.write(data[:3000] + b"\n")
    print("--- truth:", document.truth)
    with tempfile.TemporaryDirectory() as folder:
        path = write(document, Path(folder))
        try:
            value = reader.read(path)
            print("--- accepted:", str(value)[:3000])
            reader.compare(document, value, path)
        except VqrnaError as error:
            print(f"--- {type(error).__name__}: {error}")
