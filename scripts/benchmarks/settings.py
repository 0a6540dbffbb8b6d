"""What is measured: contests of one agent with its rivals, at equal hyperparameters and updates, and the targets that they are held to."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.experiment.bundled import config_path
from arena.experiment.file import from_toml

LEARNING_STARTS = 256
"""Env steps before the first update of DQN, on both sides: at the usual 1,000 a short stretch would hold too few updates."""
QUICK_DIVISOR = 4

RL_ZOO = "https://github.com/DLR-RM/rl-baselines3-zoo/blob/master/hyperparams"
RL_ZOO_DQN: Mapping[str, Any] = {
    "hidden_sizes": [256, 256],
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "replay_capacity": 100_000,
    "discount": 0.99,
    "train_period": 256,
    "num_updates": 128,
    "target_update_period": 256,
    "epsilon_end": 0.04,
    "epsilon_decay_steps": 8_000,  # 0.16 of 50,000
}
"""`dqn.yml`, CartPole-v1. Its `target_update_interval` of 10 env steps comes to one copy per training burst."""
RL_ZOO_PPO: Mapping[str, Any] = {
    "hidden_sizes": [64, 64],
    "learning_rate": 1e-3,
    "anneal_steps": 100_000,
    "num_envs": 8,
    "rollout_length": 32,
    "batch_size": 256,
    "num_epochs": 20,
    "discount": 0.98,
    "gae_lambda": 0.8,
}
"""`ppo.yml`, CartPole-v1. It also lets the clip ratio fall linearly, which ours does not; that costs nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rival:
    """Another way to do the same training."""

    name: str
    """Short: `stock`, `best`, `sb3`, `sbx`."""
    label: str
    """For people."""
    module: str | None
    """`python -m MODULE REQUEST` measures it; None: the peers' script, in their own environment."""
    loop: str
    """What that is asked for."""
    target: float | None
    """Our env steps per second over its own: at least this. None: for comparison only."""
    conditions: str
    """Where it differs from the arena's side, besides the loop."""
    trains: bool = True
    """False: only its start-up is compared."""
    is_example: bool = False
    """Whether it stands for the framework's own example script, whose start-up a worker is held against."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contest:
    """One agent, its rivals, and the floor, measured in turns."""

    name: str
    """Of the row: `--only NAME`."""
    agent: str
    """Id."""
    algorithm: str
    """`dqn` or `ppo`: whose arithmetic the floor holds. Of others it holds the environment alone."""
    hyperparameters: Mapping[str, Any]
    """Resolved: every field of the agent's config."""
    source: str
    """Where the hyperparameters come from."""
    env_steps: int
    """Of each measurement; for DQN a multiple of `train_period`, so that all sides end after a burst."""
    rivals: tuple[Rival, ...]
    whole_env_steps: int = 50_000
    """Of the run whose own share and start-up are judged. A stretch of `env_steps`, half a second of some agents, is too short for the
    share: the first evaluation of a process costs several times what later ones do."""

    def quicker(self) -> "Contest":
        """Returns the same contest over fewer env steps, to see whether it runs; its figures are worth nothing."""
        return dataclasses.replace(
            self, env_steps=max(2_048, self.env_steps // QUICK_DIVISOR), whole_env_steps=self.whole_env_steps // QUICK_DIVISOR
        )


WHOLE = "whole"
"""The way of a run of usual length, through the arena, with the programs that an earlier run has kept."""
EVALUATION = "evaluation"
"""Name of the contest between `policy.onnx` and SB3's `evaluate_policy`, which trains nothing."""
EVALUATION_TARGET = 20.0
START_TARGET = 2.0
SHARE_TARGET = 0.03
FLOOR_TARGET = 2.0
NEAR_FLOOR = 1.25
"""A target that the floor does not allow is met within this distance above it."""
MAX_UPDATES_APART = 0.1
"""Two sides whose updates per env step differ by more are not compared. Rounding: the last rollout of a budget is never full, and RLlib
also trains on a masked row for each piece of an episode."""

_CARTPOLE = "configs/cartpole.toml"


def contests() -> tuple[Contest, ...]:
    """Returns the contests of the benchmark."""
    return (
        Contest(
            name="tfagents-dqn",
            agent="tfagents-dqn",
            algorithm="dqn",
            hyperparameters=from_cartpole("tfagents-dqn", learning_starts=LEARNING_STARTS),
            source=_CARTPOLE,
            env_steps=4_352,
            rivals=(
                Rival(
                    name="stock",
                    label="TF-Agents' tutorial loop",
                    module="benchmarks.loops.tfagents_loop",
                    loop="dqn",
                    target=6.0,
                    conditions="driver, replay dataset, common.function(agent.train); same environments, same bursts",
                    is_example=True,
                ),
                Rival(
                    name="example",
                    label="TF-Agents' train_eval.py",
                    module="benchmarks.loops.tfagents_loop",
                    loop="dqn-example",
                    target=None,
                    conditions="as the tutorial, with the dataset's iterator inside common.function",
                ),
            ),
        ),
        Contest(
            name="rllib-dqn",
            agent="rllib-dqn",
            algorithm="dqn",
            hyperparameters=from_cartpole("rllib-dqn", learning_starts=LEARNING_STARTS),
            source=_CARTPOLE,
            env_steps=2_048,
            rivals=(
                Rival(
                    name="stock",
                    label="RLlib's Algorithm.train()",
                    module="benchmarks.loops.rllib_loop",
                    loop="dqn",
                    target=9.0,
                    conditions="one environment, one update per 4 env steps, uniform replay",
                    is_example=True,
                ),
                Rival(
                    name="best",
                    label="RLlib's Algorithm.train(), best settings",
                    module="benchmarks.loops.rllib_loop",
                    loop="dqn-best",
                    target=4.0,
                    conditions="8 environments by vector_entry_point, bursts as ours, torch_skip_nan_gradients",
                ),
            ),
        ),
        Contest(
            name="rllib-ppo",
            agent="rllib-ppo",
            algorithm="ppo",
            hyperparameters=from_cartpole("rllib-ppo"),
            source=_CARTPOLE,
            env_steps=24_576,
            rivals=(
                Rival(
                    name="stock",
                    label="RLlib's Algorithm.train()",
                    module="benchmarks.loops.rllib_loop",
                    loop="ppo",
                    target=4.0,
                    conditions="8 environments",
                    is_example=True,
                ),
                Rival(
                    name="best",
                    label="RLlib's Algorithm.train(), best settings",
                    module="benchmarks.loops.rllib_loop",
                    loop="ppo-best",
                    target=2.5,
                    conditions="32 environments by vector_entry_point, torch_skip_nan_gradients",
                ),
            ),
        ),
        Contest(
            name="kerasrl-dqn",
            agent="kerasrl-dqn",
            algorithm="dqn",
            hyperparameters=from_cartpole("kerasrl-dqn", learning_starts=LEARNING_STARTS),
            source=_CARTPOLE,
            env_steps=4_352,
            rivals=(
                Rival(
                    name="stock",
                    label="keras-rl2's fit",
                    module="benchmarks.loops.kerasrl_loop",
                    loop="dqn",
                    target=4.0,
                    conditions="one environment, one update per 4 env steps",
                    is_example=True,
                ),
            ),
        ),
        Contest(
            name="keras-dqn",
            agent="keras-dqn",
            algorithm="dqn",
            hyperparameters=resolved("keras-dqn", {**RL_ZOO_DQN, "learning_starts": LEARNING_STARTS}),
            source=f"{RL_ZOO}/dqn.yml",
            env_steps=6_400,
            rivals=(
                Rival(
                    name="sb3",
                    label="Stable-Baselines3 DQN",
                    module=None,
                    loop="sb3-dqn",
                    target=6.0,
                    conditions="one environment (RL Zoo's)",
                ),
                Rival(
                    name="sbx",
                    label="SBX DQN",
                    module=None,
                    loop="sbx-dqn",
                    target=1.5,
                    conditions="one environment (RL Zoo's), no gradient clipping (SBX has none)",
                ),
                Rival(
                    name="example",
                    label="Keras' actor-critic example",
                    module="benchmarks.loops.keras_loop",
                    loop="start",
                    target=None,
                    conditions="keras.io/examples/rl/actor_critic_cartpole to its first env step",
                    trains=False,
                    is_example=True,
                ),
            ),
        ),
        Contest(
            name="keras-ppo",
            agent="keras-ppo",
            algorithm="ppo",
            hyperparameters=resolved("keras-ppo", RL_ZOO_PPO),
            source=f"{RL_ZOO}/ppo.yml",
            env_steps=20_480,
            rivals=(
                Rival(name="sb3", label="Stable-Baselines3 PPO", module=None, loop="sb3-ppo", target=8.0, conditions="8 environments"),
                Rival(name="sbx", label="SBX PPO", module=None, loop="sbx-ppo", target=2.0, conditions="8 environments"),
            ),
        ),
    )


def from_cartpole(agent: str, **changes: Any) -> Mapping[str, Any]:
    """Returns the settings under which `agent` is shown to learn in `docs/cartpole.md`."""
    [entry] = [entry for entry in from_toml(config_path("cartpole")).agents if entry.name == agent]
    return {**entry.hyperparameters, **changes}


def resolved(agent: str, hyperparameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns all hyperparameters of `agent`, with those given."""
    config = build_config(agent_spec(agent).config, hyperparameters, where=f"agent {agent!r}")
    return dataclasses.asdict(config)
