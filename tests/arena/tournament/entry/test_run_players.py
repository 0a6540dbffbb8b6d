import json

import pytest
from strangers import reseal

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.tournament.entry.player import RANDOM
from arena.tournament.entry.run_players import envs_of, episode_limit

CARTPOLE, ACROBOT, CONNECT_FOUR = EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1"), EnvConfig("connect_four_v3")


def test_a_run_folder_names_no_module_to_import(tmp_path, write_run, monkeypatch, find):
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    write_run(tmp_path / "x", "a", "arena/TicTacToe-v0", 0)
    (document,) = (tmp_path / "x").rglob("run.json")
    document.write_text(document.read_text().replace("arena/TicTacToe-v0", "stranger:Game-v0"))
    with pytest.raises(ArenaError, match=r"'stranger:Game-v0', which is not among what is installed here, .* add --allow stranger:Game-v0"):
        envs_of([str(tmp_path / "x")])
    with pytest.raises(ArenaError, match="holds no player for tictactoe_v3"):
        find([str(tmp_path / "x")], [EnvConfig("tictactoe_v3")])


@pytest.mark.parametrize("status", ["crashed", "timed_out", "killed", "diverged"])
def test_a_failed_run_is_a_player_without_a_policy(tmp_path, write_run, find, tried, status):
    write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    failed = write_run(tmp_path / "x", "a", "CartPole-v1", 1, status=status)  # what it kept before it failed is not judged
    write_run(tmp_path / "x", "a", "Acrobot-v1", 1)
    players = find([str(tmp_path / "x")], [CARTPOLE, ACROBOT]).players
    assert [player.name for player in players] == [RANDOM, "a/seed-1", "a/seed-0"]
    player = players[1]
    assert (player.failed, player.policies.keys(), player.runs["CartPole-v1"]) == ({"CartPole-v1": status}, {"Acrobot-v1"}, failed)
    assert player.plays("CartPole-v1")
    assert failed / "policy.onnx" not in [policy.source for each in players for policy in each.policies.values()]
    with pytest.raises(ArenaError, match=r"two players are called 'a/seed-1': .*seed-1 and .*seed-1; give one as NAME=PATH"):
        find([str(tmp_path / "x"), str(failed)], [CARTPOLE])


def test_runs_without_an_outcome_or_a_policy_are_left_out_with_the_reason(tmp_path, write_run, find):
    write_run(tmp_path / "x", "a", "CartPole-v1", 0)
    write_run(tmp_path / "x", "a", "CartPole-v1", 1, status="pruned", policy=False)
    write_run(tmp_path / "x", "b", "CartPole-v1", 0, policy=False)
    (write_run(tmp_path / "x", "b", "CartPole-v1", 1) / "result.json").unlink()
    field = find([str(tmp_path / "x")], [CARTPOLE])
    assert [player.name for player in field.players] == [RANDOM, "a/seed-0"]
    assert [reason.rpartition(": ")[2] for reason in field.left_out] == [
        "",
        "policy.onnx is missing",
        "the run has not ended; resume it first",
    ]


def test_a_policy_trained_on_a_seat_plays_the_game(tmp_path, write_run, find):
    write_run(tmp_path / "x", "a", "arena/ConnectFour-v0", 0)
    assert [player.policies.keys() for player in find([str(tmp_path)], [CONNECT_FOUR]).players][1] == {"connect_four_v3"}


def test_copies_of_one_run_are_one_player_and_named(tmp_path, write_run, find):
    paths = [write_run(tmp_path / "x", "a", "CartPole-v1", seed) for seed in range(3)]
    for seed, path in enumerate(paths):
        lengths = (10, 20 + (seed == 2))
        rows = [{"env_steps": each, "episode_return": each, "episode_length": each, "terminated": True} for each in lengths]
        (path / "episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (path / "evaluations.jsonl").write_bytes((paths[0] / "evaluations.jsonl").read_bytes())
        reseal(path)
    found = find([str(tmp_path / "x")], [CARTPOLE])
    assert [player.name for player in found.players] == [RANDOM, "a/seed-0", "a/seed-2"]
    (reason,) = found.left_out
    assert reason == f"{paths[1]}: the same training episodes and evaluations as {paths[0]}, so it is no further seed"


def test_a_tournament_cuts_episodes_where_the_runs_evaluations_did(tmp_path, write_run):
    folders = [write_run(tmp_path / name, "a", "CartPole-v1", 0) for name in ("x", "y", "z")]
    for folder, limit in zip(folders, (None, 200, 50), strict=True):
        document = json.loads((folder / "run.json").read_text())
        document["inputs"]["evaluation"]["max_episode_steps"] = limit
        (folder / "run.json").write_text(json.dumps(document))
    assert [episode_limit([str(folder)]) for folder in folders] == [None, 200, 50]
    assert episode_limit([str(tmp_path)]) == 200
    assert episode_limit(["random"]) is None
