"""The page on speed tells the numbers that the code has."""

from vqrna.model.trained_model import TILE
from vqrna.nn.ties import NEAR, TIE


def test_the_page_tells_what_is_in_the_code(root):
    text = (root / "docs" / "speed.md").read_text(encoding="utf-8")
    assert f"within {NEAR:.0e} (cosines" in " ".join(text.split())
    assert f"Within {TIE:.0e} float32" in " ".join(text.split())
    assert f"Tiles of {TILE} positions" in text
