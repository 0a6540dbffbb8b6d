"""Folders of tournaments and leagues that a stranger has prepared: nothing outside of them changes, and each trap is refused by name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from strangers import copy_of

from arena.cli.leaderboard import leaderboard
from arena.cli.standings import show_standings
from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.terminal.output import Output
from arena.tournament.league import League
from arena.tournament.tournament import Rules

GAME = (EnvConfig("tictactoe_v3"),)
RULES = Rules(schedule="adaptive", episodes=3)
TRAPS = ("link to a file", "link to a folder", "dangling link", "pipe")
NAMES = ("tournament.json", "matches.jsonl", "policies", "league.json", "standings.json", "leaderboard.html", "policies/new.onnx")
COMMANDS: dict[str, Callable[[Path, str], object]] = {
    "add": lambda league, policy: League(league).add([policy], ()),
    "play": lambda league, policy: League(league).play(max_games=60, workers=1),
    "standings": lambda league, policy: show_standings(league, Output("quiet")),
    "leaderboard": lambda league, policy: leaderboard(league, [], 0.0),
}


@pytest.fixture
def league(tmp_path: Path, write_policy, tried, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def play(folder: Path) -> None:
        made = League(folder)
        policies = tmp_path_factory.mktemp("players of a league")
        made.add([str(write_policy(policies / f"{name}.onnx", GAME[0].id, seed)) for seed, name in enumerate("ab")], GAME, RULES)
        assert made.play(max_games=60, workers=1).num_new_records > 0

    return copy_of("league", play, tmp_path / "league", tmp_path_factory)


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_of_a_league_changes(tmp_path, league, write_policy, lay_trap, name: str, trap: str):
    policy = str(write_policy(tmp_path / "c.onnx", GAME[0].id, 9))
    path = lay_trap(league / name, trap)
    for command in COMMANDS.values():
        with pytest.raises(ArenaError, match=rf"{path.name} is a (link|pipe)"):
            command(league, policy)
    assert os.path.lexists(path)


@pytest.mark.parametrize("trap", TRAPS)
def test_the_lock_of_a_league_is_no_way_out(tmp_path, league, write_policy, lay_trap, trap: str):
    lay_trap(league / ".lock", trap)
    policy = str(write_policy(tmp_path / "c.onnx", GAME[0].id, 9))
    for name in ("add", "play"):
        with pytest.raises(ArenaError, match=r"\.lock is (a link|not a regular file)|cannot write the lock"):
            COMMANDS[name](league, policy)


def test_matches_with_a_second_name_are_not_appended_to(league, outside):
    (league / "matches.jsonl").replace(outside.parent / "matches.jsonl")
    os.link(outside.parent / "matches.jsonl", league / "matches.jsonl")
    before = (league / "matches.jsonl").read_bytes()
    with pytest.raises(ArenaError, match=r"matches\.jsonl has 2 names"):
        League(league).play(max_games=60, workers=1)
    assert (league / "matches.jsonl").read_bytes() == before
    show_standings(league, Output("quiet"))


def test_a_league_that_is_itself_a_link_is_the_users_own(tmp_path, league):
    (tmp_path / "link").symlink_to(league)
    show_standings(tmp_path / "link", Output("quiet"))
    assert League(tmp_path / "link").play(max_games=60, workers=1).num_new_records > 0
