import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.player import Player, random_player
from arena.tournament.stored_tournament import StoredTournament, difference, read_stored, stored
from arena.tournament.tournament import Rules, Tournament


@pytest.fixture
def tournament(tmp_path: Path) -> Tournament:
    policy = AdmittedPolicy(path=tmp_path / "x.onnx", sha256="0a" * 32, source=tmp_path / "x.onnx")
    player = Player(
        name="a/seed-0",
        entrant="a",
        policies={"CartPole-v1": policy},
        runs={"CartPole-v1": tmp_path / "runs" / "a"},
        failed={"Acrobot-v1": "crashed"},
        origins={"CartPole-v1": {"agent": "keras-dqn"}},
    )
    envs = (EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"))
    return Tournament(path=tmp_path / "t", players=(random_player(), player), envs=envs, rules=Rules(games=4), left_out=("b",))


def write(path: Path, content: StoredTournament, **changes: Any) -> Path:
    path.write_text(json.dumps({**dataclasses.asdict(content), **changes}))
    return path


def test_a_tournament_comes_back_as_it_was_stored(tournament: Tournament, tmp_path: Path):
    content = stored(tournament)
    assert content.runs == {"random": {}, "a/seed-0": {"CartPole-v1": "../runs/a"}}, "a folder that is moved as a whole finds its runs"
    assert content.inputs.players["a/seed-0"].policies == {"CartPole-v1": "0a" * 32}
    assert content.inputs.players["a/seed-0"].failed == {"Acrobot-v1": "crashed"}
    assert content.origins == {"a/seed-0": {"CartPole-v1": {"agent": "keras-dqn"}}}
    assert read_stored(write(tmp_path / "tournament.json", content)) == content


@pytest.mark.parametrize("part", ["rules", "envs", "players"])
def test_an_unknown_key_of_the_inputs_is_refused(tournament: Tournament, tmp_path: Path, part: str):
    content = stored(tournament)
    inputs = json.loads(json.dumps(dataclasses.asdict(content.inputs)))
    tables = {"rules": inputs["rules"], "envs": inputs["envs"][0], "players": inputs["players"]["a/seed-0"]}
    tables[part]["surprise"] = 1
    with pytest.raises(ArenaError, match=r"tournament\.json is not a tournament of this version of arena-rl: its inputs: .*surprise"):
        read_stored(write(tmp_path / "tournament.json", content, inputs=inputs))


def test_another_version_of_the_form_is_refused(tournament: Tournament, tmp_path: Path):
    with pytest.raises(ArenaError, match=r"is not a tournament of this version of arena-rl: .*schema_version=2: Input should be 1"):
        read_stored(write(tmp_path / "tournament.json", stored(tournament), schema_version=2))


def test_tournaments_differ_by_rules_and_policies_but_not_by_where_their_files_are(tournament: Tournament, tmp_path: Path):
    there = stored(tournament).inputs
    moved = dataclasses.replace(tournament, path=tmp_path / "elsewhere", command="another")
    assert difference(there, stored(moved).inputs) == ""
    other = dataclasses.replace(tournament, rules=Rules(games=6))
    assert difference(there, stored(other).inputs) == "rules.games: 4 there, 6 wanted"
