import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.run_players import envs_of

CARTPOLE, ACROBOT, CONNECT_FOUR = EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"), EnvConfig("connect_four_v3")


def test_the_seeds_of_an_agent_are_one_entrant_over_all_environments(tmp_path, write_run, find):
    for env in (CARTPOLE, ACROBOT):
        for seed in (0, 3):
            write_run(tmp_path / "x", "keras-dqn", env.id, seed)
    write_run(tmp_path / "x", RANDOM, "CartPole-v1", 0)  # its policy only looks random; the random player itself takes part
    field = find([str(tmp_path / "x")], [CARTPOLE, ACROBOT])
    assert [(player.name, player.entrant) for player in field.players] == [
        (RANDOM, RANDOM),
        ("keras-dqn/seed-0", "keras-dqn"),
        ("keras-dqn/seed-3", "keras-dqn"),
    ]
    assert set(field.players[1].policies) == {"CartPole-v1", "Acrobot-v1"}
    assert field.players[2].runs["CartPole-v1"] == tmp_path / "x/keras-dqn/CartPole-v1/seed-3"
    assert envs_of([str(tmp_path / "x")]) == [ACROBOT, CARTPOLE]


def test_policy_files_and_single_runs_may_be_named(tmp_path, write_policy, write_run, find):
    file = write_policy(tmp_path / "one.onnx", "CartPole-v1")
    run = write_run(tmp_path, "a", "CartPole-v1", 1)
    field = find([str(file), f"mine={file}", f"theirs={run}", RANDOM], [CARTPOLE])
    assert [(player.name, player.entrant) for player in field.players[1:]] == [
        ("one", "one"),
        ("mine", "mine"),
        ("theirs/seed-1", "theirs"),
    ]


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


def test_players_that_cannot_play_are_refused_with_the_reason(tmp_path, write_run, write_policy, find):
    for arguments, env, message in _refusals(tmp_path, write_run, write_policy):
        with pytest.raises(ArenaError, match=message):
            find([str(argument) for argument in arguments], [env])


def test_policies_are_tried_once_and_only_those_of_players(tmp_path, write_policy, write_run, monkeypatch, find, tried):
    file = write_policy(tmp_path / "p.onnx", "CartPole-v1", 9)
    run = write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    write_run(tmp_path / "x", "b", "CartPole-v1", 0, status="diverged")
    write_run(tmp_path / "x", RANDOM, "CartPole-v1", 0)
    monkeypatch.chdir(tmp_path)
    find([f"mine={file}", f"yours={file}", str(tmp_path / "x"), RANDOM], [CARTPOLE])
    assert tried == [file, run / "policy.onnx"]
    with pytest.raises(ArenaError, match=r"no player 'absent\.onnx'"):
        find(["absent.onnx"], [CARTPOLE])  # and not every policy below this folder
    assert len(tried) == 2


def test_those_who_were_found_apart_are_checked_together(tmp_path, write_policy, write_run, find):
    file, run = write_policy(tmp_path / "a.onnx", "CartPole-v1"), write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    given, trained = find([f"b={file}"], [CARTPOLE]), find([str(run)], [CARTPOLE])
    assert [player.name for player in given.joined(trained).players] == [RANDOM, "b", "a/seed-0"]
    with pytest.raises(ArenaError, match="entrant 'a' would be both policy file"):
        find([str(file)], [CARTPOLE]).joined(trained)
    with pytest.raises(ArenaError, match="two players are called 'a/seed-0'"):
        trained.joined(trained)


def test_the_policies_that_a_run_has_kept_are_entrants_of_their_own(tmp_path, write_policy, write_run, find):
    run = write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    (run / "snapshots").mkdir()
    for env_steps in (20_000, 3_000):
        write_policy(run / "snapshots" / f"env-steps-{env_steps:012d}.onnx", "CartPole-v1")
    (run / "snapshots" / "notes.txt").touch()
    field = find([str(run / "snapshots"), str(run)], [CARTPOLE])
    assert [(player.name, player.entrant) for player in field.players[1:]] == [
        ("a@3000", "a@3000"),
        ("a@20000", "a@20000"),
        ("a/seed-0", "a"),
    ]
    field = find([f"mine={run / 'snapshots'}"], [CARTPOLE])
    assert [player.entrant for player in field.players[1:]] == ["mine@3000", "mine@20000"]


def test_a_program_plays_everywhere_under_its_name(tmp_path, write_policy, find):
    file = write_policy(tmp_path / "one.onnx", "connect_four_v3")
    field = find([str(file), "mine=programs_of_users:first"], [CONNECT_FOUR])
    mine = field.players[2]
    assert (mine.name, mine.entrant, mine.program.name) == ("mine", "mine", "programs_of_users:first")
    assert mine.plays("connect_four_v3")
    assert mine.plays_with("connect_four_v3") == mine.program
    with pytest.raises(ArenaError, match="two players are called 'mine', and one is a program"):
        find([f"mine={file}", "mine=programs_of_users:first"], [CONNECT_FOUR])


def test_a_program_and_runs_are_no_one_entrant(tmp_path, write_run, find):
    run = write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    with pytest.raises(ArenaError, match="would be both program programs_of_users:right and run"):
        find([str(run), "a=programs_of_users:right"], [CARTPOLE])


def test_a_program_that_fails_when_it_is_made_is_refused_before_any_match(find):
    with pytest.raises(ArenaError, match="no table of openings"):
        find(["mine=programs_of_users:unmade"], [CARTPOLE])
