"""Generated blocks of README and docs are those of the kept results."""

import pytest

from benchmarks import kept, pages


@pytest.mark.parametrize("block", pages.blocks(), ids=lambda b: f"{b.page.stem}-{b.name}")
def test_a_generated_block_is_up_to_date(block):
    _, text, _ = pages.split_page(block.page, block.name)
    assert text.strip() == block.text().strip(), "run `make pages`"


def test_blocks_have_different_names():
    names = [block.name for block in pages.blocks()]
    assert len(set(names)) == len(names)


def test_renamed_keys_of_kept_results_are_read(tmp_path):
    path = tmp_path / "old.json"
    path.write_text('{"rows": [{"rivals": 15, "unlike": 3, "n": 1}]}')
    assert kept.read_results(path) == {"rows": [{"decoys": 15, "ood": 3, "n": 1}]}


def test_only_the_named_block_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- -->\nb\n<!-- y -->\nkept\n<!-- -->\nc\n")
    pages.into_page(page, "x", "new")
    assert page.read_text() == ("a\n<!-- x -->\nnew\n<!-- -->\nb\n<!-- y -->\nkept\n<!-- -->\nc\n")


@pytest.mark.parametrize(("windows", "words"), [("all", ""), ("non_overlapping", "overlap ")])
def test_the_text_compares_with_the_published_network_as_measured(windows, words):
    from benchmarks.summary import _mean_of_nine

    ours, paper = (
        _mean_of_nine(model, "public", windows, "auroc").partition(" ")[0]
        for model in ("ours", "paper")
    )
    page = " ".join((pages.DOCS / "quality.md").read_text(encoding="utf-8").split())
    assert f"{words}{ours} against {paper}" in page


def test_the_list_of_measurements_follows_a_named_block(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    names = ("x", "y", "measurements")
    page.write_text("".join(f"<!-- {name} -->\nold\n<!-- -->\n" for name in names))
    monkeypatch.setattr(pages, "README", page)
    monkeypatch.setattr(
        pages, "blocks", lambda: [pages.Block(page, name, lambda: "new") for name in names]
    )
    pages.update("x")
    assert [pages.split_page(page, name)[1].strip() for name in names] == ["new", "old", "new"]
