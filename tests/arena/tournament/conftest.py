from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from arena.environments.config import EnvConfig
from arena.tournament.entry.admission import Admission
from arena.tournament.entry.find_players import Participants, find_players
from arena.tournament.tournament import Rules, Tournament

ENVS = (EnvConfig("arena/ConnectFour-v0"), EnvConfig("tictactoe_v3"))


@pytest.fixture
def admission(tried: list[Path]) -> Iterator[Admission]:
    """An admission that tries files in this process."""
    with Admission() as admission:
        yield admission


@pytest.fixture
def find(admission: Admission) -> Callable[..., Participants]:
    """Finds players, whose policies are tried in this process."""

    def find(arguments: Sequence[str], envs: Sequence[EnvConfig]) -> Participants:
        return find_players(arguments, envs, admission)

    return find


@pytest.fixture
def tournament(tmp_path: Path, write_run: Callable[..., Path], find: Callable[..., Participants]) -> Tournament:
    """Two agents of two seeds each in a game, one of which can play an environment too."""
    for seed in (0, 1):
        write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", seed)
        write_run(tmp_path / "x", "b", "arena/TicTacToe-v0", 10 + seed)
        write_run(tmp_path / "x", "a", "arena/ConnectFour-v0", seed)
    found = find([str(tmp_path / "x")], ENVS)
    return Tournament(path=tmp_path / "t", players=found.players, envs=ENVS, rules=Rules(episodes=3, games=8))
