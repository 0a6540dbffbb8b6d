"""Measures how fast policies play: env steps and games per CPU second, beside plain loops over single environments.

Every variant plays a network of the same size, two layers of 64. `arena` batches `policy.onnx` over many environments or games, and plays
it in a process of its own with bounds, as tournaments do; the CPU time of that process counts. `arena, trusted` plays it without bounds.
`onnx loop` calls it for one environment. `numpy loop` is the forward pass of `arena.policies.onnx_network.PolicyNetwork`, with which our
own agents act. The others are the frameworks' own policies in a loop over `env.step`, each in a process of its own: `rllib` is
`RLModule.forward_inference`, `tf-agents` the agent's greedy `policy.action` through `common.function`, `keras` a call of the model (JAX),
`keras-rl` `DQNAgent.forward`. In games TF-Agents' policy gets the action mask by its splitter; for RLlib and Keras the best allowed score
is taken; Keras-RL has no masks and does not play. On CartPole-v1 the arena's own variants hold the pole for 500 steps, as trained policies
do; all other networks are random. All variants run on one core with one thread, in turns. Stable-Baselines3's `evaluate_policy` is in
docs/performance.md.

    benchmark.py evaluation [--rounds 7] [--only CartPole-v1] [--own]
"""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.executors.process import THREAD_VARIABLES
from arena.machine.cores import usable_cores
from arena.policies.policy import OnnxPolicy
from arena.tournament.play.play_episodes import play_episodes
from arena.tournament.play.play_games import play_games
from arena.tournament.schedule.openings import Openings
from arena.tournament.schedule.tasks import EpisodesTask, GamesTask
from benchmarks.balancing_policy import balancing_network
from benchmarks.options import option_parser
from benchmarks.plain_loops import AGENTS, GAME, NUM_EPISODES, NUM_OPENINGS, play_once, played_per_cpu_second, random_network, spaces_of
from benchmarks.processes import child_environment, module_command, pinned


def main(options: Sequence[str]) -> None:
    """Measures, and prints a table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--rounds", type=int, default=7, help="number of rounds")
    parser.add_argument("--only", choices=("CartPole-v1", "Acrobot-v1", GAME), help="what to play; all by default")
    parser.add_argument("--own", action="store_true", help="leave out the frameworks' own policies")
    arguments = parser.parse_args(options)
    os.environ |= dict.fromkeys(THREAD_VARIABLES, "1")
    print(f"load {os.getloadavg()[0]:.1f}")
    print("| played | variant | a CPU-second | quartiles | arena is faster by |\n|---|---|---:|---|---:|")
    with tempfile.TemporaryDirectory() as folder, pinned(usable_cores()[:1]):
        for env_id in [arguments.only] if arguments.only else ("CartPole-v1", "Acrobot-v1", GAME):
            names = () if arguments.own else tuple(name for name in AGENTS if not (env_id == GAME and name == "keras-rl"))
            measure(env_id, Path(folder), arguments.rounds, names)


def measure(env_id: str, folder: Path, num_rounds: int, frameworks: Sequence[str]) -> None:
    """Lets all variants take turns, and prints a row for each.

    Args:
        env_id: Environment or game that is played.
        folder: Folder for the policy.
        num_rounds: Number of rounds.
        frameworks: Keys of `AGENTS` whose own policies play too.
    """
    policies = {name: FrameworkPolicy(name, env_id) for name in frameworks}
    variants: dict[str, Callable[[], float]] = {
        name: lambda play=play: played_per_cpu_second(play)  # type: ignore[misc]
        for name, play in own_variants(env_id, folder / f"{env_id}.onnx").items()
    }
    for variant in variants.values():
        variant()
    variants |= {name: policy.measure for name, policy in policies.items()}
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(num_rounds):
        for name, variant in variants.items():
            rates[name].append(variant())
    for policy in policies.values():
        policy.close()
    best = statistics.median(rates["arena"])
    for name, values in rates.items():
        first, median, third = statistics.quantiles(values, n=4)
        unit = "games" if env_id == GAME else "env steps"
        print(f"| {env_id}, {unit} | {name} | {median:,.0f} | {first:,.0f} to {third:,.0f} | {best / median:.1f}x |", flush=True)


def own_variants(env_id: str, path: Path) -> dict[str, Callable[[], int]]:
    """Returns the arena's own variants, which return the env steps or games of one round."""
    network = balancing_network() if env_id == "CartPole-v1" else random_network(*spaces_of(env_id))
    network.export(path)
    policy = OnnxPolicy(path)
    return {
        "arena": _batched_games(path, trusted=False) if env_id == GAME else _batched_episodes(env_id, path, trusted=False),
        "arena, trusted": _batched_games(path, trusted=True) if env_id == GAME else _batched_episodes(env_id, path, trusted=True),
        "onnx loop": lambda: play_once(env_id, policy.act),
        "numpy loop": lambda: play_once(env_id, network.actions),
    }


def _batched_episodes(env_id: str, path: Path, *, trusted: bool) -> Callable[[], int]:
    task = EpisodesTask(match="", env=EnvConfig(env_id), player="", policy=path, seed=0, num_episodes=NUM_EPISODES, action_seconds=60.0)
    return lambda: sum(play_episodes(task, trusted=trusted)[0].lengths)


def _batched_games(path: Path, *, trusted: bool) -> Callable[[], int]:
    drawn = [Openings(GAME, 0, 2)[index] for index in range(NUM_OPENINGS)]
    openings, seeds = tuple(opening for _, opening in drawn), tuple(seed for seed, _ in drawn)
    task = GamesTask(match="", game_id=GAME, players=("a", "b"), policies=(path, path), openings=openings, seeds=seeds, move_seconds=60.0)
    return lambda: len(play_games(task, trusted=trusted))


class FrameworkPolicy:
    """A framework's own policy, in a process of `benchmarks.child.framework_policy`.

    Args:
        variant: a key of `AGENTS`.
        env_id: environment or game that it plays.

    Raises:
        ArenaError: if the process ends before it answers.
    """

    def __init__(self, variant: str, env_id: str) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        command = module_command("benchmarks.child.framework_policy", variant, env_id)
        self._variant = variant
        self._process = subprocess.Popen(command, env=child_environment(1, AGENTS[variant]), **pipes)
        self._answer()

    def measure(self) -> float:
        """Plays one more round, and returns its env steps or games per CPU second."""
        print("again", file=self._process.stdin, flush=True)
        return float(self._answer())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(('"', *"0123456789")):
                return json.loads(line)
        raise ArenaError(f"the policy of {self._variant} ended with exit code {self._process.wait()}")
