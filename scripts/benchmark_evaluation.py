"""Measures how fast policies meet: duel env steps per second and games per second, beside plain loops over single environments.

python scripts/benchmark_evaluation.py [num_rounds]

Every way plays a network of the same size: `arena` batches `policy.onnx` over many environments or games; `onnx loop` calls it for one
environment; `numpy loop` is the forward pass of `arena.network.PolicyNetwork`, which our own agents act with; `sb3` is
Stable-Baselines3's own `evaluate_policy`, in games its `predict`. All on one core; the rounds of all ways take turns.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy

from arena.environments import EnvConfig, make_env
from arena.games import Game
from arena.network import Dense, PolicyNetwork
from arena.policy import OnnxPolicy
from arena.spaces import network_inputs
from arena.tournament.duels import EpisodesTask, play_episodes
from arena.tournament.openings import Openings
from arena.tournament.table import GamesTask, play_games

GAME, SEAT, NUM_EPISODES, NUM_OPENINGS = "connect_four_v3", "arena/ConnectFour-v0", 100, 50


def network(observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete) -> PolicyNetwork:
    rng = np.random.default_rng(0)
    sizes = [network_inputs(observation_space).shape[0], 64, 64, int(action_space.n)]
    layers = [
        Dense((rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32), np.zeros(shape[1], np.float32), activation)
        for shape, activation in zip(itertools.pairwise(sizes), ("relu", "relu", "linear"), strict=True)
    ]
    return PolicyNetwork(layers, observation_space, action_space)


def env_loop(env: gym.Env, act: Callable[[np.ndarray], np.ndarray]) -> int:
    num_steps = 0
    for episode in range(NUM_EPISODES // 10):
        observation, _ = env.reset(seed=episode)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = env.step(act(observation[None])[0])
            ended, num_steps = terminated or truncated, num_steps + 1
    return num_steps


def game_loop(act: Callable[[np.ndarray], np.ndarray], openings: list[tuple[int, ...]]) -> int:
    game = Game(GAME)
    for opening in openings:
        game.reset()
        for move in opening:
            game.step(move)
        while not game.over:
            game.step(int(act(game.observation()[None])[0]))
    return len(openings)


def env_ways(env_id: str, path: Path) -> dict[str, Callable[[], int]]:
    env = make_env(EnvConfig(env_id))
    own = network(env.observation_space, env.action_space)
    own.export(path)
    policy = OnnxPolicy(path)
    sb3 = DQN("MlpPolicy", env_id, policy_kwargs={"net_arch": [64, 64]}, device="cpu", buffer_size=1)
    monitored = sb3.get_env()
    task = EpisodesTask(match="", env=EnvConfig(env_id), player="", policy=path, seed=0, num_episodes=NUM_EPISODES, action_seconds=60.0)

    def by_sb3() -> int:
        _, lengths = evaluate_policy(sb3, monitored, n_eval_episodes=NUM_EPISODES // 10, return_episode_rewards=True)
        return int(sum(lengths))

    return {
        "arena": lambda: sum(play_episodes(task)[0].lengths),
        "onnx loop": lambda: env_loop(env, policy.act),
        "numpy loop": lambda: env_loop(env, own.actions),
        "sb3": by_sb3,
    }


def game_ways(path: Path) -> dict[str, Callable[[], int]]:
    game, drawn = Game(GAME), Openings(GAME, 0, 2)
    own = network(game.observation_space, game.action_space)
    own.export(path)
    policy = OnnxPolicy(path)
    openings = [drawn[index][1] for index in range(NUM_OPENINGS)]
    sb3 = DQN("MlpPolicy", SEAT, policy_kwargs={"net_arch": [64, 64]}, device="cpu", buffer_size=1)

    def by_sb3(observations: np.ndarray) -> np.ndarray:
        actions, _ = sb3.predict(observations, deterministic=True)
        allowed = observations[:, game.observation_space.num_features :] > 0.5
        return np.where(allowed[np.arange(len(actions)), actions], actions, allowed.argmax(-1))  # it knows no masks

    task = GamesTask(
        match="",
        game_id=GAME,
        players=("a", "b"),
        policies=(path, path),
        openings=tuple(openings),
        seeds=tuple(range(NUM_OPENINGS)),
        move_seconds=60.0,
    )
    return {
        "arena": lambda: len(play_games(task)),
        "onnx loop": lambda: game_loop(policy.act, openings),
        "numpy loop": lambda: game_loop(own.actions, openings),
        "sb3": lambda: game_loop(by_sb3, openings),
    }


def measure(what: str, ways: dict[str, Callable[[], int]], num_rounds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(num_rounds):
        for name, way in ways.items():
            start = time.process_time()
            count = way()
            rates[name].append(count / (time.process_time() - start))
    for name, values in rates.items():
        first, median, third = statistics.quantiles(values, n=4)
        print(f"{what:<34} {name:<11} {median:>10,.0f}   (quartiles {first:,.0f} to {third:,.0f})")


def main(num_rounds: int = 7) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for env_id in ("CartPole-v1", "Acrobot-v1"):
            measure(f"{env_id}, env steps a CPU-second", env_ways(env_id, Path(folder, f"{env_id}.onnx")), num_rounds)
        measure(f"{GAME}, games a CPU-second", game_ways(Path(folder, "game.onnx")), num_rounds)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
