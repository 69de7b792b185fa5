"""Notebooks of the documentation as pages, with or without their output."""

from __future__ import annotations

from pathlib import Path

import nbformat
from benchmarks.site import blocks

FOLDER = blocks.ROOT / "docs" / "notebooks"


def to_markdown(path: Path, run: bool) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by their names.

    Parameters
    ----------
    path : pathlib.Path
    run : bool
        Run it first, in its folder; else the page has no output.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    from nbconvert import MarkdownExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    notebook = nbformat.read(path, as_version=4)
    if run:
        with blocks.as_environment():
            ExecutePreprocessor(timeout=300, kernel_name="python3").preprocess(
                notebook, {"metadata": {"path": str(path.parent)}}
            )
    prefix = path.stem
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": prefix, "output_files_dir": "."}
    )
    pictures: dict[str, bytes] = resources.get("outputs") or {}
    return text.strip() + "\n", {Path(name).name: data for name, data in pictures.items()}
