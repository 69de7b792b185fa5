"""Reused memory, and row slices that fit a processor cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch


class Buffers:
    """Matrices and index tables that are reused between calls; each thread has its own set."""

    def __init__(self) -> None:
        self._local = threading.local()

    def matrix(self, name: str, rows: int, like: torch.Tensor) -> torch.Tensor:
        """Return an uninitialised matrix with as many columns as `like`, reusing its memory.

        Allocating fresh memory costs more than the arithmetic on it.
        """
        kept: dict[str, torch.Tensor] = self._local.__dict__
        columns = like.shape[-1]
        memory = kept.get(name)
        if memory is None or memory.numel() < rows * columns:
            # Not an inference tensor: it must be writable after inference mode has ended
            with torch.inference_mode(mode=False):
                memory = torch.empty(rows * columns, dtype=like.dtype, device=like.device)
            kept[name] = memory
        return memory[: rows * columns].view(rows, columns)

    def rows(self, count: int, kernel: int, stride: int, device: torch.device) -> torch.Tensor:
        """Return the rows ``i, i + stride, ...`` (`kernel` of them) of each i: (count, kernel)."""
        kept: dict[str, torch.Tensor] = self._local.__dict__
        name = f"rows {kernel} {stride}"
        table = kept.get(name)
        if table is None or len(table) < count:
            steps = torch.arange(kernel, device=device) * stride
            table = kept[name] = torch.arange(count, device=device)[:, None] + steps
        return table[:count]


FEWEST = 8
"""Fewest rows of a matrix product, where there are as many.

Libraries multiply one to three rows by other routines, with sums in another order.
"""


def row_slices(x: torch.Tensor, rows: int) -> Iterator[slice]:
    """Cut a matrix into slices of `rows` rows on a CPU; on other devices, take all at once.

    A last slice of fewer than `FEWEST` rows also has rows of the slice before it.
    """
    return slices(len(x), rows if x.device.type == "cpu" else max(1, len(x)))


def slices(count: int, step: int) -> Iterator[slice]:
    """Cut `count` rows into slices of `step` rows; see :func:`row_slices`."""
    for start in range(0, count, step):
        stop = min(start + step, count)
        yield slice(max(0, min(start, stop - FEWEST)), stop)
