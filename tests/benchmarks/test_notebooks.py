"""The notebooks of the documentation run from start to end, and hold no output."""

import nbformat
import pytest
from benchmarks.site import notebooks

NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))


@pytest.mark.docs
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path):
    markdown, _ = notebooks.to_markdown(path, run=True)
    assert markdown.startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
