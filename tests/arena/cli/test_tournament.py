"""`arena tournament` from end to end, on policies and agents without a framework."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arena.cli.app import main
from arena.environments.config import EnvConfig
from arena.environments.spaces import network_inputs
from arena.experiment.file import from_toml
from arena.experiment.inheritance import load_table
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.schedule.openings import Openings
from arena.tournament.tournament import Rules

FAKE = "arena.testing.fakes:FAKE_AGENT"


def arena(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arena", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


def write_policy(path: Path, env_id: str, value: float) -> None:
    observations, actions = env_spaces(EnvConfig(env_id))
    kernel = np.full((network_inputs(observations).shape[0], int(actions.n)), value, np.float32)
    kernel[:, 0] = 0.0
    PolicyNetwork([Dense(kernel, np.zeros(int(actions.n), np.float32))], observations, actions).export(path)


@pytest.mark.worker
def test_policies_meet_in_a_game_and_the_leaderboard_says_who_won(tmp_path: Path):
    for name, value in (("one", 1.0), ("two", -1.0)):
        write_policy(tmp_path / f"{name}.onnx", "tictactoe_v3", value)
    arguments = ("tournament", "one.onnx", "two.onnx", "--env", "tictactoe_v3", "--games", "12", "--workers", "1")
    result = arena(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "won-tied-lost" in result.stdout
    assert "distinct games of 36" in result.stdout
    assert Path(tmp_path, result.stdout.rpartition("Leaderboard: ")[2].strip()).is_file()
    standings = json.loads((tmp_path / "logs/tournament/standings.json").read_text())
    assert {row["entrant"] for row in standings["rows"]} == {"one", "two", "random"}
    again = arena(*arguments, "--json", cwd=tmp_path)
    assert [json.loads(line)["entrant"] for line in again.stdout.splitlines()] == [row["entrant"] for row in standings["rows"]]
    changed = arena(*arguments, "--opening-plies", "1", cwd=tmp_path)
    assert changed.returncode == 2
    assert "rules.opening_plies: 4 there, 1 wanted" in changed.stderr


@pytest.mark.worker
def test_a_file_that_only_quarantine_refuses_plays_no_tournament(tmp_path: Path):
    write_policy(tmp_path / "sound.onnx", "CartPole-v1", 1.0)
    write_policy(tmp_path / "wild.onnx", "CartPole-v1", 3e38)  # finite weights, infinite scores
    result = arena("tournament", "sound.onnx", "wild.onnx", "constant", "--env", "CartPole-v1", cwd=tmp_path)
    assert result.returncode == 2
    assert "policy wild.onnx fails on 128 observations: it gave scores that are not finite" in result.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.worker
def test_an_experiment_file_is_trained_and_played(tmp_path: Path):
    (tmp_path / "tiny.toml").write_text(
        f"""
        agents = ["random", {{ agent = "{FAKE}", name = "fake" }}, "constant"]
        envs = ["CartPole-v1"]
        seeds = 2
        budget.env_steps = 400
        evaluation = {{ period = 200, episodes = 2, final_episodes = 2 }}
        [tournament]
        episodes = 5
        """
    )
    result = arena("tournament", "tiny.toml", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    standings = json.loads((tmp_path / "logs/tiny/tournament/standings.json").read_text())
    assert {row["entrant"]: len(row["members"]) for row in standings["rows"]} == {"random": 1, "fake": 2, "constant": 2}
    assert next(row for row in standings["rows"] if row["entrant"] == "fake")["cost"]["env_steps"] == 800


def test_every_agent_with_action_masks_that_learns_connect_four_plays_the_others():
    path = Path(__file__).parents[3] / "configs" / "connect_four.toml"
    experiment, (table, _) = from_toml(path), load_table(path)
    assert {agent.agent for agent in experiment.agents} == {"rllib-dqn", "rllib-ppo", "tfagents-dqn", "keras-dqn", "keras-ppo"}
    own = dict(table["tournament"])
    assert own.pop("envs") == ["connect_four_v3"]
    assert [env_spaces(env) for env in experiment.envs] == [env_spaces(EnvConfig("connect_four_v3"))]
    rules = Rules(**own)
    assert rules.schedule == "round-robin"
    assert Openings("connect_four_v3", rules.seed, rules.opening_plies).num_distinct(rules.games // 2) == rules.games // 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keras-dqm", "--env", "CartPole-v1"], "no player 'keras-dqm'; did you mean 'keras-dqn'?"),
        (["random", "--env", "CartPole-v1"], "at least one player besides the random one"),
        (["p.onnx"], "say what is played: --env ID"),
        (["p.onnx", "--env", "conect_four_v3"], "no game 'conect_four_v3' in pettingzoo.classic; did you mean 'connect_four_v3'?"),
        (["p.onnx", "--env", "CartPole-v1", "--episodes", "0"], "tournament.episodes=0"),
        (["p.onnx", "--env", "CartPole-v1", "--name", "a/b"], "tournament name 'a/b' must be letters"),
        (["p.onnx", "--env", "Acrobot-v1"], "policy p.onnx cannot play here"),
        (["p.onnx", "constant", "--env", "Acrobot-v1"], "policy p.onnx cannot play here"),
        (["a~b=p.onnx", "--env", "CartPole-v1"], "'a~b' cannot name an entrant; give NAME=PATH"),
        (["plain.toml"], "plain.toml has no [tournament] table"),
        (["odd.toml"], "tournament: unknown key 'episods'; did you mean 'episodes'?"),
        (["plain.toml", "--quiet", "--json"], "--quiet and --json exclude each other"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_leaves_nothing(tmp_path: Path, monkeypatch, capsys, tried, arguments, message):
    write_policy(tmp_path / "p.onnx", "CartPole-v1", 1.0)
    (tmp_path / "plain.toml").write_text('agents = ["constant"]\nenvs = ["CartPole-v1"]\n')
    (tmp_path / "odd.toml").write_text('agents = ["constant"]\nenvs = ["CartPole-v1"]\ntournament = { episods = 3 }\n')
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["arena", "tournament", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)  # the test's process keeps its own
    with pytest.raises(SystemExit) as exit_:
        main()
    error = capsys.readouterr().err
    assert exit_.value.code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_agents_are_not_trained_on_a_game_and_are_told_where(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["arena", "tournament", "random", "constant", "--env", "tictactoe_v3"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert "constant cannot be trained on tictactoe_v3, a game of two players; train on arena/TicTacToe-v0" in told
    assert "arena train constant arena/TicTacToe-v0, then arena tournament logs/train --env tictactoe_v3" in told
    assert not list(tmp_path.iterdir())
