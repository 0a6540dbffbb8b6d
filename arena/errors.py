"""Errors that a caller may want to tell apart."""

import difflib
import importlib.util
from collections.abc import Iterable
from pathlib import Path


class ArenaError(Exception):
    """Raised on bad input; the message says what is wrong, which value, and what to do. The command line prints it and exits with 2."""


class BudgetExhausted(Exception):
    """Raised by a metered environment instead of taking a step that would overrun the run's budget of env steps.

    An agent lets it pass through `learn`; for the core it is the regular end of training.
    """


class TrainingDiverged(ArithmeticError):
    """Raised when a loss or a weight is no longer finite, so that a broken policy is never exported as a result."""


class EnvironmentFault(ArenaError):
    """Raised when an environment gives NaN, infinity or None, or the process that steps it dies or gives no answer.

    The message says which environment and what, and at which env step.
    """


class EnvironmentRaised(ArenaError):
    """Raised when an environment's own code raises an error in an evaluation; says which environment, at which env step, and the error."""


class EnvironmentUnavailable(ArenaError):
    """Raised when an environment is known, but its own code cannot make it."""


class DeviceUnavailable(ArenaError):
    """Raised by an agent's constructor if its framework cannot use the requested device; a run on device `auto` then uses the CPU."""


class HiddenModule(ModuleNotFoundError):
    """Raised by the import of a framework that this process hides (`arena.agent.isolation`).

    Args:
        module: name of the module.
    """

    def __init__(self, module: str) -> None:
        super().__init__(
            f"No module named {module!r} in this worker, which has only the frameworks that its agent's spec names in `modules` and that "
            f'its environment declares (frameworks = ["{module}"] in the experiment\'s table of the environment)',
            name=module,
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` for the known word most similar to `word`, or an empty string if none is similar."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def how_to_find(module: str) -> str:
    """Returns, in brackets after a space, how Python can be made to find a module of a user; an empty string for one that it finds.

    Args:
        module: name of the module, as a user has written it; what follows its first dot does not matter.
    """
    top = module.partition(".")[0]
    if not top.isidentifier() or importlib.util.find_spec(top) is not None:
        return ""
    if Path(f"{top}.py").is_file() or Path(top).is_dir():
        return f" ({top} is in this folder, which Python does not search: run PYTHONPATH=. arena ..., or install it with pip install -e .)"
    return f" (install {top}, or add its folder to PYTHONPATH)"
