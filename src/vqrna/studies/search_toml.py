"""Read a search in our own form: TOML with tables search, space, model and training."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.config import Config, validated
from vqrna.errors import DataError, UsageError
from vqrna.studies.search_config import METRICS, Search, Settings
from vqrna.studies.search_space import FIELDS, Parameter, Space

_NUMBER = {"low", "high", "log", "step"}


def read_toml(path: Path, preset: str | None, changes: dict[str, Any]) -> Search:
    """Read a search.

    Parameters
    ----------
    path : pathlib.Path
    preset : str or None
        Goes before the file's.
    changes : dict
        Settings that go before those of the file.

    Raises
    ------
    DataError
        If the file is missing, no TOML, or holds what it cannot hold.
    UsageError
        If a preset or a setting is unknown.
    """
    values = _read(path)
    tables = {name: values.pop(name, {}) for name in ("search", "space", "model", "training")}
    if values:
        raise DataError(f"unknown table or setting '{next(iter(values))}'", file=path)
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise DataError(f"'{name}' is a table: write [{name}]", file=path)
    search = dict(tables["search"])
    own_preset = search.pop("preset", None)
    types = search.pop("modifications", None)
    if isinstance(types, str):
        types = [types]
    if types is not None and not (
        isinstance(types, list) and all(isinstance(t, str) for t in types)
    ):
        raise DataError("search.modifications is a list of types", file=path)
    base = configs.preset(str(preset or own_preset or "vqrna"))
    try:
        whole = configs.to_dict(base)
        base = configs.from_dict(
            {part: whole[part] | tables[part] for part in ("model", "training")}
        )
        base = configs.replace(base, **changes)
        space = Space(_sorted(_parameters(tables["space"], base)))
        base, settings = with_metric(base, space, validated(Settings, search), search)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=path) from None
    return Search(space, base, settings, tuple(types) if types else None)


def with_metric(
    base: Config, space: Space, settings: Settings, given: dict[str, Any]
) -> tuple[Config, Settings]:
    """Let the epoch that a training keeps be chosen by the score that is searched for.

    Parameters
    ----------
    base : Config
    space : Space
    settings : Settings
    given : dict
        What of the settings was said: without a metric, the training's own is taken.
    """
    if "metric" not in given:
        settings = dataclasses.replace(settings, metric=base.training.select_by)
    varied = any(parameter.setting == "select_by" for parameter in space.parameters)
    if settings.metric in {"auroc", "accuracy"} and not varied:
        base = configs.replace(base, select_by=settings.metric)
    assert settings.metric in METRICS
    return base, settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise DataError(reason, file=path) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not valid TOML: {error}", file=path) from None


def _parameters(space: dict[str, Any], base: Config) -> list[Parameter]:
    """Read ``[space]``; names may stand as ``training.seed``, in ``[space.training]``, or alone."""
    flat: dict[str, Any] = {}
    for name, told in space.items():
        if name in {"model", "training"} and isinstance(told, dict):
            flat |= told
        else:
            flat[name.removeprefix("model.").removeprefix("training.")] = told
    return [_parameter(name, told, flat, base) for name, told in flat.items()]


def _parameter(name: str, told: Any, space: dict[str, Any], base: Config) -> Parameter:
    if name not in FIELDS:
        raise UsageError(f"space: unknown setting '{name}' (known: {', '.join(FIELDS)})")
    if isinstance(told, list):
        told = {"choice": told}
    if not isinstance(told, dict):
        raise UsageError(f"space.{name}: write a list of choices, or {{ low = ..., high = ... }}")
    kept = {key: value for key, value in told.items() if key != "when"}
    when = _when(name, told.get("when", {}), space, base)
    if set(kept) == {"choice"}:
        choices = kept["choice"]
        if not isinstance(choices, list) or not choices:
            raise UsageError(f"space.{name}: choice is a list of values")
        if any(isinstance(choice, list | dict) for choice in choices):
            raise UsageError(f"space.{name}: a choice is one value, not a list of them")
        return Parameter(name, name, "choice", tuple(choices), when=when)
    unknown = set(kept) - _NUMBER
    if unknown or not {"low", "high"} <= set(kept):
        said = f"'{min(unknown)}' is unknown here" if unknown else "low and high belong together"
        raise UsageError(f"space.{name}: {said} (choice; or low, high, log, step; and when)")
    low, high, step, log = kept["low"], kept["high"], kept.get("step"), kept.get("log", False)
    numbers = [low, high] if step is None else [low, high, step]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise UsageError(f"space.{name}: low, high and step are numbers")
    if not all(math.isfinite(n) for n in numbers):
        raise UsageError(f"space.{name}: low, high and step are finite numbers")
    if FIELDS[name] not in {"int", "float"}:
        raise UsageError(f"space.{name}: holds words, so give it a choice")
    whole = FIELDS[name] == "int"
    if whole and any(not float(n).is_integer() for n in numbers):
        raise UsageError(f"space.{name}: holds whole numbers")
    if not low < high:
        raise UsageError(f"space.{name}: low has to be below high")
    if not isinstance(log, bool) or (log and low <= 0):
        raise UsageError(f"space.{name}: log is true or false, and needs a low above 0")
    if step is not None and (log or step <= 0):
        raise UsageError(f"space.{name}: a step is above 0 and does not go with log")
    return Parameter(name, name, "int" if whole else "float", (), low, high, log, step, when=when)


def _when(
    name: str, told: Any, space: dict[str, Any], base: Config
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Read on what a parameter depends; what is the same in all trials is settled here."""
    if not isinstance(told, dict):
        raise UsageError(f'space.{name}: write when = {{ SETTING = "VALUE" }}')
    fixed = {k: v for part in configs.to_dict(base).values() for k, v in part.items()}
    found = []
    for key, values in told.items():
        other = key.removeprefix("model.").removeprefix("training.")
        allowed = tuple(values) if isinstance(values, list) else (values,)
        if not all(isinstance(value, str | int | float) for value in allowed):
            raise UsageError(f"space.{name}: when = {{ {key} = ... }} takes a value or a list")
        if other in space and other != name:
            found.append((other, allowed))
        elif other not in fixed or other == name:
            raise UsageError(f"space.{name}: depends on the unknown setting '{other}'")
        elif fixed[other] not in allowed:
            raise UsageError(
                f"space.{name}: is never there, since {other} is {fixed[other]} in all trials"
            )
    return tuple(found)


def _sorted(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Put each behind those that it depends on."""
    waiting, done = list(parameters), list[Parameter]()
    while waiting:
        ready = {p.label for p in done}
        free = [p for p in waiting if all(label in ready for label, _ in p.when)]
        if not free:
            names = ", ".join(p.label for p in waiting)
            raise UsageError(f"space: these depend on one another in a circle: {names}")
        done.append(free[0])
        waiting.remove(free[0])
    choices = {p.label: p.choices for p in done if p.kind == "choice"}
    for parameter in done:
        for label, values in parameter.when:
            if label in choices and not set(values) & set(choices[label]):
                told = (
                    f"space.{parameter.label}: is never there, since {label} is never {values[0]}"
                )
                raise UsageError(told)
    return tuple(done)
