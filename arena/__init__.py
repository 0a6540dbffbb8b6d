"""Reinforcement learning arena: trains agents of several frameworks on the same environments and compares them honestly.

The names in `__all__` are public. Import paths that are promised are `arena` itself, `arena.policies`, `arena.testing` and `arena.loggers`;
every other module may move or change. Each name is imported at its first use, so that the command line answers at once.
"""

import sys

# `python -m arena` puts the current directory first on the path. It may be a stranger's folder, whose enum.py or onnx.py must not run, so
# it goes before anything else is imported. While Python looks for the module to run, argv says "-m"; another program keeps its path.
_OPTIONS = zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
_MODULE = next((word for option, word in _OPTIONS if option.startswith("-") and option.endswith("m")), "")
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and _MODULE.partition(".")[0] == "arena":
    del sys.path[0]

import importlib  # noqa: E402 - see above
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from arena.agent.interface import Agent as Agent
    from arena.agent.interface import EnvFactory as EnvFactory
    from arena.agent.interface import Metrics as Metrics
    from arena.agent.registry import agent_ids as agent_ids
    from arena.agent.registry import agent_spec as agent_spec
    from arena.agent.spec import AgentSpec as AgentSpec
    from arena.environments.config import EnvConfig as EnvConfig
    from arena.environments.spaces import MaskedBox as MaskedBox
    from arena.environments.spaces import random_actions as random_actions
    from arena.environments.spaces import scale_actions as scale_actions
    from arena.errors import ArenaError as ArenaError
    from arena.errors import BudgetExhausted as BudgetExhausted
    from arena.executors.base import Executor as Executor
    from arena.executors.base import ExecutorConfig as ExecutorConfig
    from arena.executors.local import LocalExecutor as LocalExecutor
    from arena.executors.ray import RayExecutor as RayExecutor
    from arena.experiment.experiment import Experiment as Experiment
    from arena.experiment.file import from_toml as from_toml
    from arena.experiment.one_run import train as train
    from arena.experiment.runner import run_experiment as run_experiment
    from arena.formats.json import read_json as read_json
    from arena.formats.json import write_json as write_json
    from arena.formats.npz import read_arrays as read_arrays
    from arena.formats.npz import write_arrays as write_arrays
    from arena.learning.learn_call import LearnCall as LearnCall
    from arena.learning.replay import ReplayBuffer as ReplayBuffer
    from arena.learning.replay_loop import ReplayLoop as ReplayLoop
    from arena.learning.rollout_loop import RolloutLoop as RolloutLoop
    from arena.learning.transitions import TransitionStream as TransitionStream
    from arena.policies.evaluation import Evaluation as Evaluation
    from arena.policies.evaluation import evaluate as evaluate
    from arena.policies.onnx_network import Conv as Conv
    from arena.policies.onnx_network import Dense as Dense
    from arena.policies.onnx_network import LayerNorm as LayerNorm
    from arena.policies.onnx_network import PolicyNetwork as PolicyNetwork
    from arena.policies.onnx_network import squashed_mean as squashed_mean
    from arena.policies.policy import OnnxPolicy as OnnxPolicy
    from arena.policies.policy import Policy as Policy
    from arena.policies.torch_network import torch_layers as torch_layers
    from arena.run_folder.folder import RunDir as RunDir
    from arena.run_folder.gathered import Runs as Runs
    from arena.run_folder.gathered import load as load
    from arena.run_folder.inputs import Run as Run
    from arena.run_folder.record import RunRecord as RunRecord
    from arena.run_folder.result import RunResult as RunResult
    from arena.seeding import split_seed as split_seed

__version__ = "0.1.0"
"""Version of the distribution `arena-rl`."""

_HOMES = {
    "arena.environments.spaces": (
        "MaskedBox",
        "random_actions",
        "scale_actions",
    ),
    "arena.formats.json": (
        "read_json",
        "write_json",
    ),
    "arena.formats.npz": (
        "read_arrays",
        "write_arrays",
    ),
    "arena.learning.learn_call": ("LearnCall",),
    "arena.learning.replay": ("ReplayBuffer",),
    "arena.learning.replay_loop": ("ReplayLoop",),
    "arena.learning.rollout_loop": ("RolloutLoop",),
    "arena.learning.transitions": ("TransitionStream",),
    "arena.policies.onnx_network": (
        "Conv",
        "Dense",
        "LayerNorm",
        "PolicyNetwork",
        "squashed_mean",
    ),
    "arena.policies.torch_network": ("torch_layers",),
    "arena.seeding": ("split_seed",),
    "arena.agent.interface": ("Agent", "EnvFactory", "Metrics"),
    "arena.environments.config": ("EnvConfig",),
    "arena.errors": ("ArenaError", "BudgetExhausted"),
    "arena.policies.evaluation": ("Evaluation", "evaluate"),
    "arena.executors.base": ("Executor", "ExecutorConfig"),
    "arena.executors.local": ("LocalExecutor",),
    "arena.executors.ray": ("RayExecutor",),
    "arena.experiment.experiment": ("Experiment",),
    "arena.experiment.file": ("from_toml",),
    "arena.policies.policy": ("OnnxPolicy", "Policy"),
    "arena.agent.registry": ("agent_ids", "agent_spec"),
    "arena.run_folder.folder": ("RunDir",),
    "arena.run_folder.gathered": ("Runs", "load"),
    "arena.run_folder.inputs": ("Run",),
    "arena.run_folder.record": ("RunRecord",),
    "arena.run_folder.result": ("RunResult",),
    "arena.experiment.one_run": ("train",),
    "arena.experiment.runner": ("run_experiment",),
    "arena.agent.spec": ("AgentSpec",),
}
_HOME_OF: dict[str, str] = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'arena' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
