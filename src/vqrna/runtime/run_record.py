"""The record of a run: ``run.json`` beside the results, with all that their tables do not say.

Every command that writes a folder writes one. It holds version, command, model, settings, counts,
what was skipped, and the names of the files; ``docs/formats.md`` describes the fields. It differs
between runs of the same work (elapsed time), so the other files do not depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from vqrna._version import __version__
from vqrna.errors import UsageError
from vqrna.runtime.files import OutputFiles, write_text
from vqrna.runtime.provenance import command_line, elapsed

FILE_NAME = "run.json"

SCHEMA_VERSION = 1
"""Raised when a field is removed or changes its meaning; new fields may appear without that."""

_LARGEST = 1 << 26
"""Larger files (bytes) are not a record."""


@dataclass(frozen=True)
class SkippedInput:
    """Lines or records of an input file that were skipped for one reason."""

    file: str
    reason: str  # Such as ``end beyond the sequence``
    count: int
    first_line: int | None = None  # Line of the first one, from 1; None if lines have no meaning
    # Whether another note for the user says the same; not recorded
    noted: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the recorded fields."""
        fields = asdict(self)
        del fields["noted"]
        return fields


def skipped_notes(skipped: Iterable[SkippedInput]) -> list[str]:
    """Return a note for the user on each file and reason that no other note contains."""
    notes = []
    for each in skipped:
        if each.noted:
            continue
        first = "" if each.first_line is None else f" (first: line {each.first_line})"
        notes.append(f"{each.file}: skipped {each.count:,}: {each.reason}{first}")
    return notes


def run_record(
    subcommand: str,
    files: Iterable[str],
    *,
    model: str | None = None,
    settings: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    skipped: Sequence[SkippedInput] = (),
    notes: Sequence[str] = (),
    seconds: float | None = None,
) -> dict[str, Any]:
    """Return the record of a run as plain values.

    Parameters
    ----------
    subcommand : str
        Such as ``predict`` or ``data split``.
    files : iterable of str
        Names of the written files, relative to the folder.
    model : str, optional
        Hash of the weights.
    settings : mapping, optional
        Settings that the results depend on.
    results : mapping, optional
        Further fields, such as counts.
    skipped : sequence of SkippedInput
    notes : sequence of str
        Notes for the user, one line each.
    seconds : float, optional
        Elapsed time; that of the running command by default.
    """
    seconds = elapsed() if seconds is None else seconds
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "subcommand": subcommand,
        "command": command_line(),
        "seconds": None if seconds is None else round(seconds, 1),
        "model": model,
        "settings": dict(settings or {}),
        **(results or {}),
        "skipped": [each.to_dict() for each in skipped],
        "notes": list(notes),
        "files": list(files),
    }


def to_json(record: Mapping[str, Any], folder: Path) -> str:
    """Return the text of ``run.json``.

    The latest records of other commands in the same folder are kept below ``previous``.
    """
    earlier = read_run_record(folder)
    others = earlier.pop("previous", {})
    previous = dict(others) if isinstance(others, dict) else {}
    if earlier.get("subcommand"):
        previous[str(earlier["subcommand"])] = earlier
    previous.pop(str(record["subcommand"]), None)
    return json.dumps({**record, **({"previous": previous} if previous else {})}, indent=1) + "\n"


def write_run_record(
    folder: str | PathLike[str],
    subcommand: str,
    files: Iterable[str | PathLike[str]],
    *,
    model: str | None = None,
    settings: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    skipped: Sequence[SkippedInput] = (),
    notes: Sequence[str] = (),
    seconds: float | None = None,
) -> Path:
    """Write ``run.json`` to a folder of results; return its path.

    The parameters are those of :func:`run_record`; `files` are names or paths in the folder.

    Raises DataError if the file cannot be written.
    """
    target = Path(folder)
    paths = [Path(file) for file in files]
    names = [
        (path.relative_to(target) if path.is_relative_to(target) else path).as_posix()
        for path in paths
    ]
    record = run_record(
        subcommand,
        names,
        model=model,
        settings=settings,
        results=results,
        skipped=skipped,
        notes=notes,
        seconds=seconds,
    )
    write_text(target / FILE_NAME, to_json(record, target))
    return target / FILE_NAME


def add_run_record(files: OutputFiles, subcommand: str, **facts: Any) -> None:
    """Add ``run.json`` to files that are written together.

    Files that only the last run of the same command listed are removed: they are of other
    results than the new ones.

    Parameters
    ----------
    files : OutputFiles
        With all files of the run.
    **facts
        As for :func:`run_record`.
    """
    record = run_record(subcommand, [path.name for path in files.paths], **facts)
    for name in _outdated(files.folder, record):
        with suppress(UsageError):  # an input of this run
            files.remove(name)
    with files.open(FILE_NAME) as stream:
        stream.write(to_json(record, files.folder).encode())


def _outdated(folder: Path, record: Mapping[str, Any]) -> set[str]:
    """Return the files that the last run of a command listed, but neither `record` nor others."""
    last = read_run_record(folder)
    previous = last.get("previous")
    earlier = [last, *(previous.values() if isinstance(previous, dict) else ())]
    own, others = set[str](), set(record["files"])
    for each in earlier:
        listed = each.get("files") if isinstance(each, dict) else None
        names = (
            {name for name in listed if isinstance(name, str)}
            if isinstance(listed, list)
            else set()
        )
        if isinstance(each, dict) and each.get("subcommand") == record["subcommand"]:
            own |= names
        else:
            others |= names
    return {name for name in own - others if Path(name).name == name != FILE_NAME}


def read_run_record(folder: str | PathLike[str]) -> dict[str, Any]:
    """Return the content of ``run.json``; empty if it is missing or invalid."""
    path = Path(folder) / FILE_NAME
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def record_of_file(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the record of the run that wrote a file, from ``run.json`` beside it; else empty."""
    record = read_run_record(Path(path).parent)
    previous = record.get("previous")
    others = previous.values() if isinstance(previous, dict) else ()
    for each in (record, *others):
        files = each.get("files") if isinstance(each, dict) else None
        if isinstance(files, list) and Path(path).name in files:
            return dict(each)
    return {}
