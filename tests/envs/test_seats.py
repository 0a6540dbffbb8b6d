"""Seats as arrays against single seats, to the last bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.environments.spaces import random_actions
from arena.environments.vectorize import make_sync_env, make_vec_env
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena_envs.seats import Seats


def seen(envs: Any, num_steps: int) -> list[Any]:
    rng = np.random.default_rng(0)
    observations, _ = envs.reset(seed=4)
    found = [observations]
    for step in range(num_steps):
        if step == num_steps // 2:
            observations, _ = envs.reset()
        _, masks = envs.single_observation_space.split(observations)
        observations, *rest, info = envs.step(random_actions(rng, masks))
        found += [observations, *rest, *([np.stack(list(info["final_obs"][info["_final_obs"]]))] if info else [])]
    envs.close()
    return found


def write(folder: Path, count: int, game_id: str = "tictactoe_v3") -> list[Path]:
    game, rng = Game(game_id), np.random.default_rng(0)
    paths = [folder / f"{index}.onnx" for index in range(count)]
    for path in paths:
        size = game.observation_space.num_features, int(game.action_space.n)
        layer = Dense(rng.normal(size=size).astype(np.float32), np.zeros(size[1], np.float32))
        PolicyNetwork([layer], game.observation_space, game.action_space).export(path)
    return paths


@pytest.mark.parametrize(
    ("name", "opponent"), [("ConnectFour", "random"), ("TicTacToe", "random"), ("TicTacToe", "perfect"), ("TicTacToe", "self")]
)
def test_seats_as_arrays_are_single_seats(name: str, opponent: str, tmp_path: Path) -> None:
    write(tmp_path, 3)
    options = {"snapshots": str(tmp_path)} if opponent == "self" else {}
    config = EnvConfig(f"arena/{name}-v0", {"opponent": opponent, **options})
    arrays, single = make_vec_env(config, 5), make_sync_env(config, 5, autoreset_mode=AutoresetMode.SAME_STEP)
    assert isinstance(arrays, Seats)
    given, wanted = seen(arrays, 60), seen(single, 60)
    assert len(given) == len(wanted) > 60 * 4 + 5, "games ended"
    for one, other in zip(given, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_forbidden_move_is_an_error_and_a_time_limit_holds() -> None:
    envs = make_vec_env(EnvConfig("arena/TicTacToe-v0", {"max_episode_steps": 2}), 2)
    assert isinstance(envs, Seats)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="tictactoe_v3: action 9 is illegal here"):
        envs.step(np.array([0, 9]))
    observations, _ = envs.reset(seed=0)
    for step in range(2):
        _, masks = envs.single_observation_space.split(observations)
        observations, _, _, truncated, _ = envs.step(masks.argmax(1))
        assert truncated.all() == (step == 1)
