"""Plays a policy file against an opponent of `arena_envs.games`: `python scripts/play_seat.py ENV OPPONENT NUM_GAMES POLICY...`."""

import sys
from pathlib import Path

from arena.environments import EnvConfig
from arena.evaluation import evaluate
from arena.policy import OnnxPolicy


def main(env_id: str, opponent: str, num_games: int, paths: list[Path]) -> None:
    for path in paths:
        returns = evaluate(OnnxPolicy(path), EnvConfig(env_id, {"opponent": opponent}), num_episodes=num_games, seed=1).episode_returns
        won, drawn, lost = ((returns > 0).sum(), (returns == 0).sum(), (returns < 0).sum())
        print(f"{path}: {won} won, {drawn} drawn, {lost} lost of {num_games} against {opponent}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), [Path(argument) for argument in sys.argv[4:]])
