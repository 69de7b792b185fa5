"""All code of README and the documentation runs, in a folder with small inputs.

README and the quick start are in ``make test``, all pages in ``make test-docs``.
"""

from pathlib import Path

import pytest
from benchmarks.site import blocks

PAGES = [
    path
    for path in (blocks.ROOT / "README.md", *sorted((blocks.ROOT / "docs").rglob("*.md")))
    if any(not block.not_run for block in blocks.read_blocks(path))
]
FAST = {"README.md", "docs/quickstart.md"}


def page_name(path: Path) -> str:
    return path.relative_to(blocks.ROOT).as_posix()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            path, id=page_name(path), marks=() if page_name(path) in FAST else pytest.mark.docs
        )
        for path in PAGES
    ],
)
@pytest.mark.filterwarnings("default")
@pytest.mark.timeout(900)
def test_the_code_of_a_page_runs(page, tmp_path):
    blocks.prepare_folder(tmp_path)
    blocks.run_blocks(blocks.read_blocks(page), tmp_path)


def test_blocks_are_read_with_their_reasons(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\na\n```\n<!-- not run: needs a cluster -->\n```sh\nb\n```\n```\nplain\n```\n"
        "1. item\n\n    ```python\n    if c:\n        d\n    ```\n"
    )
    a, b, c = blocks.read_blocks(page)
    assert (a.text, a.not_run, a.line, a.end) == ("a\n", None, 1, 3)
    assert (b.text, b.not_run) == ("b\n", "needs a cluster")
    assert (c.language, c.text) == ("python", "if c:\n    d\n")


@pytest.mark.parametrize("code", ["```sh\nexit 3\n```\n", "```python\n1 / 0\n```\n"])
def test_a_block_that_fails_is_an_error(code, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("text\n" + code)
    with pytest.raises(blocks.BlockError, match=r"page\.md:2: (exit code 3|ZeroDivisionError)"):
        blocks.run_blocks(blocks.read_blocks(page), tmp_path)


def test_every_block_of_r_has_a_reason():
    for page in PAGES:
        for block in blocks.read_blocks(page):
            assert block.language in blocks.RUN or block.not_run
