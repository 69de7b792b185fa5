"""Whether windows can teach what they are said to: what is refused, and what is told before."""

from __future__ import annotations

import numpy as np

from vqrna.config import MIN_LENGTH, PAPER_LENGTHS, Config, ModelConfig
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import centre, decode, extents, recentre

MISPLACED = 0.5
"""With a larger share of modified windows that cannot carry their type the sites are not where
they should be: nothing would be learned of the modification."""

_SHOWN = 5
"""Letters of an example about its centre."""


def check_windows(train: Windows, valid: Windows) -> None:
    """Refuse windows from which nothing can be learned.

    Raises
    ------
    DataError
        If types differ, a class of a type is empty, or most modified windows of a type have in
        their centre what cannot carry it: the commonest fault is a site that is off by one.
    """
    if train.modifications != valid.modifications:
        raise DataError("training and validation windows are of different modifications")
    for name, windows in (("training", train), ("validation", valid)):
        fits = windows.candidates()
        for m, kind in enumerate(windows.modifications):
            for label, what in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
                if not (windows.labels[:, m] == label).any():
                    raise DataError(f"the {name} windows hold no {what} site of {kind.symbol}")
            modified = windows.labels[:, m] == POSITIVE
            wrong = np.flatnonzero(modified & ~fits[:, m])
            if len(wrong) > MISPLACED * modified.sum():
                raise DataError(
                    f"{len(wrong):,} of {int(modified.sum()):,} {name} windows of modified "
                    f"{kind.symbol} have no {_wanted(kind)} in the centre, such as "
                    f"'{windows.names[wrong[0]]}' ({_about_site(windows.tokens[wrong[0]])}): "
                    "is the site the middle letter of each window?"
                )


def remarks(train: Windows, valid: Windows, config: Config) -> list[str]:
    """Tell in a line each what is odd about windows, but can be learned from.

    Parameters
    ----------
    train, valid : Windows
        With the same types.
    config : Config
        Of the training to come.
    """
    said = _too_short(train, config.model)
    for m, kind in enumerate(train.modifications):
        for label, what in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
            known = [windows.labels[:, m] == label for windows in (train, valid)]
            total = sum(int(rows.sum()) for rows in known)
            wrong = sum(
                int((rows & ~windows.candidates()[:, m]).sum())
                for rows, windows in zip(known, (train, valid), strict=True)
            )
            if wrong:
                why = "" if label == POSITIVE else ": they are told by that base alone"
                said.append(
                    f"{wrong:,} of {total:,} windows of {what} {kind.symbol} have no "
                    f"{_wanted(kind)} in the centre{why}"
                )
    return said


def _too_short(train: Windows, model: ModelConfig) -> list[str]:
    """Say so if most windows are shorter than what the network reads."""
    length = model.length
    extent = extents(recentre(train.tokens, length))
    shorter, longest = int((extent < length).sum()), int(extent.max(initial=0))
    if 2 * shorter <= len(extent):
        return []
    closest = max(MIN_LENGTH, longest - 1 + longest % 2)
    if model.architecture == "paper":
        closest = max(known for known in PAPER_LENGTHS if known <= closest)
    told = (
        f"{shorter:,} of {len(extent):,} training windows are shorter than {length} nt (the "
        f"longest has {longest}): ambiguous letters stand beside, and of longer sequence nothing "
        "is learned"
    )
    return [f"{told}; --length {closest} is closest to them" if closest < length else told]


def _wanted(kind: Modification) -> str:
    """Name what a type needs in the centre."""
    return kind.context if len(kind.context) > 1 else kind.base


def _about_site(tokens: np.ndarray) -> str:
    """Show the letters about the centre of a window, the centre in brackets."""
    near = decode(recentre(tokens, 2 * _SHOWN + 1))
    at = centre(len(near))
    return f"{near[:at]}[{near[at]}]{near[at + 1 :]}"
