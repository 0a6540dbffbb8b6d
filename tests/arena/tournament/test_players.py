import json
import re

import pytest

from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.errors import ArenaError
from arena.tournament.players import RANDOM, env_spaces, envs_of, find_players, policy_files

CARTPOLE, ACROBOT, CONNECT_FOUR = EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"), EnvConfig("connect_four_v3")


def test_the_seeds_of_an_agent_are_one_entrant_over_all_environments(tmp_path, write_run):
    for env in (CARTPOLE, ACROBOT):
        for seed in (0, 3):
            write_run(tmp_path / "x", "keras-dqn", env.id, seed)
    write_run(tmp_path / "x", RANDOM, "CartPole-v1", 0)  # its policy only looks random; the random player itself takes part
    field = find_players([str(tmp_path / "x")], [CARTPOLE, ACROBOT])
    assert [(player.name, player.entrant) for player in field.players] == [
        (RANDOM, RANDOM),
        ("keras-dqn/seed-0", "keras-dqn"),
        ("keras-dqn/seed-3", "keras-dqn"),
    ]
    assert set(field.players[1].policies) == {"CartPole-v1", "Acrobot-v1"}
    assert field.players[2].runs["CartPole-v1"] == tmp_path / "x/keras-dqn/CartPole-v1/seed-3"
    assert envs_of([str(tmp_path / "x")]) == [ACROBOT, CARTPOLE]


def test_policy_files_and_single_runs_may_be_named(tmp_path, write_policy, write_run):
    file = write_policy(tmp_path / "one.onnx", "CartPole-v1")
    run = write_run(tmp_path, "a", "CartPole-v1", 1)
    field = find_players([str(file), f"mine={file}", f"theirs={run}", RANDOM], [CARTPOLE])
    assert [(player.name, player.entrant) for player in field.players[1:]] == [
        ("one", "one"),
        ("mine", "mine"),
        ("theirs/seed-1", "theirs"),
    ]


def test_runs_that_failed_are_left_out_with_the_reason(tmp_path, write_run):
    write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    write_run(tmp_path / "x", "a", "CartPole-v1", 1, status="diverged", policy=False)
    write_run(tmp_path / "x", "b", "CartPole-v1", 0, policy=False)
    (write_run(tmp_path / "x", "b", "CartPole-v1", 1) / "result.json").unlink()
    field = find_players([str(tmp_path / "x")], [CARTPOLE])
    assert [player.name for player in field.players] == [RANDOM, "a/seed-0"]
    assert [reason.rpartition(": ")[2] for reason in field.left_out] == [
        "",
        "policy.onnx is missing",
        "the run has not ended; go on with it first",
    ]


def test_a_policy_trained_on_a_seat_plays_the_game(tmp_path, write_run):
    write_run(tmp_path / "x", "a", "arena/ConnectFour-v0", 0)
    assert [player.policies.keys() for player in find_players([str(tmp_path)], [CONNECT_FOUR]).players][1] == {"connect_four_v3"}


def _refusals(tmp_path, write_run, write_policy):
    file = write_policy(tmp_path / "p.onnx", "CartPole-v1")
    run = write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    lone = write_run(tmp_path / "y", "a", "CartPole-v1", 0, policy=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text('{"inputs": {}}')
    named = write_policy(tmp_path / "random.onnx", "CartPole-v1")
    again = write_run(tmp_path / "z", "a", "CartPole-v1", 0)
    odd_env = write_run(tmp_path / "odd_env", "a", "CartPole-v1", 0, inputs={"env": {"id": 5}})
    odd_seed = write_run(tmp_path / "odd_seed", "a", "CartPole-v1", 0, inputs={"seed": float("inf")})
    return [
        ([odd_env], CARTPOLE, "run.json: env.*id.*string"),
        ([odd_seed], CARTPOLE, "run.json: seed.*integer"),
        ([tmp_path / "absent.onnx"], CARTPOLE, "no player '.*absent.onnx'"),
        ([file], ACROBOT, "Acrobot-v1: policy .*p.onnx cannot play here"),
        ([file], CONNECT_FOUR, "connect_four_v3: policy .* cannot play here"),
        ([run], ACROBOT, "holds no player for Acrobot-v1: it was trained on CartPole-v1"),
        ([lone], CARTPOLE, "policy.onnx is missing"),
        ([tmp_path / "empty"], CARTPOLE, r"no run folder \(run.json\)"),
        ([tmp_path / "odd"], CARTPOLE, "run.json has schema_version None"),
        ([run, again], CARTPOLE, "two players are called 'a/seed-0'"),
        ([RANDOM], CARTPOLE, "at least one player besides the random one"),
        ([named], CARTPOLE, "'random' is the name of the uniformly random player"),
        ([f"a/b={file}"], CARTPOLE, "the name without '/'"),
        ([file], EnvConfig("connect_four_v3", {"size": 3}), "takes no arguments"),
        ([file], EnvConfig("CartPol-v1"), "did you mean 'CartPole-v1'"),
    ]


def test_players_that_cannot_play_are_refused_with_the_reason(tmp_path, write_run, write_policy):
    for arguments, env, message in _refusals(tmp_path, write_run, write_policy):
        with pytest.raises(ArenaError, match=message):
            find_players([str(argument) for argument in arguments], [env])


def test_a_run_folder_names_no_module_to_import(tmp_path, write_run, monkeypatch):
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0)
    (document,) = (tmp_path / "x").rglob("run.json")
    document.write_text(document.read_text().replace("arena/TicTacToe-v0", "stranger:Game-v0"))
    with pytest.raises(ArenaError, match="'stranger:Game-v0', which is not a registered environment"):
        envs_of([str(tmp_path / "x")])
    with pytest.raises(ArenaError, match="holds no player for tictactoe_v3"):
        find_players([str(tmp_path / "x")], [EnvConfig("tictactoe_v3")])


def test_a_policy_file_and_runs_are_not_one_entrant(tmp_path, write_policy, write_run):
    file, run = write_policy(tmp_path / "a.onnx", "CartPole-v1"), write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    for arguments in ([file, run], [run, file]):
        with pytest.raises(ArenaError, match=rf"entrant 'a' would be both policy file {file} and run {run}; give one as NAME=PATH"):
            find_players(list(map(str, arguments)), [CARTPOLE])
    field = find_players([f"file={file}", str(run)], [CARTPOLE])
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
def test_runs_that_were_trained_otherwise_are_not_one_entrant(tmp_path, write_run, changed, there, here):
    one = write_run(tmp_path / "x", "a", "CartPole-v1", 0, inputs=_settings())
    two = write_run(tmp_path / "y", "a", "CartPole-v1", 1, inputs=_settings(**changed))
    with pytest.raises(ArenaError, match=re.escape(f"entrant 'a' would be two agents: {one} has {there}, {two} has {here}")):
        find_players([str(one), str(two)], [CARTPOLE])
    assert len(find_players([str(one), f"b={two}"], [CARTPOLE]).players) == 3


def test_seats_trained_against_other_opponents_are_not_one_entrant(tmp_path, write_run):
    write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0)
    write_run(tmp_path / "y", "a", "arena/TicTacToe-v0", 1, inputs={"env": {"id": "arena/TicTacToe-v0", "kwargs": {"opponent": "self"}}})
    with pytest.raises(ArenaError, match=r"would be two agents: .* has env kwargs\.opponent=null, .* has kwargs\.opponent=.self."):
        find_players([str(tmp_path)], [EnvConfig("tictactoe_v3")])


def test_one_name_stands_for_one_agent_on_all_environments_though_settings_may_differ(tmp_path, write_run):
    write_run(tmp_path / "x", "a", "CartPole-v1", 0, inputs=_settings())
    write_run(tmp_path / "x", "a", "Acrobot-v1", 0, inputs=_settings(budget={"env_steps": 7}))
    assert len(find_players([str(tmp_path / "x")], [CARTPOLE, ACROBOT]).players) == 2
    write_run(tmp_path / "x", "a", "Acrobot-v1", 1, inputs=_settings(agent={"name": "a", "agent": "ppo", "hyperparameters": {}}))
    with pytest.raises(ArenaError, match="would be two agents"):
        find_players([str(tmp_path / "x")], [CARTPOLE, ACROBOT])


@pytest.mark.parametrize("name", ["a~b", "a/b", "[red]a", "a]", "a\nb", "a\x1b[2J", " a", "\u202ea", ""])
def test_names_that_ids_or_terminals_cannot_hold_are_refused(tmp_path, write_policy, write_run, name):
    file, run = write_policy(tmp_path / "p.onnx", "CartPole-v1"), write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    document = run / "run.json"
    document.write_text(document.read_text().replace('"name": "a"', f'"name": {json.dumps(name)}'))
    for argument in (f"{name}={file}", str(run)):
        with pytest.raises(ArenaError, match=r"cannot name an entrant; give NAME=PATH, the name without '/', '\[', '\]', '~'"):
            find_players([argument], [CARTPOLE])
    assert find_players([f"good={run}"], [CARTPOLE]).players[1].entrant == "good"


def test_policies_to_try_are_those_of_the_players_and_no_others(tmp_path, write_policy, write_run, monkeypatch):
    file = write_policy(tmp_path / "p.onnx", "CartPole-v1")
    run = write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    write_run(tmp_path / "x", "b", "CartPole-v1", 0, status="diverged")
    write_run(tmp_path / "x", RANDOM, "CartPole-v1", 0)
    monkeypatch.chdir(tmp_path)
    assert policy_files([f"mine={file}", str(tmp_path / "x"), RANDOM]) == [file, run / "policy.onnx"]
    with pytest.raises(ArenaError, match=r"no player 'absent\.onnx'"):
        policy_files(["absent.onnx"])  # and not every policy below this folder


def test_a_game_that_fails_when_it_is_made_is_named_in_one_line(monkeypatch):
    def fail(self):
        raise OSError("no\nboard")

    monkeypatch.setattr(Game, "close", fail)
    with pytest.raises(ArenaError, match=r"^game connect_four_v3 failed when it was made: OSError: no board$"):
        env_spaces(CONNECT_FOUR)
