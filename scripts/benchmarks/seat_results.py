"""Counts the games that policies win, draw and lose against an opponent of `arena_envs.games`.

    benchmark.py seat-results arena/TicTacToe-v0 perfect 200 logs/tictactoe/*/*/seed-0/policy.onnx

A policy is a file, or `random` for the uniformly random player. Seats and first positions follow from seed 1.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arena.environments.config import EnvConfig
from arena.policies.evaluation import evaluate
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.player import RANDOM
from arena.tournament.play.load_policy import load_policy
from benchmarks.options import option_parser


def main(options: Sequence[str]) -> None:
    """Plays, and prints a line for each policy."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("env", help="id of the environment: arena/TicTacToe-v0, arena/ConnectFour-v0")
    parser.add_argument("opponent", help="opponent of that environment: random, perfect, or a policy.onnx")
    parser.add_argument("games", type=int, help="number of games of each policy")
    parser.add_argument("policies", nargs="+", metavar="POLICY")
    arguments = parser.parse_args(options)
    env = EnvConfig(arguments.env, {"opponent": arguments.opponent})
    for player in arguments.policies:
        policy = load_policy(None if player == RANDOM else Path(player), env_spaces(env), np.random.default_rng(1))
        returns = evaluate(policy, env, num_episodes=arguments.games, seed=1).episode_returns
        won, drawn, lost = ((returns > 0).sum(), (returns == 0).sum(), (returns < 0).sum())
        print(f"{player}: {won} won, {drawn} drawn, {lost} lost of {arguments.games} against {arguments.opponent}")
