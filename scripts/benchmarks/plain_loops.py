"""Plain loops over single environments and games, which `benchmarks.evaluation` compares the arena's batched loops with."""

import itertools
import time
from collections.abc import Callable
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import psutil

from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.environments.make import make_env
from arena.environments.spaces import network_inputs
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.tournament.schedule.openings import Openings

GAME, NUM_EPISODES, NUM_OPENINGS = "connect_four_v3", 100, 50
"""The game that is played, and the episodes and openings of the arena's batched loops."""
SIZES = (64, 64)
"""Hidden layers of every policy."""
AGENTS = {"rllib": "rllib-dqn", "tf-agents": "tfagents-dqn", "keras": "keras-dqn", "keras-rl": "kerasrl-dqn"}
"""For each framework, the agent whose process its policy runs in, with what its spec hides and sets."""
Array = npt.NDArray[Any]
Act = Callable[[Array], Array]
"""Policy: returns actions `[1]` for observations `[1, D]`; in games the observation ends with the action mask."""


def random_network(observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete[Any]) -> PolicyNetwork:
    """Returns a network with random weights."""
    rng = np.random.default_rng(0)
    sizes = [network_inputs(observation_space).shape[0], *SIZES, int(action_space.n)]
    activations: tuple[Literal["relu", "linear"], ...] = ("relu", "relu", "linear")
    layers = [
        Dense((rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32), np.zeros(shape[1], np.float32), activation)
        for shape, activation in zip(itertools.pairwise(sizes), activations, strict=True)
    ]
    return PolicyNetwork(layers, observation_space, action_space)


def env_loop(env: gym.Env[Any, Any], act: Act) -> int:
    """Plays a tenth of `NUM_EPISODES`, and returns the env steps."""
    num_steps = 0
    for episode in range(NUM_EPISODES // 10):
        observation, _ = env.reset(seed=episode)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = env.step(act(observation[None])[0])
            ended, num_steps = terminated or truncated, num_steps + 1
    return num_steps


def game_loop(act: Act, openings: list[tuple[int, ...]]) -> int:
    """Plays a game against itself from each opening, and returns the number of games."""
    game = Game(GAME)
    for opening in openings:
        game.reset()
        for move in opening:
            game.step(move)
        while not game.over:
            game.step(int(act(game.observation()[None])[0]))
    return len(openings)


def play_once(env_id: str, act: Act) -> int:
    """Plays one round, and returns its env steps or games, which are played one at a time."""
    if env_id != GAME:
        return env_loop(make_env(EnvConfig(env_id)), act)
    drawn = Openings(GAME, 0, 2)
    return game_loop(act, [drawn[index][1] for index in range(NUM_OPENINGS // 5)])


def spaces_of(env_id: str) -> tuple[gym.spaces.Box, gym.spaces.Discrete[Any]]:
    """Returns the observation and action space of an environment or of the game."""
    if env_id == GAME:
        game = Game(GAME)
        return game.observation_space, game.action_space
    env = make_env(EnvConfig(env_id))
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert isinstance(env.action_space, gym.spaces.Discrete)
    return env.observation_space, env.action_space


def played_per_cpu_second(play: Callable[[], int]) -> float:
    """Returns what `play` counts, per CPU second of this process and of those that it has started, such as those of bounded policies."""
    start = _cpu_seconds()
    count = play()
    return count / (_cpu_seconds() - start)


def _cpu_seconds() -> float:
    """Returns the CPU seconds of this process and its living descendants, from the clocks that Linux keeps for each of them."""
    children = psutil.Process().children(recursive=True)
    return time.process_time() + sum(time.clock_gettime(~child.pid << 3 | 2) for child in children)
