"""Select the sites that a scan reports, once all of its parts are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vqrna.prediction.parts import Part
from vqrna.prediction.prediction import Totals
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import SiteTables
from vqrna.segments import Block
from vqrna.sites import Sites


def reported_blocks(
    parts: Iterable[Part], total: Totals, settings: Settings, tables: SiteTables
) -> Iterator[Block]:
    """Yield the reported sites of each part with q-values, and its segments.

    Calls above the false discovery rate are removed, then all but the most probable ones of each
    sequence, if these are limited. A genome does the latter in its tables, by transcript.

    Parameters
    ----------
    total : Totals
        All parts are added.
    """
    blocks = _with_q_values(parts, total, settings)
    return blocks if settings.top is None else tables.best_blocks(blocks, settings.top)


def _with_q_values(parts: Iterable[Part], total: Totals, settings: Settings) -> Iterator[Block]:
    q_values = total.p_values.q_values()
    for part in parts:
        block = part.block
        sites = block.sites
        sites = sites.replace(q_value=q_values.lookup(sites.p_value, sites.modification_index))
        block = Block(sites, block.segments)
        if settings.fdr is not None:
            passed = sites.q_value <= settings.fdr
            if settings.all_sites:
                tier = np.where(passed, sites.tier, 0).astype(np.uint8)
                block = Block(sites.replace(tier=tier), block.segments)
            else:
                block = block.keep(passed)
        yield block


def sites_of(blocks: Iterable[Block]) -> Iterator[Sites]:
    """Yield the sites of blocks that have any."""
    return (block.sites for block in blocks if len(block.sites))
