"""Measures how fast policies meet: duel env steps per second and games per second, beside plain loops over single environments.

    python scripts/benchmarks/evaluation.py [--rounds 7] [--only CartPole-v1]

Every way plays a network of the same size, two layers of 64: `arena` batches `policy.onnx` over many environments or games; `onnx loop`
calls it for one environment; `numpy loop` is the forward pass of `arena.policies.policy_network.PolicyNetwork`, which our own agents act
with. The
others are the frameworks' own policies in a loop over `env.step`, each in a process of its own: `rllib` is
`RLModule.forward_inference`, `tf-agents` the agent's greedy `policy.action` through `common.function`, `keras` a call of the model (JAX),
`keras-rl` `DQNAgent.forward`. In games TF-Agents' policy has the mask by its splitter; of RLlib's and Keras' scores the best allowed is
taken; Keras-RL, which has no masks, does not play. On CartPole-v1 the first three hold the pole for 500 steps, as trained policies do; all
other networks are random. All on one core and one thread; the rounds of all ways take turns. Stable-Baselines3's `evaluate_policy` is in
docs/performance.md.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.games import Game
from arena.environments.make import EnvConfig, make_env
from arena.environments.spaces import MaskedBox, network_inputs
from arena.executors.process import THREAD_VARIABLES
from arena.policies.policy import OnnxPolicy
from arena.policies.policy_network import Dense, PolicyNetwork
from arena.tournament.duels import EpisodesTask, play_episodes
from arena.tournament.game_tables import GamesTask, play_games
from arena.tournament.openings import Openings
from benchmarks.balance import balancing_network

GAME, NUM_EPISODES, NUM_OPENINGS = "connect_four_v3", 100, 50
SIZES = (64, 64)
OWN = {"rllib": "rllib-dqn", "tf-agents": "tfagents-dqn", "keras": "keras-dqn", "keras-rl": "kerasrl-dqn"}
"""Ways of frameworks, with the agent whose process they run in: what its spec hides and sets."""
Act = Callable[[np.ndarray], np.ndarray]
"""Actions `[1]` for observations `[1, D]`, in games with the mask behind the position."""


def network(observation_space: gym.spaces.Box, action_space: gym.spaces.Discrete) -> PolicyNetwork:
    rng = np.random.default_rng(0)
    sizes = [network_inputs(observation_space).shape[0], *SIZES, int(action_space.n)]
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


def play_once(what: str, act: Act) -> int:
    """Returns the env steps, or games, that were played one at a time."""
    if what != GAME:
        return env_loop(make_env(EnvConfig(what)), act)
    drawn = Openings(GAME, 0, 2)
    return game_loop(act, [drawn[index][1] for index in range(NUM_OPENINGS // 5)])


def spaces_of(what: str) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
    made = Game(GAME) if what == GAME else make_env(EnvConfig(what))
    return made.observation_space, made.action_space


def ways(what: str, path: Path) -> dict[str, Callable[[], int]]:
    """Returns the arena's own ways."""
    own = balancing_network() if what == "CartPole-v1" else network(*spaces_of(what))
    own.export(path)
    policy = OnnxPolicy(path)
    if what == GAME:
        drawn = [Openings(GAME, 0, 2)[index] for index in range(NUM_OPENINGS)]
        openings, seeds = tuple(opening for _, opening in drawn), tuple(seed for seed, _ in drawn)
        names, files = ("a", "b"), (path, path)
        games = GamesTask(match="", game_id=GAME, players=names, policies=files, openings=openings, seeds=seeds, move_seconds=60.0)
        batched: Callable[[], int] = lambda: len(play_games(games))  # noqa: E731
    else:
        task = EpisodesTask(match="", env=EnvConfig(what), player="", policy=path, seed=0, num_episodes=NUM_EPISODES, action_seconds=60.0)
        batched = lambda: sum(play_episodes(task)[0].lengths)  # noqa: E731
    return {"arena": batched, "onnx loop": lambda: play_once(what, policy.act), "numpy loop": lambda: play_once(what, own.actions)}


def rllib(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    import torch
    from ray.rllib.algorithms.ppo.ppo_catalog import PPOCatalog
    from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule

    features = gym.spaces.Box(-np.inf, np.inf, (num_features,), np.float32)
    config = {"fcnet_hiddens": list(SIZES), "fcnet_activation": "relu"}
    module = DefaultPPOTorchRLModule(
        observation_space=features, action_space=gym.spaces.Discrete(num_actions), model_config=config, catalog_class=PPOCatalog
    )

    def scores(features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return module.forward_inference({"obs": torch.from_numpy(features)})["action_dist_inputs"].numpy()

    return best_allowed(space, scores)


def tf_agents(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    from tf_agents.trajectories.time_step import restart
    from tf_agents.utils import common

    from arena_tfagents.framework import BoundedTensorSpec, DqnAgent, QNetwork, tf, time_step_spec
    from arena_tfagents.learner import splitter

    observations = tf.TensorSpec(space.shape, tf.float32)
    actions = BoundedTensorSpec((), tf.int64, 0, num_actions - 1)
    net = QNetwork(tf.TensorSpec((num_features,), tf.float32), actions, fc_layer_params=SIZES)
    masks = {"observation_and_action_constraint_splitter": splitter(num_features, num_actions)} if isinstance(space, MaskedBox) else {}
    agent = DqnAgent(time_step_spec(observations), actions, q_network=net, optimizer=None, **masks)
    action = common.function(agent.policy.action)
    return lambda rows: action(restart(tf.constant(rows), batch_size=1)).action.numpy()


def keras(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    import keras as framework

    hidden = [framework.layers.Dense(size, activation="relu") for size in SIZES]
    model = framework.Sequential([framework.Input((num_features,)), *hidden, framework.layers.Dense(num_actions)])
    return best_allowed(space, lambda features: np.asarray(model(features, training=False)))


def keras_rl(space: gym.spaces.Box, num_features: int, num_actions: int) -> Act:
    import tf_keras

    from arena_kerasrl.shim import DQNAgent, SequentialMemory, start_session

    assert not isinstance(space, MaskedBox)
    start_session("cpu")
    hidden = [tf_keras.layers.Dense(size, activation="relu") for size in SIZES]
    layers = [tf_keras.layers.Flatten(input_shape=(1, num_features)), *hidden, tf_keras.layers.Dense(num_actions)]
    agent = DQNAgent(tf_keras.Sequential(layers), nb_actions=num_actions, memory=SequentialMemory(limit=10, window_length=1))
    agent.compile(tf_keras.optimizers.legacy.Adam())
    agent.training = False
    return lambda rows: np.array([agent.forward(rows[0])])


def best_allowed(space: gym.spaces.Box, scores: Callable[[np.ndarray], np.ndarray]) -> Act:
    if not isinstance(space, MaskedBox):
        return lambda rows: scores(rows).argmax(-1)

    def act(rows: np.ndarray) -> np.ndarray:
        features, mask = space.split(rows)
        return np.where(mask, scores(np.ascontiguousarray(features)), -np.inf).argmax(-1)

    return act


def play_own(way: str, what: str) -> None:
    """Plays a framework's own policy for as many rounds as lines come in, and prints the rate of each."""
    spec = agent_spec(OWN[way])
    refuse_other_frameworks(spec.modules_for(build_config(spec.config, {}, where=spec.id)))
    space, actions = spaces_of(what)
    num_features = space.num_features if isinstance(space, MaskedBox) else int(space.shape[0])
    act = {"rllib": rllib, "tf-agents": tf_agents, "keras": keras, "keras-rl": keras_rl}[way](space, num_features, int(actions.n))
    play_once(what, act)
    print(json.dumps("ready"), flush=True)
    for _ in sys.stdin:
        print(json.dumps(rate(lambda: play_once(what, act))), flush=True)


def rate(play: Callable[[], int]) -> float:
    start = time.process_time()
    count = play()
    return count / (time.process_time() - start)


class OwnPolicy:
    """A framework's own policy in a process of its own."""

    def __init__(self, way: str, what: str) -> None:
        spec = agent_spec(OWN[way])
        environment = {**os.environ, **spec.process_env_for(build_config(spec.config, {}, where=spec.id))}
        command = [sys.executable, __file__, "--own", way, "--only", what]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._process = subprocess.Popen(command, env=environment, **pipes)
        self._answer()

    def rate(self) -> float:
        """Returns the rate of one more round."""
        print("again", file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        for line in self._process.stdout:
            if line.startswith(('"', *"0123456789")):
                return json.loads(line)
        raise SystemExit(f"{self._process.args} ended with {self._process.wait()}")

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def measure(what: str, folder: Path, num_rounds: int) -> None:
    own = {way: OwnPolicy(way, what) for way in OWN if not (what == GAME and way == "keras-rl")}
    arena = ways(what, folder / f"{what}.onnx")
    rates: dict[str, list[float]] = {name: [] for name in (*arena, *own)}
    for way in arena.values():
        way()
    for _ in range(num_rounds):
        for name, way in arena.items():
            rates[name].append(rate(way))
        for name, policy in own.items():
            rates[name].append(policy.rate())
    for policy in own.values():
        policy.close()
    best = statistics.median(rates["arena"])
    for name, values in rates.items():
        first, median, third = statistics.quantiles(values, n=4)
        unit = "games" if what == GAME else "env steps"
        print(f"| {what}, {unit} | {name} | {median:,.0f} | {first:,.0f} to {third:,.0f} | {best / median:.1f}x |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="one of CartPole-v1, Acrobot-v1, connect_four_v3")
    parser.add_argument("--own", choices=sorted(OWN), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ |= dict.fromkeys(THREAD_VARIABLES, "1")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if arguments.own:
        play_own(arguments.own, arguments.only)
        return
    print(f"load {os.getloadavg()[0]:.1f}")
    print("| played | way | a CPU-second | quartiles | arena is quicker by |\n|---|---|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for what in [arguments.only] if arguments.only else ("CartPole-v1", "Acrobot-v1", GAME):
            measure(what, Path(folder), arguments.rounds)


if __name__ == "__main__":
    main()
