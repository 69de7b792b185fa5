"""What a cell of a study is: all that its scores follow from, and the name of its file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqrna.config import Config
    from vqrna.data.windows import Windows


@dataclass(frozen=True)
class Identity:
    """All that the scores of a cell follow from.

    Parameters
    ----------
    study : str
        Such as ``lengths``, ``ablations``, ``quality``.
    model : str
        Preset or name of the model, such as ``vqrna``, ``paper``, ``trees``.
    variant : str
        What a reader calls this cell within its study, such as ``501 nt``.
    config : dict
        Every setting that has an effect but the seed, epochs among them; plain values only.
    seed : int
    types : tuple of str
        Symbols of the modifications.
    data : str
        Names the windows (see :func:`data_name`).
    split : str
        Which windows were measured: ``valid``, or a fold such as ``fold-0``.
    joint : bool
        One model for all types, or one each.
    """

    study: str
    model: str
    variant: str
    config: dict[str, Any]
    seed: int
    types: tuple[str, ...]
    data: str
    split: str = "valid"
    joint: bool = True

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any part."""
        told = json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Name of the cell's file without its ending; the same wherever it is made."""
        words = "-".join(filter(None, (self.study, self.model, self.variant)))
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", words).strip("-.")[:80]
        return f"{plain}-seed{self.seed}-{self.digest}"

    @property
    def epochs(self) -> int | None:
        """At most so many epochs; None for what is not trained in epochs."""
        training = self.config.get("training")
        return training.get("epochs") if isinstance(training, Mapping) else None


def data_name(train: Windows, valid: Windows) -> str:
    """Name windows by their content: the same windows and labels have the same name anywhere."""
    digest = hashlib.sha256()
    for windows in (train, valid):
        for array in (windows.tokens, windows.labels, windows.negative_set):
            digest.update(repr(array.shape).encode() + array.tobytes())
        digest.update(repr(windows.negative_sets).encode())
    return f"windows-{digest.hexdigest()[:12]}"


def network_identity(
    study: str,
    variant: str,
    config: Config,
    types: Sequence[str],
    data: str,
    *,
    split: str = "valid",
    joint: bool = True,
    model: str | None = None,
) -> Identity:
    """Give the identity of a network with its whole configuration.

    Parameters
    ----------
    study, variant, types, data, split, joint
        See :class:`Identity`.
    config : Config
        Its seed becomes the cell's.
    model : str, optional
        Name of the model; that of its architecture if not given.
    """
    from vqrna.config import effective

    values = effective(config)
    seed = values["training"].pop("seed")
    name = model or config.model.architecture
    return Identity(study, name, variant, values, seed, tuple(types), data, split, joint)


def config_of(identity: Identity) -> Config:
    """Give back the configuration of a network's cell, seed and all.

    Raises
    ------
    ValueError
        With one line, if this version does not know one of its settings.
    """
    from vqrna.config import from_dict

    training = {**identity.config["training"], "seed": identity.seed}
    return from_dict({**identity.config, "training": training})
