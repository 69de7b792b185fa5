"""Memory and tables of rows that serve again, a set for each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch


class Spaces:
    """Keeps memory by name; safe to share between threads, each of which has its own."""

    def __init__(self) -> None:
        self._own = threading.local()

    def matrix(self, name: str, rows: int, like: torch.Tensor) -> torch.Tensor:
        """Give room for a matrix of as many columns as `like`, the same memory every time.

        Fresh memory costs more than what is computed in it.
        """
        kept: dict[str, torch.Tensor] = self._own.__dict__
        columns = like.shape[-1]
        space = kept.get(name)
        if space is None or space.numel() < rows * columns:
            # Plain memory, whatever mode it is first needed in: inference tensors take no more
            # writing once that mode is left
            with torch.inference_mode(mode=False):
                space = torch.empty(rows * columns, dtype=like.dtype, device=like.device)
            kept[name] = space
        return space[: rows * columns].view(rows, columns)

    def places(self, count: int, kernel: int, stride: int, device: torch.device) -> torch.Tensor:
        """Say which `kernel` rows lie `stride` apart, from each of `count` on: (count, kernel)."""
        kept: dict[str, torch.Tensor] = self._own.__dict__
        name = f"places {kernel} {stride}"
        found = kept.get(name)
        if found is None or len(found) < count:
            steps = torch.arange(kernel, device=device) * stride
            found = kept[name] = torch.arange(count, device=device)[:, None] + steps
        return found[:count]


def steps(x: torch.Tensor, rows: int) -> Iterator[slice]:
    """Cut the rows of a matrix into pieces that fit a cache; a GPU takes all at once."""
    step = rows if x.device.type == "cpu" else max(1, len(x))
    for at in range(0, len(x), step):
        yield slice(at, min(at + step, len(x)))
