"""The space of a search: which settings vary, between which values, and on what that depends."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from vqrna import config as configs
from vqrna.config import Config, ModelConfig, TrainingConfig
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from optuna import Trial

FIELDS = {
    field.name: str(field.type)
    for part in (ModelConfig, TrainingConfig)
    for field in dataclasses.fields(part)
}
"""Every setting and its type; no name occurs in both tables."""

_EDGE = 1e-6
"""Normal values are drawn between these two quantiles: those of 0 and 1 are infinite."""


@dataclass(frozen=True)
class Parameter:
    """One thing that varies.

    Parameters
    ----------
    label : str
        Its name in the study, unlike any other.
    setting : str or None
        The field of :class:`~vqrna.config.Config` that takes its value; None for a choice that
        only decides which other parameters there are.
    kind : {"choice", "int", "float", "normal"}
    choices : tuple
        Of a choice.
    low, high : float
        Bounds of a number, both included; mean and standard deviation of a normal one.
    log : bool
        Spread evenly over orders of magnitude; of a normal one, the logarithm is normal.
    step : float or None
        Distance of two values, counted from `low`.
    multiple : float or None
        Values are rounded to multiples of this, within the bounds (the ``q`` of NNI).
    when : tuple of (str, tuple)
        Labels and the values that they need to have for this parameter to be there.
    """

    label: str
    setting: str | None
    kind: Literal["choice", "int", "float", "normal"]
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None
    multiple: float | None = None
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def drawn(self) -> str:
        """Name of the number that the sampler draws; of a normal one, its quantile."""
        return f"{self.label} (quantile)" if self.kind == "normal" else self.label

    def suggest(self, trial: Trial) -> Any:
        """Let a sampler draw the value."""
        if self.kind == "choice":
            return trial.suggest_categorical(self.drawn, self.choices)
        if self.kind == "int":
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return self.value(trial.suggest_int(self.drawn, low, high, step=step, log=self.log))
        if self.kind == "normal":
            return self.value(trial.suggest_float(self.drawn, _EDGE, 1 - _EDGE))
        drawn = trial.suggest_float(self.drawn, self.low, self.high, step=self.step, log=self.log)
        return self.value(drawn)

    def value(self, drawn: float) -> Any:
        """Turn the number that was drawn into the value of the setting."""
        value = drawn
        if self.kind == "normal":
            value = NormalDist(self.low, self.high).inv_cdf(drawn)
            value = math.exp(value) if self.log else value
        if self.multiple is not None:
            value = float(f"{round(value / self.multiple) * self.multiple:.12g}")
            if self.kind != "normal":
                value = min(max(value, self.low), self.high)
        whole = self.setting is not None and FIELDS.get(self.setting) == "int"
        return int(value) if whole and float(value).is_integer() else value

    def points(self) -> list[Any]:
        """List all that the sampler can draw; raises UsageError if it is without end."""
        if self.kind == "choice":
            return list(self.choices)
        step = self.multiple or self.step or (1 if self.kind == "int" and not self.log else None)
        if self.kind == "normal" or step is None:
            raise UsageError(f"a grid needs a choice or steps: '{self.label}' has neither")
        if self.multiple is not None:
            first, last = round(self.low / step), round(self.high / step)
            values = dict.fromkeys(self.value(i * step) for i in range(first, last + 1))
            return list(values)
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.value(float(f"{self.low + i * step:.12g}")) for i in range(count)]

    def middle(self) -> Any:
        """Give a value from the middle, for an estimate."""
        if self.kind == "choice":
            return self.choices[len(self.choices) // 2]
        if self.kind == "normal":
            return self.value(0.5)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if self.step is not None:
            middle = self.low + round((middle - self.low) / self.step) * self.step
        return self.value(round(middle) if self.kind == "int" else middle)

    def __str__(self) -> str:
        if self.kind == "choice":
            told = "one of " + ", ".join(str(choice) for choice in self.choices)
        elif self.kind == "normal":
            told = f"{'log' if self.log else ''}normal, mean {self.low:g}, deviation {self.high:g}"
        else:
            told = f"{self.low:g} to {self.high:g}" + (", logarithmic" if self.log else "")
            told += f", in steps of {self.step:g}" if self.step is not None else ""
        if self.multiple is not None:
            told += f", rounded to multiples of {self.multiple:g}"
        for label, values in self.when:
            told += f"; only if {label} is {' or '.join(str(value) for value in values)}"
        return told


@dataclass(frozen=True)
class Space:
    """All that varies.

    Parameters
    ----------
    parameters : tuple of Parameter
        Each stands behind those that it depends on.
    """

    parameters: tuple[Parameter, ...]

    def walk(self, value_of: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Give values to the parameters that are there, in order: label to value."""
        chosen: dict[str, Any] = {}
        for parameter in self.parameters:
            if _there(parameter, chosen):
                chosen[parameter.label] = value_of(parameter)
        return chosen

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Let a sampler draw the values: label to value."""
        return self.walk(lambda parameter: parameter.suggest(trial))

    def middle(self) -> dict[str, Any]:
        """Choose values from the middle: label to value."""
        return self.walk(lambda parameter: parameter.middle())

    def settings(self, chosen: dict[str, Any]) -> dict[str, Any]:
        """Turn chosen values into settings for :func:`vqrna.config.replace`."""
        return {
            parameter.setting: chosen[parameter.label]
            for parameter in self.parameters
            if parameter.label in chosen and parameter.setting is not None
        }

    def grid(self, most: int) -> list[dict[str, Any]]:
        """List the first `most` points of the grid, as what the sampler would draw.

        Raises
        ------
        UsageError
            If a parameter has values without end.
        """
        for parameter in self.parameters:
            parameter.points()
        found: list[dict[str, Any]] = []
        for point in _points(self.parameters, {}):
            if len(found) == most:
                break
            found.append(point)
        return found

    def check(self, base: Config) -> None:
        """Try every bound and every choice.

        Raises
        ------
        UsageError
            If there is nothing to search, or a setting is unknown, varied twice, or gets values
            that it cannot have.
        """
        if not self.parameters:
            raise UsageError("there is nothing to search: the space is empty")
        free = [p.setting for p in self.parameters if p.setting is not None and not p.when]
        for parameter in self.parameters:
            name = parameter.setting
            if name is None:
                continue
            if name not in FIELDS:
                raise UsageError(f"unknown setting '{name}' (known: {', '.join(FIELDS)})")
            if [p.setting for p in self.parameters].count(name) > 1 and name in free:
                raise UsageError(f"'{name}' is varied in two places at once")
            if {"architecture", "length"} <= set(free) and name in {"architecture", "length"}:
                continue  # whether they go together is seen in each trial
            for value in _extremes(parameter):
                try:
                    configs.replace(base, **{name: value})
                    if name == "quantizer":
                        from vqrna.nn.quantizer import check_quantizer

                        check_quantizer(str(value))
                except UsageError as error:
                    raise UsageError(f"'{parameter.label}' cannot be {value}: {error}") from None


def _there(parameter: Parameter, chosen: dict[str, Any]) -> bool:
    return all(label in chosen and chosen[label] in values for label, values in parameter.when)


def _points(rest: tuple[Parameter, ...], chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Go through the grid; the last parameter changes fastest."""
    if not rest:
        yield dict(chosen)
        return
    first = rest[0]
    for point in first.points() if _there(first, chosen) else [None]:
        yield from _points(rest[1:], chosen if point is None else chosen | {first.label: point})


def _extremes(parameter: Parameter) -> list[Any]:
    """Give the values to try: all choices, both bounds, or the middle of a normal distribution."""
    if parameter.kind == "choice":
        return list(parameter.choices)
    if parameter.kind == "normal":
        return [parameter.middle()]
    if parameter.kind == "float" and FIELDS.get(parameter.setting or "") == "int":
        whole = parameter.multiple or parameter.step
        if whole is None or not float(whole).is_integer():
            raise UsageError(f"'{parameter.label}' holds whole numbers: give it whole steps")
    step = parameter.step or (1 if parameter.kind == "int" else None)
    last = parameter.high
    if step is not None and not parameter.log:
        last = parameter.low + math.floor((last - parameter.low) / step + 1e-9) * step
    ends = [parameter.low, last]
    if parameter.kind == "int":
        ends = [int(end) for end in ends]
    if step and parameter.kind == "int" and not parameter.log and ends[0] + step <= ends[1]:
        ends.append(int(ends[0] + step))
    return [parameter.value(end) for end in ends]
