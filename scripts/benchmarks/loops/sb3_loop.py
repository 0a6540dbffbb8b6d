"""Stable-Baselines3 and SBX (its JAX edition) with RL Zoo's settings for CartPole-v1: the baselines of our Keras agents.

It runs in the environment of `requirements/peers.txt`, which has no arena. Loops: `sb3-dqn`, `sb3-ppo`, `sbx-dqn` and `sbx-ppo` train;
`sb3-dqn-to-475` and `sb3-ppo-to-475` train under the arena's rule for the end of a run; `evaluate` is SB3's own `evaluate_policy` with one
environment.
"""

import os
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from benchmarks.child.probe import LoopProbe

NUM_EVALUATION_EPISODES = 10
EVALUATION_PERIOD = 5_000
"""Env steps between two evaluations, as in `configs/cartpole.toml`."""


def dqn_arguments(settings: dict, num_steps: int, *, sbx: bool) -> dict:
    """Returns the arguments of SB3's or SBX's DQN for our hyperparameters."""
    arguments = {
        "learning_rate": settings["learning_rate"],
        "batch_size": settings["batch_size"],
        "buffer_size": settings["replay_capacity"],
        "learning_starts": settings["learning_starts"],
        "gamma": settings["discount"],
        "target_update_interval": 10,  # RL Zoo's; it amounts to one copy after each burst, since SB3 checks it only between rollouts
        "train_freq": settings["train_period"],
        "gradient_steps": settings["num_updates"],
        "exploration_fraction": settings["epsilon_decay_steps"] / num_steps,
        "exploration_final_eps": settings["epsilon_end"],
        "policy_kwargs": {"net_arch": list(settings["hidden_sizes"])},
    }
    return arguments if sbx else {**arguments, "max_grad_norm": settings["max_gradient_norm"]}  # SBX does not clip in DQN


def ppo_arguments(settings: dict, num_steps: int) -> dict:
    """Returns the arguments of SB3's or SBX's PPO for our hyperparameters."""

    def left(progress_remaining: float) -> float:
        """RL Zoo's `lin_`, over its own number of steps rather than this run's."""
        return 1.0 - (1.0 - progress_remaining) * num_steps / settings["anneal_steps"]

    return {
        "learning_rate": lambda progress: settings["learning_rate"] * left(progress),
        "n_steps": settings["rollout_length"],
        "batch_size": settings["batch_size"],
        "n_epochs": settings["num_epochs"],
        "gamma": settings["discount"],
        "gae_lambda": settings["gae_lambda"],
        "clip_range": lambda progress: settings["clip_ratio"] * left(progress),
        "ent_coef": settings["entropy_coefficient"],
        "vf_coef": settings["value_coefficient"],
        "max_grad_norm": settings["max_gradient_norm"],
        "policy_kwargs": {"net_arch": list(settings["hidden_sizes"])},
    }


def count_updates(model: object, *, sbx: bool) -> int:
    """Returns the steps that the optimizer has counted."""
    if sbx:
        policy = model.policy
        return int((policy.qf_state if hasattr(policy, "qf_state") else policy.actor_state).step)
    return max((int(state["step"]) for state in model.policy.optimizer.state_dict()["state"].values()), default=0)


class UntilHeld(BaseCallback):
    """Ends training once a mean return of 475 over 20 episodes is held over 100 more; its evaluations count as `evaluate`."""

    def __init__(self, algorithm_seed: int) -> None:
        super().__init__()
        self.env = make_vec_env("CartPole-v1", seed=10_000 + algorithm_seed)
        self.next_evaluation, self.reached = EVALUATION_PERIOD, False

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.next_evaluation:
            self.next_evaluation = (self.num_timesteps // EVALUATION_PERIOD + 1) * EVALUATION_PERIOD
            self.evaluate()
        return not self.reached

    def evaluate(self) -> None:
        """Sets `reached` if the policy has a mean return of 475 over 20 episodes, and again over 100."""
        self.reached = all(evaluate_policy(self.model, self.env, n_eval_episodes=count)[0] >= 475.0 for count in (20, 100))


def train_to_475(probe: LoopProbe) -> None:
    """Trains by SB3 until the return is held, or for the env steps asked for."""
    algorithm, settings = probe.loop.split("-")[1], probe.hyperparameters
    is_dqn = algorithm == "dqn"
    env = make_vec_env("CartPole-v1", n_envs=1 if is_dqn else settings["num_envs"])
    arguments = dqn_arguments(settings, probe.env_steps, sbx=False) if is_dqn else ppo_arguments(settings, probe.env_steps)
    model = getattr(stable_baselines3, algorithm.upper())("MlpPolicy", env, seed=probe.seed, device="cpu", **arguments)
    rule = UntilHeld(probe.seed)
    probe.timed(rule, "evaluate", "evaluate")
    probe.begin()
    model.learn(probe.env_steps, callback=rule)
    probe.finish(env_steps=model.num_timesteps, updates=count_updates(model, sbx=False), reached=rule.reached, without="evaluate")


def train(probe: LoopProbe) -> None:
    """Trains by SB3 or SBX for the env steps asked for, after a warm-up."""
    library, _, algorithm = probe.loop.partition("-")
    sbx = library == "sbx"
    if sbx:
        import sbx as package  # only where it is measured: JAX costs a second
    else:
        package = stable_baselines3
    settings, is_dqn = probe.hyperparameters, algorithm == "dqn"
    env = make_vec_env("CartPole-v1", n_envs=1 if is_dqn else settings["num_envs"])
    arguments = dqn_arguments(settings, probe.env_steps, sbx=sbx) if is_dqn else ppo_arguments(settings, probe.env_steps)
    model = getattr(package, algorithm.upper())("MlpPolicy", env, seed=probe.seed, device="cpu", **arguments)
    if is_dqn:
        model.learn(settings["learning_starts"] + 2 * settings["train_period"])
    else:
        model.learn(settings["rollout_length"] * settings["num_envs"])
    probe.timed(model.env, "step", "env")
    probe.timed(model, "collect_rollouts", "collect")
    probe.timed(model, "train", "learn")
    updates = count_updates(model, sbx=sbx)
    probe.begin()
    model.learn(probe.env_steps)
    probe.finish(env_steps=model.num_timesteps, updates=count_updates(model, sbx=sbx) - updates)


def evaluate(probe: LoopProbe) -> None:
    """Evaluates the network that the benchmark has written, by SB3's `evaluate_policy`."""
    model = stable_baselines3.DQN("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [64, 64]}, device="cpu", buffer_size=1)
    layers = [layer for layer in model.policy.q_net.modules() if isinstance(layer, torch.nn.Linear)]
    with np.load(Path(probe.hyperparameters["folder"]) / "weights.npz", allow_pickle=False) as arrays, torch.no_grad():
        for index, layer in enumerate(layers):
            layer.weight.copy_(torch.as_tensor(arrays[f"k_{index}"].T))
            layer.bias.copy_(torch.as_tensor(arrays[f"b_{index}"]))
    env = model.get_env()
    env.seed(probe.seed)
    evaluate_policy(model, env, n_eval_episodes=1)
    probe.begin()
    returns, lengths = evaluate_policy(model, env, n_eval_episodes=NUM_EVALUATION_EPISODES, return_episode_rewards=True)
    probe.finish(env_steps=int(sum(lengths)), updates=0, episode_return_mean=float(np.mean(returns)))


def main() -> None:
    """Runs the loop asked for, and prints what it took."""
    torch.set_num_threads(int(os.environ["ARENA_NUM_THREADS"]))
    warnings.simplefilter("ignore")
    gym.logger.min_level = gym.logger.ERROR
    probe = LoopProbe()
    if probe.loop == "evaluate":
        evaluate(probe)
    elif probe.loop.endswith("-to-475"):
        train_to_475(probe)
    else:
        train(probe)


if __name__ == "__main__":
    main()
