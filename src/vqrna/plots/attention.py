"""Attention maps of a network, and effects of tokens on a prediction (code occlusion)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from vqrna.plots.style import FAINT, HAIR, dark, frame, new_figure, style, tint

NEAR = 33.0
"""Nt on either side of the site that are also drawn enlarged."""


def attention_figure(
    mean: np.ndarray,
    site: np.ndarray,
    places: np.ndarray,
    color: str,
    *,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw the attention map of each layer, and below it the attention of the site's token.

    Parameters
    ----------
    mean : np.ndarray, shape (layers, heads, T, T)
        Weights; those of a token (third axis) sum to 1.
    site : np.ndarray, shape (layers, heads, T)
        Weights of the site's token.
    places : np.ndarray, shape (T,)
        Positions of the tokens in nt from the site.
    color : str
        Colour of the type.
    """
    layers, heads, width, _ = mean.shape
    step = float(places[1] - places[0]) if width > 1 else 1.0
    edges = (float(places[0]) - step / 2, float(places[-1]) + step / 2)
    maps = mean.mean(axis=1)
    with style():
        figure = new_figure(2.05 * layers + 0.9, 4.6)
        axes = figure.subplots(2, layers, squeeze=False, sharex=True,
                               gridspec_kw={"height_ratios": (1.5, 1)})  # fmt: skip
        for layer, (above, below) in enumerate(axes.T):
            image = above.imshow(
                maps[layer], extent=(*edges, edges[1], edges[0]), cmap="viridis", vmin=0,
                vmax=float(maps.max()), aspect="auto", interpolation="nearest",
            )  # fmt: skip
            above.grid(False)
            above.set_title(f"layer {layer + 1}")
            for head in range(heads):
                below.plot(places, site[layer, head], color=tint(color, 0.55), lw=0.8)
            below.plot(places, site[layer].mean(axis=0), color=dark(color), lw=1.8)
            below.axhline(1 / width, color=FAINT, lw=0.7, ls=(0, (3, 2)))
            below.axvline(0, color=HAIR, lw=0.8)
            below.set_ylim(0, 1.05 * float(site.max()))
            if layer:
                above.tick_params(labelleft=False)
                below.tick_params(labelleft=False)
        axes[0, 0].set_ylabel("position of the token (nt)")
        axes[1, 0].set_ylabel("attention of\nthe site's token")
        axes[1, layers // 2].set_xlabel(
            "nt from the site (dashed: uniform attention; pale: single heads)"
        )
        figure.colorbar(image, ax=axes[0, :].tolist(), label="weight", shrink=0.9, pad=0.01)
        frame(figure, title, remark)
    return figure


def effects_figure(
    effects: np.ndarray, places: np.ndarray, color: str, *, title: str = "", remark: str = ""
) -> Figure:
    """Draw code occlusion: the mean over windows, in full and near the site, and every window.

    Parameters
    ----------
    effects : np.ndarray, shape (N, T)
        Decrease of the logit when each token is replaced.
    places : np.ndarray, shape (T,)
        Positions of the tokens in nt from the site.
    color : str
        Colour of the type.
    """
    n, width = effects.shape
    step = float(places[1] - places[0]) if width > 1 else 1.0
    edges = np.append(places - step / 2, places[-1] + step / 2)
    low, high = np.quantile(effects, (0.25, 0.75), axis=0)
    mean = effects.mean(axis=0)
    with style():
        figure = new_figure(10, 3.9 + float(np.clip(0.07 * n, 0.5, 3.2)))
        ratios = (1.6, float(np.clip(0.045 * n, 0.4, 2)))
        axes = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=ratios,
                               width_ratios=(2, 1))  # fmt: skip
        most = float(np.quantile(np.abs(effects), 0.995)) or 1.0
        for (ax, every), reach in zip(
            axes.T, (max(abs(edges[0]), abs(edges[-1])), NEAR), strict=True
        ):
            if n > 1:
                ax.stairs(mean, edges, color=dark(color), lw=1.2, zorder=3, label="mean")
                ax.stairs(high, edges, baseline=low, fill=True, color=tint(color, 0.4),
                          label="middle half of the windows")  # fmt: skip
            else:
                ax.stairs(mean, edges, fill=True, color=tint(color, 0.75))
            ax.axhline(0, color=FAINT, lw=0.6)
            ax.axvline(0, color=HAIR, lw=0.8, zorder=0)
            ax.set_xlim(-reach, reach)
            image = every.imshow(
                effects, extent=(edges[0], edges[-1], n, 0), cmap="RdBu_r", vmin=-most, vmax=most,
                aspect="auto", interpolation="nearest",
            )  # fmt: skip
            every.grid(False)
            every.set_xlim(-reach, reach)
            every.set_xlabel("nt from the site")
        whole, near = axes[0]
        whole.set_title("effect of each token on the logit" + ("" if n > 1 else " (one window)"))
        near.set_title("near the site")
        whole.set_ylabel("decrease of the logit")
        if n > 1:
            whole.legend(loc="best", fontsize=7.5)
        below = axes[1, 0]
        below.set_yticks(*(([0, n], ["1", str(n)]) if n > 1 else ([n / 2], ["1"])))
        below.set_ylabel("window")
        label = "decrease of the logit" + (" in each window" if n > 1 else "")
        figure.colorbar(image, ax=axes[1].tolist(), label=label, location="bottom", shrink=0.4,
                        aspect=40, extend="both")  # fmt: skip
        frame(figure, title, remark)
    return figure
