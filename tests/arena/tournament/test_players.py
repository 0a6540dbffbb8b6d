import pytest

from arena.environments import EnvConfig
from arena.errors import ArenaError
from arena.tournament.players import RANDOM, envs_of, find_players

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
    return [
        ([tmp_path / "absent.onnx"], CARTPOLE, "no player '.*absent.onnx'"),
        ([file], ACROBOT, "Acrobot-v1: policy .*p.onnx cannot play here"),
        ([file], CONNECT_FOUR, "connect_four_v3: policy .* cannot play here"),
        ([run], ACROBOT, "holds no player for Acrobot-v1: it was trained on CartPole-v1"),
        ([lone], CARTPOLE, "policy.onnx is missing"),
        ([tmp_path / "empty"], CARTPOLE, r"no run folder \(run.json\)"),
        ([tmp_path / "odd"], CARTPOLE, "does not say which agent, env and seed"),
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
