"""Read NNI's search space: its ten distributions, nested choices, and the published names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from vqrna.errors import UsageError
from vqrna.studies.search_space import FIELDS, Parameter, Space

PUBLISHED = {
    "lr": "learning_rate",
    "loss1": "classification_weight",
    "loss2": "quantization_weight",
    "loss3": "reconstruction_weight",
}
"""Names of the published search that we call otherwise."""

DATA_INDEX = "data_index"
"""The published number of a modification: no setting, but which windows are read."""

_BARE_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""What YAML 1.1 takes for a word, such as ``1e-3``."""

_COUNTS = {
    "randint": 2, "uniform": 2, "quniform": 3, "loguniform": 2, "qloguniform": 3,
    "normal": 2, "qnormal": 3, "lognormal": 2, "qlognormal": 3,
}  # fmt: skip
"""How many numbers a distribution takes."""


def read_space(space: Any) -> tuple[Space, list[Any] | None, list[str]]:
    """Read a search space.

    Parameters
    ----------
    space : object
        As JSON or YAML gave it: ``{"name": {"_type": "uniform", "_value": [0, 1]}}``.

    Returns
    -------
    space : Space
    data_index : list or None
        The published numbers of modifications, if there are any.
    renamed : list of str
        Published names that became ours, such as ``lr is learning_rate``.

    Raises
    ------
    UsageError
        If it is no such space, or a name is unknown.
    """
    if not isinstance(space, dict):
        raise UsageError("the search space is no table of names")
    rest = dict(space)
    index = None
    if DATA_INDEX in rest:
        told = rest.pop(DATA_INDEX)
        index = _values(DATA_INDEX, told) if isinstance(told, dict) else None
        if not index or told.get("_type") != "choice":
            raise UsageError(f"'{DATA_INDEX}' has to be a choice of numbers of modifications")
    renamed: list[str] = []
    return Space(tuple(_level(rest, "", (), renamed))), index, renamed


def number(value: Any) -> Any:
    """Give a number for what YAML 1.1 took for a word; all else as it is."""
    if isinstance(value, str) and _BARE_EXPONENT.fullmatch(value):
        return float(value)
    return value


def _level(
    space: dict[str, Any],
    prefix: str,
    when: tuple[tuple[str, tuple[Any, ...]], ...],
    renamed: list[str],
) -> list[Parameter]:
    """Read one level; what depends on a choice stands behind it."""
    found = []
    for name, told in space.items():
        if name == "_name":
            continue
        if not isinstance(name, str):
            raise UsageError(f"'{name}' is no name of a setting")
        if not isinstance(told, dict) or "_type" not in told:
            raise UsageError(f"'{name}' has no _type and _value")
        values = _values(name, told)
        nested = any(isinstance(value, dict) for value in values)
        setting: str | None = PUBLISHED.get(name, name).removeprefix("model.")
        setting = str(setting).removeprefix("training.")
        if setting not in FIELDS:
            if not nested:
                known = ", ".join([*PUBLISHED, DATA_INDEX, *FIELDS])
                raise UsageError(f"unknown setting '{name}' (known: {known})")
            setting = None
        if name in PUBLISHED:
            renamed.append(f"{name} is {setting}")
        label = prefix + (setting or name)
        if told["_type"] != "choice":
            found.append(_number(label, setting, told["_type"], values, when))
            continue
        names = tuple(value["_name"] if isinstance(value, dict) else value for value in values)
        found.append(Parameter(label, setting, "choice", names, when=when))
        for value in values:
            if isinstance(value, dict):
                branch = value["_name"]
                below = (*when, (label, (branch,)))
                found += _level(value, f"{label}={branch}/", below, renamed)
    return found


def _values(name: str, told: dict[str, Any]) -> list[Any]:
    """Take ``_value``, checked."""
    values, kind = told.get("_value"), told.get("_type")
    if not isinstance(values, list) or not values:
        raise UsageError(f"'{name}': _value is no list of values")
    values = [number(value) for value in values]
    if kind == "choice":
        for value in values:
            if isinstance(value, dict) and not isinstance(value.get("_name"), str):
                raise UsageError(f"'{name}': a nested choice has no _name")
            if isinstance(value, list):
                raise UsageError(f"'{name}': a choice of lists is nothing that a setting can take")
        nested = [value["_name"] for value in values if isinstance(value, dict)]
        if len(set(nested)) < len(nested):
            raise UsageError(f"'{name}': two nested choices have the same _name")
        return values
    if not isinstance(kind, str) or kind not in _COUNTS:
        known = ", ".join(["choice", *_COUNTS])
        raise UsageError(f"'{name}': unknown _type '{kind}' (known: {known})")
    if len(values) != _COUNTS[kind] or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise UsageError(f"'{name}': {kind} takes {_COUNTS[kind]} numbers")
    if not all(math.isfinite(value) for value in values):
        raise UsageError(f"'{name}': {kind} takes finite numbers")
    return values


def _number(
    label: str,
    setting: str | None,
    kind: str,
    values: list[Any],
    when: tuple[tuple[str, tuple[Any, ...]], ...],
) -> Parameter:
    """Read a distribution of numbers."""
    low, high = values[:2]
    multiple = float(values[2]) if len(values) == 3 else None
    wrong: Callable[[str], UsageError] = lambda words: UsageError(f"'{label}': {kind} {words}")  # noqa: E731
    if multiple is not None and multiple <= 0:
        raise wrong("needs a q above 0")
    if kind.endswith("normal"):
        if high <= 0:
            raise wrong("needs a deviation above 0")
        log = "log" in kind
        return Parameter(label, setting, "normal", (), low, high, log, multiple=multiple, when=when)
    if low >= high or (kind == "randint" and not all(float(v).is_integer() for v in values)):
        raise wrong("needs a lower and, above it, an upper bound")
    if kind == "randint":  # numpy's: the upper bound is left out
        return Parameter(label, setting, "int", (), int(low), int(high) - 1, when=when)
    log = "log" in kind
    if log and low <= 0:
        raise wrong("needs bounds above 0")
    return Parameter(
        label, setting, "float", (), float(low), float(high), log, multiple=multiple, when=when
    )
