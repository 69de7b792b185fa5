"""Read the file of a search: TOML, or the ``config.yaml`` of an NNI experiment."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from vqrna.errors import DataError, UsageError
from vqrna.studies.nni import read_nni
from vqrna.studies.search_config import Search
from vqrna.studies.search_toml import read_toml


def read_search(path: str | PathLike[str], preset: str | None = None, **changes: Any) -> Search:
    """Read a search from TOML, or from the ``config.yaml`` of an NNI experiment.

    Raises DataError if the file is missing or broken. Raises UsageError if a setting is invalid.

    Parameters
    ----------
    preset : str, optional
        Overrides the preset of the file.
    **changes
        Settings of model or training that override the file; None keeps its value.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".toml":
        search = read_toml(file, preset, changes)
    elif suffix in {".yaml", ".yml"}:
        search = read_nni(file, preset, changes)
    else:
        raise DataError(
            "unknown format of a search (expected .toml, or the .yaml of NNI)", file=file
        )
    try:
        search.space.check(search.base)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    return search
