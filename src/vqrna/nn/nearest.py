"""The nearest of many codes, and by how much it is nearer than all others."""

from __future__ import annotations

import torch

GROUPS = 16
"""Codes are held against one another in so many groups, which is faster than one by one."""


def nearest(cosines: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the column of each row's greatest value, and how much greater it is than all others.

    Parameters
    ----------
    cosines : torch.Tensor, shape (T, K)
        Is written over.
    """
    lowest = -torch.inf
    size = cosines.shape[1]
    if size % GROUPS or size < 8 * GROUPS:
        first, code = cosines.max(1, keepdim=True)
        cosines.scatter_(1, code, lowest)
        return code[:, 0], first[:, 0] - cosines.amax(1)
    rivals = cosines.unflatten(1, (GROUPS, -1))
    best = rivals.amax(1)  # of each column of the groups
    first, column = best.max(1, keepdim=True)
    places = torch.arange(0, size, size // GROUPS, device=cosines.device)
    members = cosines.gather(1, column + places)
    row = members.argmax(1, keepdim=True)
    second = torch.maximum(
        best.scatter_(1, column, lowest).amax(1), members.scatter_(1, row, lowest).amax(1)
    )
    return (row * (size // GROUPS) + column)[:, 0], first[:, 0] - second
