import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arena.environments.config import EnvConfig
from arena.environments.spaces import network_inputs
from arena.errors import ArenaError
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.find_players import Participants
from arena.tournament.leaderboard.replay_selection import find_duel
from arena.tournament.match_records import Episodes
from arena.tournament.schedule.rounds import rounds
from arena.tournament.tournament import Rules, Tournament

ENVS = (EnvConfig("tictactoe_v3"), EnvConfig("arena/TicTacToe-v0"))
SAFE, ODD = st.text(st.sampled_from("ab0-."), min_size=1, max_size=3), st.text(st.sampled_from("ab0/~[],= \n"), max_size=5)
NAMES = st.one_of(*(st.lists(names, min_size=2, max_size=4, unique=True) for names in (SAFE, ODD)))
"""Names of players: about half of the lists are accepted."""


@pytest.fixture(scope="module")
def policy() -> Path:
    observations, actions = env_spaces(ENVS[0])
    kernel = np.ones((network_inputs(observations).shape[0], int(actions.n)), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.onnx"
        PolicyNetwork([Dense(kernel, np.zeros(int(actions.n), np.float32))], observations, actions).export(path)
        yield path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(NAMES)
@example(["a", "bb", "ab", "b"])
@example(["a~b", "c", "a", "b~c"])
@example(["a", "b", "a~b/0", "0"])
@example(["a", "a,b", "b=a"])
def test_match_ids_are_unique_whatever_players_are_called(find: Callable[..., Participants], policy: Path, names: list[str]) -> None:
    try:
        field = find([f"{name}={policy}" for name in names], ENVS)
    except ArenaError:
        assert not all(name.isalnum() for name in names)
        return
    tournament = Tournament(path=Path("t"), players=field.players, envs=ENVS, rules=Rules(games=4, episodes=1, opening_plies=1))
    tasks = [task for part in rounds(tournament, []) for task in part]
    ids = [match for task in tasks for match in task.matches]
    assert len(set(ids)) == len(ids)
    empty = Episodes(match="", env=ENVS[1].name, player="", seed=0, returns=(0.0,), lengths=(1,))
    records = [dataclasses.replace(empty, player=player.name) for player in field.players]
    for one in field.players:
        for other in field.players:
            choice = find_duel(tournament, records, f"{ENVS[1].name}/{one.name}~{other.name}/0")
            assert tuple(record.player for record in choice.episodes) == (one.name, other.name)
