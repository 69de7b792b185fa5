"""Draw the network of the shipped model: from sequence to codes to probabilities.

Run by ``make network``; writes ``docs/images/network.svg``. Sizes are read from the model.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "network.svg"
DATA, LEARNED, OUTPUT = "#e7f0fb", "#fdf0d8", "#e4f4e4"
"""Colours of data, of parts that are learned, and of results."""


def box(axes: Axes, x: float, y: float, title: str, text: str, color: str, w: float = 2.1) -> None:
    """Draw a box with its centre at (x, y)."""
    axes.add_patch(
        FancyBboxPatch(
            (x - w / 2, y - 0.55), w, 1.1, "round,pad=0.02,rounding_size=0.12", fc=color, ec="#555"
        )
    )
    axes.text(x, y + 0.2, title, ha="center", va="center", fontsize=11, weight="bold")
    axes.text(x, y - 0.23, text, ha="center", va="center", fontsize=8.5, linespacing=1.2)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], dashed: bool = False
) -> None:
    """Draw an arrow from `start` to `end`."""
    style = {"arrowstyle": "-|>", "color": "#555", "lw": 1.3, "ls": "--" if dashed else "-"}
    axes.annotate("", end, start, arrowprops=style)


def draw(path: Path) -> None:
    """Draw the network into an SVG file."""
    from vqrna.model import TrainedModel
    from vqrna.model.weights import load_model
    from vqrna.nn.encoder import MIX_KERNEL, STEM_KERNEL, TOKEN_STRIDE, ValidEncoder

    model = load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    config = model.config.model
    codes = 2 * ValidEncoder.codes_beside(config.length) + 1
    size = f"{config.codebook_size} x {config.code_dim}"
    types = len(model.modifications)

    figure, axes = plt.subplots(figsize=(11, 4.6), layout="constrained")
    top, bottom = 3.2, 0.9
    box(axes, 1.2, top, "Sequence", f"{config.length} nt, one-hot", DATA)
    encoder = f"convolutions {STEM_KERNEL} and {MIX_KERNEL},\nmaximum over {TOKEN_STRIDE} nt"
    box(axes, 4.0, top, "Encoder", encoder, LEARNED)
    box(axes, 6.8, top, "Latents", f"{codes} x {config.code_dim}", DATA)
    box(axes, 9.6, top, "Codebook", f"nearest of {size}\nby cosine", LEARNED)
    box(axes, 12.4, top, "Codes", f"{codes} of {config.codebook_size}", DATA)
    box(axes, 12.4, bottom, "Context", "convolutions at\ngrowing scales", LEARNED)
    box(axes, 9.6, bottom + 0.75, "Site part", "codes near the site", LEARNED)
    box(axes, 9.6, bottom - 0.75, "Region part", "codes of the window", LEARNED)
    box(axes, 6.8, bottom, "Log-odds", f"sum, {types} modifications", DATA)
    box(axes, 4.0, bottom, "Calibration", "on scanned windows,\nand the prior", LEARNED)
    box(axes, 1.2, bottom, "Probability", "of each modification", OUTPUT)
    for x in (1.2, 4.0, 6.8, 9.6):
        arrow(axes, (x + 1.08, top), (x + 1.72, top))
    arrow(axes, (12.4, top - 0.58), (12.4, bottom + 0.58))
    for side in (0.75, -0.75):
        arrow(axes, (11.32, bottom + side / 3), (10.68, bottom + side))
        arrow(axes, (8.52, bottom + side), (7.88, bottom + side / 3))
    arrow(axes, (5.72, bottom), (5.08, bottom))
    arrow(axes, (2.92, bottom), (2.28, bottom))
    axes.plot([12.4, 12.4, 1.2], [top + 0.58, 4.35, 4.35], color="#555", lw=1.3, ls="--")
    arrow(axes, (1.2, 4.36), (1.2, top + 0.58), dashed=True)
    axes.text(6.8, 4.48, "decoder: reconstructs the sequence, in training only", ha="center")
    axes.set(xlim=(0, 13.6), ylim=(-0.5, 4.8), aspect="equal")
    axes.axis("off")
    plt.rcParams["svg.hashsalt"] = "vqrna"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(PICTURE)
