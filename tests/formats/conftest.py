"""The writing of sites, and programs that read what was written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from example_sites import describe

from vqrna.formats import Writers, writers
from vqrna.sites import Sites


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Writers]:
    """Write blocks: ``written("tsv,bed", [sites], {"chr1": 100}).paths``."""

    def call(
        formats: str,
        blocks: Sequence[Sites],
        lengths: dict[str, int] | list[tuple[str, int]] | None = None,
        folder: Path = tmp_path,
        **changes: object,
    ) -> Writers:
        if lengths is None:
            names = {name for block in blocks for name in block.sequence}
            lengths = dict.fromkeys(sorted(names), 1 << 20)
        folder.mkdir(exist_ok=True)
        with writers(formats.split(","), folder, describe(lengths, **changes)) as out:
            for block in blocks:
                out.write(block)
        return out

    return call


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a program and give what it prints, or skip where it is not installed."""

    def call(*words: object, warns: bool = False) -> str:
        if shutil.which(str(words[0])) is None:
            pytest.skip(f"needs the program {words[0]}")
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert warns or done.stderr == ""
        return done.stdout

    return call
