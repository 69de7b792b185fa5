"""Draw the packages of vqrna and their imports, as the code has them.

Run by ``make architecture``; writes ``docs/images/architecture.png`` and ``.svg``. Boxes in one row
are on one level (of ``tests/test_layers.py``); an arrow points from a package to one that
it imports. Imports that follow from others (A imports C, and B that imports C) are left out.
"""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "vqrna"
PICTURE = ROOT / "docs" / "images" / "architecture.png"


def read_levels() -> tuple[tuple[str, ...], ...]:
    """Return the levels that the layer test enforces, lowest first."""
    levels: tuple[tuple[str, ...], ...] = runpy.run_path(str(ROOT / "tests" / "test_layers.py"))[
        "LEVELS"
    ]
    return levels


def read_imports() -> tuple[dict[str, set[str]], dict[str, int]]:
    """Return the packages that each package imports, and its number of modules."""
    imports: dict[str, set[str]] = {}
    modules: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        unit = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if unit in ("__init__", "__main__"):
            continue
        modules[unit] = modules.get(unit, 0) + (path.name != "__init__.py")
        needs = imports.setdefault(unit, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vqrna."):
                needs.add(str(node.module).split(".")[1])
            elif isinstance(node, ast.ImportFrom) and node.module == "vqrna":
                needs.update(alias.name for alias in node.names)
        needs.discard(unit)
    return {unit: needs & imports.keys() for unit, needs in imports.items()}, modules


def reduce(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports that do not follow from others."""
    reach: dict[str, set[str]] = {}

    def reachable(unit: str) -> set[str]:
        if unit not in reach:
            reach[unit] = set().union(imports[unit], *(reachable(n) for n in imports[unit]))
        return reach[unit]

    return {
        (unit, needed)
        for unit, needs in imports.items()
        for needed in needs
        if not any(needed in reachable(other) for other in needs - {needed})
    }


def box_label(unit: str, modules: int) -> str:
    """Return the text in the box of a package, also its name in the SVG file."""
    return f"{unit} ({modules})" if modules > 1 else unit


def arrow_label(unit: str, needed: str) -> str:
    """Return the name of an arrow in the SVG file."""
    return f"{unit} imports {needed}"


def drawn_names(picture: Path = PICTURE) -> set[str]:
    """Return the names of boxes and arrows in the committed SVG file."""
    root = ElementTree.parse(picture.with_suffix(".svg")).getroot()
    return {element.get("id", "") for element in root.iter()}


def expected_names() -> set[str]:
    """Return the names of boxes and arrows for the present imports."""
    imports, modules = read_imports()
    boxes = {box_label(unit, count) for unit, count in modules.items()}
    return boxes | {arrow_label(*pair) for pair in reduce(imports)}


def _is_dark(color: tuple[float, ...]) -> bool:
    """Return whether white has more contrast to a colour than black has."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.18


def draw() -> None:
    """Draw and save the picture."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import FancyBboxPatch

    from vqrna.plots.style import INK, save_figure

    levels = read_levels()
    imports, modules = read_imports()
    figure, axes = plt.subplots(figsize=(9, 7))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.95)
    width, height, place = 1.5, 0.46, {}
    colors = plt.get_cmap("Blues")
    for row, units in enumerate(levels):
        for column, unit in enumerate(units):
            x = (column - (len(units) - 1) / 2) * 2.0 + 0.5 * (row % 2)
            place[unit] = (x, float(row))
            fill = colors(0.15 + 0.06 * row)
            axes.add_patch(
                FancyBboxPatch(
                    (x - width / 2, row - height / 2),
                    width,
                    height,
                    boxstyle="round,pad=0.02,rounding_size=0.08",
                    facecolor=fill,
                    edgecolor="#30506e",
                    zorder=2,
                )
            )
            label = box_label(unit, modules[unit])
            axes.text(
                x, row, label, ha="center", va="center", fontsize=9, zorder=3,
                color="white" if _is_dark(fill) else INK, gid=label,
            )  # fmt: skip
    for unit, needed in sorted(reduce(imports)):
        (x, y), (to_x, to_y) = place[unit], place[needed]
        arrow = axes.annotate(
            "",
            xy=(to_x, to_y + height / 2 + 0.03),
            xytext=(x, y - height / 2 - 0.03),
            arrowprops={
                "arrowstyle": "-|>",
                "color": "#8899aa",
                "lw": 0.9,
                "shrinkA": 0,
                "shrinkB": 0,
            },
            zorder=1,
        )
        assert arrow.arrow_patch is not None
        arrow.arrow_patch.set_gid(arrow_label(unit, needed))
    axes.set_xlim(-4.0, 4.4)
    axes.set_ylim(-0.6, len(levels) - 0.4)
    axes.axis("off")
    title = "Packages of vqrna (number of modules): each imports only from rows below"
    axes.set_title(title, fontsize=10)
    save_figure(figure, PICTURE)


if __name__ == "__main__":
    draw()
