"""Read a search from TOML with the tables search, space, model and training."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.config import Config, validated
from vqrna.documents import read_toml as read_document
from vqrna.errors import DataError, UsageError
from vqrna.studies.search_config import METRICS, Search, SearchSettings
from vqrna.studies.search_space import FIELDS, Parameter, Space

_NUMBER = {"low", "high", "log", "step"}


def read_toml(path: Path, preset: str | None, changes: dict[str, Any]) -> Search:
    """Read a search.

    Raises DataError if the file is missing, not valid TOML, or has an invalid value. Raises
    UsageError if a preset or a setting is unknown.
    """
    values = read_document(path)
    tables = {name: values.pop(name, {}) for name in ("search", "space", "model", "training")}
    if values:
        raise DataError(f"unknown table or setting '{next(iter(values))}'", file=path)
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise DataError(f"'{name}' must be a table: write [{name}]", file=path)
    search = dict(tables["search"])
    own_preset = search.pop("preset", None)
    types = search.pop("modifications", None)
    if isinstance(types, str):
        types = [types]
    if types is not None and not (
        isinstance(types, list) and all(isinstance(t, str) for t in types)
    ):
        raise DataError("search.modifications must be a list of names", file=path)
    base = configs.preset(str(preset or own_preset or "vqrna"))
    try:
        whole = configs.to_dict(base)
        base = configs.from_dict(
            {part: whole[part] | tables[part] for part in ("model", "training")}
        )
        base = configs.replace(base, **changes)
        space = Space(_sorted(_parameters(tables["space"], base)))
        base, settings = with_metric(base, space, validated(SearchSettings, search), search)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=path) from None
    return Search(space, base, settings, tuple(types) if types else None)


def with_metric(
    base: Config, space: Space, settings: SearchSettings, given: dict[str, Any]
) -> tuple[Config, SearchSettings]:
    """Make a training keep the epoch with the best score of the search."""
    if "metric" not in given:
        settings = dataclasses.replace(settings, metric=base.training.select_by)
    varied = any(parameter.setting == "select_by" for parameter in space.parameters)
    if settings.metric in {"auroc", "accuracy"} and not varied:
        base = configs.replace(base, select_by=settings.metric)
    assert settings.metric in METRICS
    return base, settings


def _parameters(space: dict[str, Any], base: Config) -> list[Parameter]:
    """Read ``[space]``; names are ``training.seed``, in ``[space.training]``, or ``seed``."""
    flat: dict[str, Any] = {}
    for name, entry in space.items():
        if name in {"model", "training"} and isinstance(entry, dict):
            flat |= entry
        else:
            flat[name.removeprefix("model.").removeprefix("training.")] = entry
    return [_parameter(name, entry, flat, base) for name, entry in flat.items()]


def _parameter(name: str, entry: Any, space: dict[str, Any], base: Config) -> Parameter:
    if name not in FIELDS:
        raise UsageError(f"space: unknown setting '{name}' (known: {', '.join(FIELDS)})")
    if isinstance(entry, list):
        entry = {"choice": entry}
    if not isinstance(entry, dict):
        raise UsageError(
            f"space.{name}: expected a list of choices, or {{ low = ..., high = ... }}"
        )
    kept = {key: value for key, value in entry.items() if key != "when"}
    when = _when(name, entry.get("when", {}), space, base)
    if set(kept) == {"choice"}:
        choices = kept["choice"]
        if not isinstance(choices, list) or not choices:
            raise UsageError(f"space.{name}: choice must be a list of values")
        if any(isinstance(choice, list | dict) for choice in choices):
            raise UsageError(f"space.{name}: a choice is a single value, not a list")
        return Parameter(name, name, "choice", tuple(choices), when=when)
    unknown = set(kept) - _NUMBER
    if unknown or not {"low", "high"} <= set(kept):
        reason = f"unknown key '{min(unknown)}'" if unknown else "low and high are both needed"
        raise UsageError(
            f"space.{name}: {reason} (expected choice, or low, high, log, step; and when)"
        )
    low, high, step, log = kept["low"], kept["high"], kept.get("step"), kept.get("log", False)
    numbers = [low, high] if step is None else [low, high, step]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise UsageError(f"space.{name}: low, high and step must be numbers")
    if not all(math.isfinite(n) for n in numbers):
        raise UsageError(f"space.{name}: low, high and step must be finite")
    if FIELDS[name] not in {"int", "float"}:
        raise UsageError(f"space.{name}: is not a number: it needs a choice")
    whole = FIELDS[name] == "int"
    if whole and any(not float(n).is_integer() for n in numbers):
        raise UsageError(f"space.{name}: is an integer: low, high and step must be integers")
    if not low < high:
        raise UsageError(f"space.{name}: low must be below high")
    if not isinstance(log, bool) or (log and low <= 0):
        raise UsageError(f"space.{name}: log must be true or false, and needs a low above 0")
    if step is not None and (log or step <= 0):
        raise UsageError(f"space.{name}: step must be above 0 and cannot be combined with log")
    return Parameter(name, name, "int" if whole else "float", (), low, high, log, step, when=when)


def _when(
    name: str, conditions: Any, space: dict[str, Any], base: Config
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Read the conditions of a parameter; check those on settings that are equal in all trials."""
    if not isinstance(conditions, dict):
        raise UsageError(f'space.{name}: expected when = {{ SETTING = "VALUE" }}')
    fixed = {k: v for part in configs.to_dict(base).values() for k, v in part.items()}
    when = []
    for key, values in conditions.items():
        other = key.removeprefix("model.").removeprefix("training.")
        allowed = tuple(values) if isinstance(values, list) else (values,)
        if not allowed or not all(isinstance(value, str | int | float) for value in allowed):
            raise UsageError(f"space.{name}: when = {{ {key} = ... }} expects a value or a list")
        if other in space and other != name:
            when.append((other, allowed))
        elif other not in fixed or other == name:
            raise UsageError(f"space.{name}: depends on the unknown setting '{other}'")
        elif fixed[other] not in allowed:
            raise UsageError(f"space.{name}: never active: {other} is {fixed[other]} in all trials")
    return tuple(when)


def _sorted(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Sort parameters so that each comes after those that it depends on."""
    waiting, done = list(parameters), list[Parameter]()
    while waiting:
        ready = {p.label for p in done}
        free = [p for p in waiting if all(label in ready for label, _ in p.when)]
        if not free:
            names = ", ".join(p.label for p in waiting)
            raise UsageError(f"space: circular dependency between {names}")
        done.append(free[0])
        waiting.remove(free[0])
    choices = {p.label: p.choices for p in done if p.distribution == "choice"}
    for parameter in done:
        for label, values in parameter.when:
            if label in choices and not set(values) & set(choices[label]):
                raise UsageError(
                    f"space.{parameter.label}: never active: {label} is never {values[0]}"
                )
    return tuple(done)
