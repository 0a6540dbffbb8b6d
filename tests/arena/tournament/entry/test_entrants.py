import json
import re

import pytest
from strangers import reseal

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.entry.player import RANDOM

CARTPOLE, ACROBOT, CONNECT_FOUR = EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"), EnvConfig("connect_four_v3")


def test_a_policy_file_and_runs_are_not_one_entrant(tmp_path, write_policy, write_run, find):
    file, run = write_policy(tmp_path / "a.onnx", "CartPole-v1"), write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    for arguments in ([file, run], [run, file]):
        with pytest.raises(ArenaError, match=rf"entrant 'a' would be both policy file {file} and run {run}; give one as NAME=PATH"):
            find(list(map(str, arguments)), [CARTPOLE])
    field = find([f"file={file}", str(run)], [CARTPOLE])
    assert [player.entrant for player in field.players] == [RANDOM, "file", "a"]


def _settings(**changed):
    inputs = {"agent": {"name": "a", "agent": "dqn", "hyperparameters": {"discount": 0.9, "num_envs": 1}}, "budget": {"env_steps": 9}}
    return {**inputs, **changed}


@pytest.mark.parametrize(
    ("changed", "there", "here"),
    [
        (
            {"agent": {"name": "a", "agent": "dqn", "hyperparameters": {"discount": 0.5, "num_envs": 1}}},
            "hyperparameters discount=0.9",
            "discount=0.5",
        ),
        ({"budget": {"env_steps": 8}}, "budget env_steps=9", "env_steps=8"),
        ({"agent": {"name": "a", "agent": "ppo", "hyperparameters": {"discount": 0.9, "num_envs": 1}}}, 'agent "dqn"', '"ppo"'),
    ],
)
def test_runs_that_were_trained_otherwise_are_not_one_entrant(tmp_path, write_run, changed, there, here, find):
    one = write_run(tmp_path / "x", "a", "CartPole-v1", 0, inputs=_settings())
    two = write_run(tmp_path / "y", "a", "CartPole-v1", 1, inputs=_settings(**changed))
    with pytest.raises(ArenaError, match=re.escape(f"entrant 'a' would be two agents: {one} has {there}, {two} has {here}")):
        find([str(one), str(two)], [CARTPOLE])
    assert len(find([str(one), f"b={two}"], [CARTPOLE]).players) == 3


def test_seats_trained_against_other_opponents_are_not_one_entrant(tmp_path, write_run, find):
    write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0)
    write_run(tmp_path / "y", "a", "arena/TicTacToe-v0", 1, inputs={"env": {"id": "arena/TicTacToe-v0", "kwargs": {"opponent": "self"}}})
    reseal(tmp_path / "y" / "a" / "arena-TicTacToe-v0" / "seed-1")
    with pytest.raises(ArenaError, match=r"would be two agents: .* has env kwargs\.opponent=null, .* has kwargs\.opponent=.self."):
        find([str(tmp_path)], [EnvConfig("tictactoe_v3")])


def test_one_name_stands_for_one_agent_on_all_environments_though_settings_may_differ(tmp_path, write_run, find):
    write_run(tmp_path / "x", "a", "CartPole-v1", 0, inputs=_settings())
    write_run(tmp_path / "x", "a", "Acrobot-v1", 0, inputs=_settings(budget={"env_steps": 7}))
    assert len(find([str(tmp_path / "x")], [CARTPOLE, ACROBOT]).players) == 2
    write_run(tmp_path / "x", "a", "Acrobot-v1", 1, inputs=_settings(agent={"name": "a", "agent": "ppo", "hyperparameters": {}}))
    with pytest.raises(ArenaError, match="would be two agents"):
        find([str(tmp_path / "x")], [CARTPOLE, ACROBOT])


@pytest.mark.parametrize("name", ["a~b", "a/b", "[red]a", "a]", "a\nb", "a\x1b[2J", " a", "\u202ea", ""])
def test_names_that_ids_or_terminals_cannot_hold_are_refused(tmp_path, write_policy, write_run, name, find):
    file, run = write_policy(tmp_path / "p.onnx", "CartPole-v1"), write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    document = run / "run.json"
    document.write_text(document.read_text().replace('"name": "a"', f'"name": {json.dumps(name)}'))
    reseal(run)
    for argument in (f"{name}={file}", str(run)):
        with pytest.raises(ArenaError, match=r"cannot name an entrant; give NAME=PATH, the name without '/', '\[', '\]', '~'"):
            find([argument], [CARTPOLE])
    assert find([f"good={run}"], [CARTPOLE]).players[1].entrant == "good"
