"""Templates: what all of them can use, and colours of the modifications as a style sheet."""

from __future__ import annotations

import colorsys
import hashlib
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from matplotlib.colors import to_hex, to_rgb
from starlette.responses import Response

from vqrna._version import __version__
from vqrna.modifications import Modification
from vqrna.plots.style import dark, luminance
from vqrna.stats.tiers import PROBABILITIES, TIERS
from vqrna.web.api import server_of

_HERE = Path(__file__).parent
_DARK_PAGE = 0.0085
"""Relative luminance of the dark background."""


def probability_text(value: float | None) -> str:
    """Format a probability for a page."""
    if value is None or value != value:
        return "–"
    if value >= 0.995:
        return f"{value:.4f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def small_number(value: float | None) -> str:
    """Format a p-value or a rate."""
    if value is None or value != value:
        return "–"
    if value == 0:
        return "0"
    if value >= 0.001:
        return f"{value:.3g}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits} × 10{_superscript(int(power))}"


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def rounded(value: float | None) -> str:
    """Format an expected number of sites."""
    if value is None or value != value:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}" if value >= 0.001 else "< 0.001"


def day(seconds: float) -> str:
    """Format a date in UTC."""
    return time.strftime("%-d %B %Y, %H:%M UTC", time.gmtime(seconds))


def plural(count: int, noun: str) -> str:
    """Format a number with its noun."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def sentence(text: str) -> str:
    """Format a message of the program as a sentence."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


@lru_cache
def _digest(name: str) -> str:
    return hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:8]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "probability": probability_text,
        "small": small_number,
        "rounded": rounded,
        "day": day,
        "comma": lambda value: f"{value:,}",
        "plural": plural,
        "sentence": sentence,
    }
    return environment


templates = Jinja2Templates(env=_environment())


TIER_ODDS = {tier: f"1 in {round(1 / p)}" for tier, p in zip(TIERS, PROBABILITIES, strict=True)}
"""Lowest probability of each tier in words."""


def render(
    request: Request, template: str, status: int = 200, headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:  # fmt: skip
    """Return a page; `root` and `static` make addresses behind a proxy."""
    server = server_of(request)
    root = server.settings.root_path
    index = {m.symbol: n for n, m in enumerate(server.modifications)}
    common = {
        "root": root,
        "static": lambda name: f"{root}/static/{name}?v={_digest(name)}",
        "version": __version__,
        "model_hash": server.model_hash,
        "has_atlas": server.atlas is not None,
        "networks": server.networks,
        "mods": server.modifications,
        "mod_class": lambda symbol: f"mod-{index.get(symbol, 0)}",
        "path": request.scope["path"].removeprefix(root),
        "limits": server.settings.limits,
        "safe_svg": Markup,
        "tier_odds": TIER_ODDS,
    }
    return templates.TemplateResponse(
        request, template, common | values, status_code=status, headers=headers
    )


def _light(color: str, contrast: float) -> str:
    """Lighten a colour to a minimum WCAG contrast ratio to the dark background."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    while (luminance(color) + 0.05) / (_DARK_PAGE + 0.05) < contrast and lightness < 1:
        lightness = min(1.0, lightness * 1.04 + 0.005)
        color = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def modification_styles(modifications: tuple[Modification, ...]) -> str:
    """Return a style sheet with the colours of each modification, for light and dark pages."""
    light, night = [], []
    for n, m in enumerate(modifications):
        light.append(f".mod-{n}{{--mod:{m.color};--mod-ink:{dark(m.color, 6.5)}}}")
        night.append((n, _light(m.color, 4), _light(m.color, 6)))
    lines = "\n".join(light)
    automatic = "\n".join(
        f"  :root:not([data-theme=light]) .mod-{n}{{--mod:{a};--mod-ink:{b}}}" for n, a, b in night
    )
    chosen = "\n".join(
        f":root[data-theme=dark] .mod-{n}{{--mod:{a};--mod-ink:{b}}}" for n, a, b in night
    )
    return (
        f"{lines}\n@media screen and (prefers-color-scheme: dark) {{\n{automatic}\n}}\n{chosen}\n"
    )
