"""Trains agents of several frameworks on the same environments and compares them honestly.

The public names; each is imported at its first use, so that the command line answers at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.agent import Agent as Agent
    from arena.agent import EnvFactory as EnvFactory
    from arena.agent import Metrics as Metrics
    from arena.environments import EnvConfig as EnvConfig
    from arena.errors import ArenaError as ArenaError
    from arena.errors import BudgetExhausted as BudgetExhausted
    from arena.evaluation import Evaluation as Evaluation
    from arena.evaluation import evaluate as evaluate
    from arena.executors.base import Executor as Executor
    from arena.executors.base import ExecutorConfig as ExecutorConfig
    from arena.executors.local import LocalExecutor as LocalExecutor
    from arena.executors.ray import RayExecutor as RayExecutor
    from arena.experiment import Experiment as Experiment
    from arena.experiment import Run as Run
    from arena.experiment_file import from_toml as from_toml
    from arena.policy import OnnxPolicy as OnnxPolicy
    from arena.policy import Policy as Policy
    from arena.registry import agent_ids as agent_ids
    from arena.registry import agent_spec as agent_spec
    from arena.rundir import RunDir as RunDir
    from arena.rundir import RunResult as RunResult
    from arena.runner import run_experiment as run_experiment
    from arena.spec import AgentSpec as AgentSpec

__version__ = "0.1.0"

_HOMES = {
    "arena.agent": ("Agent", "EnvFactory", "Metrics"),
    "arena.environments": ("EnvConfig",),
    "arena.errors": ("ArenaError", "BudgetExhausted"),
    "arena.evaluation": ("Evaluation", "evaluate"),
    "arena.executors.base": ("Executor", "ExecutorConfig"),
    "arena.executors.local": ("LocalExecutor",),
    "arena.executors.ray": ("RayExecutor",),
    "arena.experiment": ("Experiment", "Run"),
    "arena.experiment_file": ("from_toml",),
    "arena.policy": ("OnnxPolicy", "Policy"),
    "arena.registry": ("agent_ids", "agent_spec"),
    "arena.rundir": ("RunDir", "RunResult"),
    "arena.runner": ("run_experiment",),
    "arena.spec": ("AgentSpec",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'arena' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
