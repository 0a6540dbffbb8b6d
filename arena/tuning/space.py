"""Search spaces, as the table `tune.space` of an experiment's file gives them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

import optuna
import pydantic

from arena.agent.hyperparameters import hyperparameter_type
from arena.agent.spec import AgentSpec
from arena.errors import ArenaError
from arena.formats.validation import checked, sentence, validate

Value = int | float
Finite = Annotated[float, pydantic.AllowInfNan(False)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """Values among which one hyperparameter is searched: a range, or choices."""

    low: int | Finite | None = None
    """Smallest value of the range."""
    high: int | Finite | None = None
    """Largest value of the range, itself included."""
    log: bool = False
    """Whether values are drawn on a logarithmic scale, so that equal ratios are equally likely."""
    step: int | Finite | None = None
    """Difference between neighbouring values of a range; None means 1 for integers and no grid for others."""
    choices: Annotated[list[Any], pydantic.Field(min_length=2)] | None = None
    """Values to choose from, instead of a range."""

    def __post_init__(self) -> None:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None) or (self.low is None) != (self.high is None):
            raise ValueError("give low and high, or choices")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low={self.low} must be less than high={self.high}")
        if self.log and (self.low is None or self.low <= 0 or self.step is not None):
            raise ValueError("log needs a range above 0, and no step")
        if self.step is not None and (self.step <= 0 or self.choices is not None):
            raise ValueError("step must be above 0, and belongs to a range")

    def describe(self) -> dict[str, Any]:
        """Returns the range or choices as the file gave them."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None and value is not False}


@dataclasses.dataclass(frozen=True)
class Space:
    """Search space of one agent."""

    parameters: Mapping[str, Parameter]
    """Values that are searched, by hyperparameter."""
    whole: frozenset[str]
    """Names of the hyperparameters that take integers only."""

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Returns the values that Optuna's sampler wants to try."""
        return {name: self._suggest(trial, name, parameter) for name, parameter in self.parameters.items()}

    def _suggest(self, trial: optuna.Trial, name: str, parameter: Parameter) -> Any:
        if parameter.choices is not None:
            # As JSON, since Optuna's storage takes no lists, such as those of hidden_sizes.
            return json.loads(trial.suggest_categorical(name, [json.dumps(choice) for choice in parameter.choices]))
        assert parameter.low is not None
        assert parameter.high is not None
        if name in self.whole:
            return trial.suggest_int(name, int(parameter.low), int(parameter.high), step=int(parameter.step or 1), log=parameter.log)
        return trial.suggest_float(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)

    def describe(self) -> dict[str, Any]:
        """Returns the space as the file gave it."""
        return {name: parameter.describe() for name, parameter in self.parameters.items()}


def make_space(table: Mapping[str, Any], spec: AgentSpec, where: str) -> Space:
    """Returns the search space of an agent.

    Args:
        table: `{low, high, log, step}` or `{choices}` for each hyperparameter.
        spec: the agent's spec.
        where: begins the error: `tune.space.dqn`.

    Raises:
        ArenaError: on a hyperparameter that the agent does not have, or a bound or choice that it does not take.
    """
    parameters, whole = {}, set()
    for name, value in table.items():
        kind = hyperparameter_type(spec.config, name, where=f"{where}: agent {spec.id!r}")
        parameter: Parameter = checked(Parameter, value, f"{where}.{name}")
        ranged = parameter.choices is None
        for key, bound in {"low": parameter.low, "high": parameter.high}.items() if ranged else enumerate(parameter.choices or ()):
            try:
                validate(kind, bound)
            except pydantic.ValidationError as error:
                raise ArenaError(f"{where}.{name}: {sentence(error, str(key))}") from error
        plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if ranged and plain not in (int, float):
            raise ArenaError(f"{where}.{name} isn't a number: give choices instead of a range")
        if plain is int:
            whole.add(name)
            if isinstance(parameter.step, float):
                raise ArenaError(f"{where}.{name}.step={parameter.step}: must be an integer, as {name} is")
        parameters[name] = parameter
    return Space(parameters, frozenset(whole))
