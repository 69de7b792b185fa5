"""The space of a search: parameters, their distributions and the conditions between them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AliasChoices, Field

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
"""All settings and their types; names are unique over both classes."""

_EDGE = 1e-6
"""Normal values are drawn between the quantiles `_EDGE` and 1 - `_EDGE`, which are finite."""

MAX_POINTS = 100_000
"""Most steps of one parameter of a grid."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of the search.

    Parameters
    ----------
    label : str
        Unique name in the study.
    setting : str or None
        The field of :class:`~vqrna.config.Config` that it sets; None for a choice that only
        decides which other parameters are active.
    distribution : {"choice", "int", "float", "normal"}
        Called ``kind`` in files of development versions before 1.0.
    choices : tuple
        Values of a choice.
    low, high : float
        Inclusive bounds of a number; mean and standard deviation if normal.
    log : bool
        Log-uniform; if normal, log-normal.
    step : float or None
        Distance between values, counted from `low`.
    multiple : float or None
        Values are rounded to multiples of this, within the bounds (the ``q`` of NNI).
    when : tuple of (str, tuple)
        Labels of other parameters, and the values that they must have for this one to be active.
    """

    label: str
    setting: str | None
    distribution: Annotated[
        Literal["choice", "int", "float", "normal"],
        Field(validation_alias=AliasChoices("distribution", "kind")),
    ]
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None
    multiple: float | None = None
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def drawn(self) -> str:
        """Name of the number that the sampler draws: the quantile if normal."""
        return f"{self.label} (quantile)" if self.distribution == "normal" else self.label

    def suggest(self, trial: Trial) -> Any:
        """Draw the value."""
        if self.distribution == "choice":
            return trial.suggest_categorical(self.drawn, self.choices)
        if self.distribution == "int":
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return self.value(trial.suggest_int(self.drawn, low, high, step=step, log=self.log))
        if self.distribution == "normal":
            return self.value(trial.suggest_float(self.drawn, _EDGE, 1 - _EDGE))
        drawn = trial.suggest_float(self.drawn, self.low, self.high, step=self.step, log=self.log)
        return self.value(drawn)

    def value(self, drawn: float) -> Any:
        """Return the value of the setting for a drawn number."""
        value = drawn
        if self.distribution == "normal":
            value = NormalDist(self.low, self.high).inv_cdf(drawn)
            value = math.exp(value) if self.log else value
        if self.multiple is not None:
            value = float(f"{round(value / self.multiple) * self.multiple:.12g}")
            if self.distribution != "normal":
                value = min(max(value, self.low), self.high)
        whole = self.setting is not None and FIELDS.get(self.setting) == "int"
        return int(value) if whole and float(value).is_integer() else value

    def points(self) -> list[Any]:
        """Return all numbers that the sampler can draw (UsageError if infinite)."""
        if self.distribution == "choice":
            return list(self.choices)
        step = (
            self.multiple
            or self.step
            or (1 if self.distribution == "int" and not self.log else None)
        )
        if self.distribution == "normal" or step is None:
            raise UsageError(f"a grid needs choices or steps: '{self.label}' has neither")
        if (self.high - self.low) / step > MAX_POINTS:
            raise UsageError(f"a grid is too fine: '{self.label}' has more than {MAX_POINTS} steps")
        if self.multiple is not None:
            first, last = round(self.low / step), round(self.high / step)
            values = dict.fromkeys(self.value(i * step) for i in range(first, last + 1))
            return list(values)
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.value(float(f"{self.low + i * step:.12g}")) for i in range(count)]

    def middle(self) -> Any:
        """Return a typical value, for an estimate."""
        if self.distribution == "choice":
            return self.choices[len(self.choices) // 2]
        if self.distribution == "normal":
            return self.value(0.5)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if self.step is not None:
            middle = self.low + round((middle - self.low) / self.step) * self.step
        return self.value(round(middle) if self.distribution == "int" else middle)

    def __str__(self) -> str:
        if self.distribution == "choice":
            text = "one of " + ", ".join(str(choice) for choice in self.choices)
        elif self.distribution == "normal":
            text = f"{'log' if self.log else ''}normal, mean {self.low:g}, deviation {self.high:g}"
        else:
            text = f"{self.low:g} to {self.high:g}" + (", logarithmic" if self.log else "")
            text += f", in steps of {self.step:g}" if self.step is not None else ""
        if self.multiple is not None:
            text += f", rounded to multiples of {self.multiple:g}"
        for label, values in self.when:
            text += f"; only if {label} is {' or '.join(str(value) for value in values)}"
        return text


@dataclass(frozen=True)
class Space:
    """The parameters of a search.

    Parameters
    ----------
    parameters : tuple of Parameter
        Each after those that it depends on.
    """

    parameters: tuple[Parameter, ...]

    def walk(self, value_of: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Return label and value of the active parameters, in order."""
        chosen: dict[str, Any] = {}
        for parameter in self.parameters:
            if _active(parameter, chosen):
                chosen[parameter.label] = value_of(parameter)
        return chosen

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Draw the values of a trial, by label."""
        return self.walk(lambda parameter: parameter.suggest(trial))

    def middle(self) -> dict[str, Any]:
        """Return typical values, by label."""
        return self.walk(lambda parameter: parameter.middle())

    def settings(self, chosen: dict[str, Any]) -> dict[str, Any]:
        """Return the settings for :func:`vqrna.config.replace`."""
        return {
            parameter.setting: chosen[parameter.label]
            for parameter in self.parameters
            if parameter.label in chosen and parameter.setting is not None
        }

    def grid(self, most: int) -> list[dict[str, Any]]:
        """Return the first `most` points of the grid, as numbers to draw.

        Raises
        ------
        UsageError
            If a parameter has infinitely many values.
        """
        for parameter in self.parameters:
            parameter.points()
        return list(itertools.islice(_points(self.parameters, {}), most))

    def check(self, base: Config) -> None:
        """Check every bound and every choice.

        Raises
        ------
        UsageError
            If the space is empty, or a setting is unknown, varied twice, or has invalid values.
        """
        if not self.parameters:
            raise UsageError("the space of the search is empty")
        free = [p.setting for p in self.parameters if p.setting is not None and not p.when]
        for parameter in self.parameters:
            name = parameter.setting
            if name is None:
                continue
            if name not in FIELDS:
                raise UsageError(f"unknown setting '{name}' (known: {', '.join(FIELDS)})")
            if [p.setting for p in self.parameters].count(name) > 1 and name in free:
                raise UsageError(f"'{name}' is varied by two parameters")
            if {"architecture", "length"} <= set(free) and name in {"architecture", "length"}:
                continue  # each trial checks whether they are compatible
            try:
                extremes = _extremes(parameter)
            except ArithmeticError:
                raise UsageError(f"'{parameter.label}': its values are out of range") from None
            for value in extremes:
                try:
                    configs.replace(base, **{name: value})
                    if name == "quantizer":
                        from vqrna.nn.quantizer import check_quantizer

                        check_quantizer(str(value))
                except UsageError as error:
                    raise UsageError(f"'{parameter.label}' cannot be {value}: {error}") from None


def _active(parameter: Parameter, chosen: dict[str, Any]) -> bool:
    return all(label in chosen and chosen[label] in values for label, values in parameter.when)


def _points(rest: tuple[Parameter, ...], chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the points of the grid; the last parameter changes fastest."""
    if not rest:
        yield dict(chosen)
        return
    first = rest[0]
    for point in first.points() if _active(first, chosen) else [None]:
        yield from _points(rest[1:], chosen if point is None else chosen | {first.label: point})


def _extremes(parameter: Parameter) -> list[Any]:
    """Return all choices, both bounds, or the middle of a normal distribution."""
    if parameter.distribution == "choice":
        return list(parameter.choices)
    if parameter.distribution == "normal":
        parameter.value(_EDGE), parameter.value(1 - _EDGE)  # both must be finite
        return [parameter.middle()]
    if parameter.distribution == "float" and FIELDS.get(parameter.setting or "") == "int":
        whole = parameter.multiple or parameter.step
        if whole is None or not float(whole).is_integer():
            raise UsageError(f"'{parameter.label}' is an integer: it needs integer steps")
    step = parameter.step or (1 if parameter.distribution == "int" else None)
    last = parameter.high
    if step is not None and not parameter.log:
        last = parameter.low + math.floor((last - parameter.low) / step + 1e-9) * step
    ends = [parameter.low, last]
    if parameter.distribution == "int":
        ends = [int(end) for end in ends]
    if step and parameter.distribution == "int" and not parameter.log and ends[0] + step <= ends[1]:
        ends.append(int(ends[0] + step))
    return [parameter.value(end) for end in ends]
