"""The cases of the benchmark `performance`: one agent each, the baselines beside it, and the targets that they are held to.

Both sides of a case have the same hyperparameters and make the same updates.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from benchmarks.hyperparameters import LEARNING_STARTS, RL_ZOO, RL_ZOO_DQN, RL_ZOO_PPO, from_cartpole, resolved

SB3_LOOP = "benchmarks.loops.sb3_loop"
"""Module of the loops that run in the environment of Stable-Baselines3 and SBX."""
SHORT_DIVISOR = 4
"""Divisor of a case's env steps in a trial (`--quick`)."""
START_TARGET = 2.0
"""Smallest ratio of the start-up of a framework's example to that of our worker that meets the target."""
SHARE_TARGET = 0.03
"""Largest share of the training time that the arena itself may take."""
NEAR_FLOOR = 1.25
"""A target that the floor does not allow is met within this multiple of the floor."""
MAX_UPDATES_APART = 0.1
"""Largest difference in updates per env step at which two variants are compared. They differ by rounding: the last rollout of a budget is
never full, and RLlib also trains on a masked row for each piece of an episode."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """Another implementation of the same training, which an agent is measured beside."""

    name: str
    """Short name: `stock`, `best`, `example`, `sb3`, `sbx`."""
    label: str
    """Name in tables."""
    module: str
    """Module that measures it: `python -m MODULE REQUEST`."""
    loop: str
    """Name of the loop in that module."""
    target: float | None
    """Smallest ratio of our env steps per second to the baseline's that meets the target; None if it is shown for comparison only."""
    conditions: str
    """What differs from the arena's side besides the loop."""
    trains: bool = True
    """False: only its start-up is compared."""
    is_example: bool = False
    """Whether it stands for the framework's own example script, whose start-up is compared with a worker's."""

    @property
    def needs_peers(self) -> bool:
        """Whether it runs in the environment of Stable-Baselines3 and SBX."""
        return self.module == SB3_LOOP


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """One agent, its baselines and the floor; these variants are measured in turns."""

    name: str
    """Name of the case: `--only NAME`."""
    agent: str
    """Id of the agent."""
    algorithm: str
    """`dqn` or `ppo`: the algorithm whose arithmetic the floor holds. For another algorithm the floor is the environment alone."""
    hyperparameters: Mapping[str, Any]
    """Every field of the agent's config."""
    source: str
    """File that the hyperparameters come from."""
    env_steps: int
    """Env steps of each measurement; for DQN a multiple of `train_period`, so that every variant ends after a burst of updates."""
    baselines: tuple[Baseline, ...]
    floor_target: float
    """Largest ratio of the training time to NumPy's floor that meets the target."""
    whole_env_steps: int = 50_000
    """Env steps of the run whose share and start-up are judged. A measurement of `env_steps` takes half a second with some agents, which is
    too short for the share: the first evaluation of a process costs several times as much as later ones."""

    def shortened(self) -> "BenchmarkCase":
        """Returns the same case over fewer env steps, to see whether it runs; its figures mean nothing."""
        return dataclasses.replace(
            self, env_steps=max(2_048, self.env_steps // SHORT_DIVISOR), whole_env_steps=self.whole_env_steps // SHORT_DIVISOR
        )


TF_AGENTS, RLLIB, KERAS_RL, KERAS = (f"benchmarks.loops.{name}_loop" for name in ("tfagents", "rllib", "kerasrl", "keras"))


def benchmark_cases() -> tuple[BenchmarkCase, ...]:
    """Returns all cases of the benchmark `performance`."""
    return (
        _from_cartpole(
            "tfagents-dqn",
            4_352,
            1.3,
            Baseline(
                name="stock",
                label="TF-Agents' tutorial loop",
                module=TF_AGENTS,
                loop="dqn",
                target=6.0,
                conditions="driver, replay dataset, common.function(agent.train); Gymnasium's vectorised environments, same bursts",
                is_example=True,
            ),
            Baseline(
                name="example",
                label="TF-Agents' train_eval.py",
                module=TF_AGENTS,
                loop="dqn-example",
                target=None,
                conditions="as the tutorial, with the dataset's iterator inside common.function",
            ),
        ),
        _from_cartpole(
            "rllib-dqn",
            2_048,
            1.6,
            *_rllib_baselines(
                "dqn",
                targets=(9.0, 4.0),
                stock="one environment, one update per 4 env steps, uniform replay",
                best="8 environments by vector_entry_point, bursts as ours, torch_skip_nan_gradients",
            ),
        ),
        _from_cartpole(
            "rllib-ppo",
            24_576,
            1.5,
            *_rllib_baselines(
                "ppo",
                targets=(4.0, 2.5),
                stock="8 environments",
                best="32 environments by vector_entry_point, torch_skip_nan_gradients",
            ),
        ),
        _from_cartpole(
            "kerasrl-dqn",
            4_352,
            2.0,
            Baseline(
                name="stock",
                label="keras-rl2's fit",
                module=KERAS_RL,
                loop="dqn",
                target=4.0,
                conditions="one environment, one update per 4 env steps",
                is_example=True,
            ),
        ),
        BenchmarkCase(
            name="keras-dqn",
            agent="keras-dqn",
            algorithm="dqn",
            hyperparameters=resolved("keras-dqn", {**RL_ZOO_DQN, "learning_starts": LEARNING_STARTS}),
            source=f"{RL_ZOO}/dqn.yml",
            env_steps=6_400,
            floor_target=2.0,
            baselines=(
                _peer("sb3-dqn", "Stable-Baselines3 DQN", 6.0, "one environment (RL Zoo's)"),
                _peer("sbx-dqn", "SBX DQN", 1.5, "one environment (RL Zoo's), no gradient clipping (SBX has none)"),
                Baseline(
                    name="example",
                    label="Keras' actor-critic example",
                    module=KERAS,
                    loop="start",
                    target=None,
                    conditions="keras.io/examples/rl/actor_critic_cartpole to its first env step",
                    trains=False,
                    is_example=True,
                ),
            ),
        ),
        BenchmarkCase(
            name="keras-ppo",
            agent="keras-ppo",
            algorithm="ppo",
            hyperparameters=resolved("keras-ppo", RL_ZOO_PPO),
            source=f"{RL_ZOO}/ppo.yml",
            env_steps=20_480,
            floor_target=1.5,
            baselines=(
                _peer("sb3-ppo", "Stable-Baselines3 PPO", 8.0, "8 environments"),
                _peer("sbx-ppo", "SBX PPO", 2.0, "8 environments"),
            ),
        ),
    )


def _from_cartpole(agent: str, env_steps: int, floor_target: float, *baselines: Baseline) -> BenchmarkCase:
    """Returns the case of an agent with its hyperparameters in `configs/cartpole.toml`."""
    algorithm = agent.rpartition("-")[2]
    changes = {"learning_starts": LEARNING_STARTS} if algorithm == "dqn" else {}
    return BenchmarkCase(
        name=agent,
        agent=agent,
        algorithm=algorithm,
        hyperparameters=from_cartpole(agent, **changes),
        source="configs/cartpole.toml",
        env_steps=env_steps,
        floor_target=floor_target,
        baselines=baselines,
    )


def _rllib_baselines(algorithm: str, *, targets: tuple[float, float], stock: str, best: str) -> tuple[Baseline, Baseline]:
    """Returns RLlib's own loop as documented, and with the fastest settings found; `stock` and `best` are their conditions."""
    label = "RLlib's Algorithm.train()"
    return (
        Baseline(name="stock", label=label, module=RLLIB, loop=algorithm, target=targets[0], conditions=stock, is_example=True),
        Baseline(name="best", label=f"{label}, best settings", module=RLLIB, loop=f"{algorithm}-best", target=targets[1], conditions=best),
    )


def _peer(loop: str, label: str, target: float, conditions: str) -> Baseline:
    """Returns a baseline of Stable-Baselines3 or SBX."""
    return Baseline(name=loop.partition("-")[0], label=label, module=SB3_LOOP, loop=loop, target=target, conditions=conditions)
