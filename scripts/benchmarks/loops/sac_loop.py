"""The soft actor-critic of Stable-Baselines3 and of SBX (its JAX edition) on Pendulum-v1: the baselines of our SAC agents.

It runs in the environment of `requirements/peers.txt`, which has no arena. Loops: `sb3` and `sbx`.
"""

import importlib
import os
import sys
import types
import warnings
from typing import Any

import gymnasium as gym
import torch

from benchmarks.child.probe import LoopProbe


def sac_arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of SB3's or SBX's SAC for our hyperparameters."""
    return {
        "learning_rate": settings["learning_rate"],
        "batch_size": settings["batch_size"],
        "buffer_size": settings["replay_capacity"],
        "learning_starts": settings["learning_starts"],
        "gamma": settings["discount"],
        "tau": settings["target_update_tau"],
        "train_freq": settings["train_period"],
        "gradient_steps": settings["num_updates"],
        "policy_kwargs": {"net_arch": list(settings["hidden_sizes"])},
    }


def count_updates(model: Any) -> int:
    """Returns the steps that the critics' optimizer has counted."""
    if hasattr(model.policy, "qf_state"):
        return int(model.policy.qf_state.step)
    return max((int(state["step"]) for state in model.critic.optimizer.state_dict()["state"].values()), default=0)


def main() -> None:
    """Trains by the library asked for, after a warm-up with updates, and prints what it took."""
    torch.set_num_threads(int(os.environ["ARENA_NUM_THREADS"]))
    warnings.simplefilter("ignore")
    gym.logger.min_level = gym.logger.ERROR
    probe = LoopProbe()
    sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")  # TensorBoard, which SB3 imports, then does without TensorFlow
    package = importlib.import_module("sbx" if probe.loop == "sbx" else "stable_baselines3")
    settings = probe.hyperparameters
    model = package.SAC("MlpPolicy", "Pendulum-v1", seed=probe.seed, device="cpu", **sac_arguments(settings))
    model.learn(settings["learning_starts"] + 2 * max(settings["train_period"], 32))
    probe.timed(model.env, "step", "env")
    probe.timed(model, "collect_rollouts", "collect")
    probe.timed(model, "train", "learn")
    updates, env_steps = count_updates(model), model.num_timesteps
    probe.begin()
    model.learn(probe.env_steps, reset_num_timesteps=False)
    probe.finish(env_steps=model.num_timesteps - env_steps, updates=count_updates(model) - updates)


if __name__ == "__main__":
    main()
