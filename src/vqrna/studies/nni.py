"""Read the `config.yaml` of an NNI experiment; what cannot be honoured is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vqrna import config as configs
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS
from vqrna.studies.nni_space import DATA_INDEX, read_space
from vqrna.studies.search_config import Search, Settings
from vqrna.studies.search_toml import with_metric

_SAMPLERS = {"tpe": "tpe", "random": "random", "gridsearch": "grid", "evolution": "evolution"}
_PRUNERS = {"medianstop": "median", "hyperband": "hyperband"}

_SPACE_KEYS = ("searchSpacePath", "searchSpaceFile")
_TRIALS_KEYS = ("maxTrialNumber", "maxTrialNum")
_DURATION_KEYS = ("maxExecDuration", "maxExperimentDuration")
_READ = {
    *_SPACE_KEYS, *_TRIALS_KEYS, *_DURATION_KEYS, "searchSpace", "trialConcurrency", "tuner",
    "assessor", "advisor", "trainingService", "trainingServicePlatform", "experimentName",
    "trialCommand", "trial",
}  # fmt: skip
_WITHOUT_EFFECT = {"authorName", "debug", "logLevel", "experimentWorkingDirectory", "logDir"}
_OWN_ARGUMENTS = {"optimize_mode", "seed", "population_size"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_nni(path: Path, preset: str | None, changes: dict[str, Any]) -> Search:
    """Read an experiment of NNI, in the form of its version 2 or 3.

    Its command is not executed, here or later: a trial is a training of ours.

    Parameters
    ----------
    path : pathlib.Path
        The ``config.yaml``; the path of the search space is relative to its folder.
    preset : str or None
        Where it is None, a space with published names searches the published network.
    changes : dict
        Settings that all trials share.

    Raises
    ------
    DataError
        If a file is missing or broken.
    UsageError
        If a preset or a setting is unknown.
    """
    told = _read(path)
    if not isinstance(told, dict):
        raise DataError("is no configuration of NNI", file=path)
    space_file, raw = _space(path, told)
    try:
        space, index, renamed = read_space(raw)
        types, words = _types(index)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=space_file) from None
    published = bool(renamed) or index is not None
    base = configs.replace(configs.preset(preset or ("paper" if published else "vqrna")), **changes)
    lacking: list[str] = []
    try:
        given = _settings(told, lacking)
        base, settings = with_metric(base, space, configs.validated(Settings, given), given)
    except (ValueError, UsageError) as error:
        raise DataError(str(error), file=path) from None
    notes = []
    if published and preset is None:
        notes.append("published names in the space: trials are of preset paper (--preset changes)")
    if renamed:
        notes.append("names: " + ", ".join(dict.fromkeys(renamed)))
    if words:
        notes.append(words)
    if any(parameter.setting == "seed" for parameter in space.parameters):
        notes.append("seed is searched, too: what it gains is luck")
    if given.get("metric") == "loss":
        notes.append("optimize_mode minimize: what is minimised is the validation loss")
    if "trials" not in given:
        notes.append(f"no maxTrialNumber: {settings.trials} trials (--trials changes)")
    trial = told.get("trial")
    command = told.get("trialCommand") or (
        trial.get("command") if isinstance(trial, dict) else trial
    )
    if command:
        notes.append(f"not executed: '{command}'; a trial trains a model of vqrna")
    if lacking:
        notes.append("not honoured: " + "; ".join(lacking))
    return Search(space, base, settings, types, tuple(notes))


def _read(path: Path) -> Any:
    """Read YAML, plain data only."""
    try:
        import yaml
    except ImportError:
        raise UsageError("NNI files need the extra: pip install 'vqrna[tune]'") from None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(getattr(error, "strerror", None) or "not a text file", file=path) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        words = getattr(error, "problem", None) or "cannot be read"
        line = mark.line + 1 if mark is not None else None
        raise DataError(f"not valid YAML: {words}", file=path, line=line) from None


def _space(path: Path, told: dict[str, Any]) -> tuple[Path, Any]:
    """Find the search space: in a file beside the configuration, or inside it."""
    if "searchSpace" in told:
        return path, told["searchSpace"]
    name = _first(told, _SPACE_KEYS)
    if not isinstance(name, str):
        raise DataError("names no search space (searchSpacePath)", file=path)
    file = path.parent / name
    if file.suffix.lower() in {".yaml", ".yml"}:
        return file, _read(file)
    try:
        return file, json.loads(file.read_text(encoding="utf-8-sig"))  # some editors mark it
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(getattr(error, "strerror", None) or "not a text file", file=file) from None
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg}", file=file, line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not valid JSON: {error}", file=file) from None


def _settings(told: dict[str, Any], lacking: list[str]) -> dict[str, Any]:
    """Read how to search; adds to `lacking` what cannot be honoured."""
    found: dict[str, Any] = {"pruner": "none"}  # NNI prunes only where an assessor is named
    if told.get("experimentName") not in (None, ""):
        found["name"] = str(told["experimentName"])
    trials = _first(told, _TRIALS_KEYS)
    if trials is not None:
        found["trials"] = trials
    if "trialConcurrency" in told:
        found["jobs"] = told["trialConcurrency"]
    duration = _first(told, _DURATION_KEYS)
    if duration is not None:
        found["hours"] = _hours(duration)
    tuner = told.get("tuner") or told.get("advisor") or {}
    name, arguments = _algorithm(tuner, "tuner")
    if "advisor" in told and name.lower() == "hyperband":
        found |= {"sampler": "random", "pruner": "hyperband"}
    elif "advisor" in told and name.lower() == "bohb":
        found |= {"sampler": "tpe", "pruner": "hyperband"}
    elif name.lower() in _SAMPLERS:
        found["sampler"] = _SAMPLERS[name.lower()]
    elif name:
        lacking.append(f"tuner '{name}' (TPE stands in)")
    mode = str(arguments.get("optimize_mode") or "maximize").lower()
    if mode not in {"maximize", "minimize"}:
        raise UsageError(f"optimize_mode is maximize or minimize, not '{mode}'")
    if mode == "minimize":
        found["metric"] = "loss"
    for ours, theirs in (("seed", "seed"), ("population", "population_size")):
        if arguments.get(theirs) is not None:
            found[ours] = arguments[theirs]
    lacking += [f"classArgs.{key}" for key in arguments if key not in _OWN_ARGUMENTS]
    if told.get("assessor"):
        name, arguments = _algorithm(told["assessor"], "assessor")
        if name.lower() in _PRUNERS:
            found["pruner"] = _PRUNERS[name.lower()]
            if arguments.get("start_step") is not None:
                found["warmup"] = arguments["start_step"]
        else:
            lacking.append(f"assessor '{name}' (nothing is pruned)")
    platforms = ", ".join(name for name in _platforms(told) if name.lower() != "local")
    if platforms:
        lacking.append(f"platform '{platforms}' (trials run here; --engine ray takes a cluster)")
    lacking += [str(key) for key in told if key not in _READ | _WITHOUT_EFFECT and told[key]]
    return found


def _platforms(told: dict[str, Any]) -> list[str]:
    """Name where the trials were to run: version 2 may list several."""
    service = told.get("trainingServicePlatform") or told.get("trainingService") or []
    every = service if isinstance(service, list) else [service]
    named = (one.get("platform", "local") if isinstance(one, dict) else one for one in every)
    return [str(name) for name in named]


def _algorithm(told: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Give the name of a tuner or assessor and its arguments."""
    if not isinstance(told, dict):
        raise UsageError(f"{what} is no table")
    builtin = f"builtin{what.capitalize()}Name"
    name = told.get("name") or told.get(builtin) or told.get("builtinAdvisorName")
    name = name or told.get("className") or ""
    arguments = told.get("classArgs") or {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise UsageError(f"{what} has no name, or its classArgs are no table")
    return name, arguments


def _hours(duration: Any) -> float:
    """Read ``24h``, ``1h 30m``, ``90s``, or seconds."""
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        return duration / 3600
    text = str(duration).replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise UsageError(f"'{duration}' is no time such as 24h or 90m")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) / 3600


def _types(index: list[Any] | None) -> tuple[tuple[str, ...] | None, str]:
    """Turn published numbers into a modification."""
    if index is None:
        return None, ""
    known = {m.index: m.symbol for m in MODIFICATIONS}
    if len(index) > 1 or isinstance(index[0], dict) or index[0] not in known:
        raise UsageError(
            f"{DATA_INDEX} {index}: a search compares trials of one modification "
            f"(1 to {len(known)}); search each on its own"
        )
    symbol = known[index[0]]
    return (symbol,), f"{DATA_INDEX} {index[0]} is {symbol} (--modifications changes)"


def _first(told: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((told[key] for key in keys if told.get(key) is not None), None)
