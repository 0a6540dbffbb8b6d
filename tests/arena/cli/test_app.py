"""The command line as a person or a CI job meets it."""

import errno
import importlib.util
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from arena.cli import app, env
from arena.cli.smoke import FULL_BAR, QUICK_BAR, Verdict, judge, write_junit
from arena.cli.train import parse_setting
from arena.errors import ArenaError
from arena.policies.evaluation import Evaluation
from arena.run_folder.result import RunResult

FAKE = "arena.testing.fakes:FAKE_AGENT"


def arena(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arena", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


def test_settings_are_toml_values_or_bare_words():
    assert parse_setting("learning_rate=1e-3") == ("learning_rate", 1e-3)
    assert parse_setting("hidden_sizes=[64, 64]") == ("hidden_sizes", [64, 64])
    assert parse_setting("backend=torch") == ("backend", "torch")
    assert parse_setting("double=true") == ("double", True)
    with pytest.raises(ArenaError, match="must be KEY=VALUE"):
        parse_setting("learning_rate")


@pytest.mark.worker
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "keras-dqm", "CartPole-v1"], "no agent 'keras-dqm'; did you mean 'keras-dqn'?"),
        (["train", FAKE, "CartPol-v1"], "no environment 'CartPol-v1'; did you mean 'CartPole-v1'?"),
        (["train", FAKE, "Pendulum-v1"], "fake takes discrete actions; Pendulum-v1 has box"),
        (["train", FAKE, "CartPole-v1", "--set", "epsilom=1"], "no hyperparameter 'epsilom'; did you mean 'epsilon'?"),
        (["train", FAKE, "CartPole-v1", "--set", "epsilon=2"], "epsilon=2: Input should be less than or equal to 1"),
        (["train", FAKE, "CartPole-v1", "--set", "epsilon=high"], "epsilon='high': Input should be a valid number"),
        (["train", FAKE, "CartPole-v1", "--device", "tpu"], "resources.device='tpu': give auto, cpu, cuda or cuda:N"),
        (["train", FAKE, "CartPole-v9"], "; did you mean 'CartPole-v"),
        (["train", FAKE, "Foo/Bar-v0"], "(arena list envs)"),
        (["train", FAKE, "CartPole-v1", "--env-set", "foo=1"], "; it takes sutton_barto_reward, render_mode"),
        (["train", FAKE, "CartPole-v1", "--init", "absent"], "give the folder that holds its run.json"),
        (["train", FAKE, "CartPole-v1", "--name", "a/b"], "experiment name 'a/b' must be letters"),
        (["train", "arena.testing.fakes:NOTHING", "CartPole-v1"], "no agent spec at 'arena.testing.fakes:NOTHING'"),
        (["run", "absent.toml"], "cannot read absent.toml: No such file or directory; `arena list configs` lists"),
        (["run", "brokem.toml"], "No such file or directory; did you mean 'broken.toml'?"),
        (["run", "."], ". is a folder; give the experiment's file in TOML"),
        (["status", "absent"], "there is no folder or file 'absent'; give a folder with runs"),
        (["show", "absent"], "no policy 'absent' (a policy file, or the folder of a run"),
        (["show", "keras-dqn"], "is an agent, which has no policy before it is trained: arena train keras-dqn"),
        (["explain", "absent"], "no policy 'absent'"),
        (["leaderboard", "."], "there is no tournament in .; give a folder that `arena tournament` has written"),
        (["tune", "keras-dqn"], "keras-dqn is an agent; say on which environment: arena tune keras-dqn CartPole-v1"),
        (["smoke", "--agents", ","], "--agents ',' names no agent"),
        (["schema", "--output", "."], "cannot write .: it is a folder; give the name of a file"),
        (["schema", "--output", "broken.toml/x.json"], "broken.toml is a file and no folder"),
        (["run", "broken.toml"], "broken.toml is not valid TOML"),
        (["smoke", "--agents", "keras-dqm"], "no agent 'keras-dqm' in the smoke test; did you mean 'keras-dqn'?"),
        (["run", "broken.toml", "--quiet", "--json"], "--quiet and --json exclude each other"),
        (["train", FAKE, "CartPole-v1", "--output", "broken.toml"], "cannot make the output folder"),
        (["train", FAKE, "CartPole-v1", "--steps", "0"], "'--steps': Input should be greater than or equal to 1 (arena train --help)"),
        (["train", FAKE, "CartPole-v1", "--steps", "many"], "'--steps'"),
        (["train", FAKE], "Missing argument 'env'. (arena train --help)"),
        (["train", FAKE, "CartPole-v1", "--stepz", "3"], "No such option: --stepz"),
        (["trian"], "No such command 'trian'. Did you mean 'train'? (arena --help)"),
        (["list", "foo"], "Invalid value for 'what': 'foo' is not one of 'agents', 'envs'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_leaves_nothing(tmp_path: Path, arguments: list[str], message: str):
    (tmp_path / "broken.toml").write_text("agents = [\n")
    result = arena(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.toml"]


@pytest.mark.worker
def test_smoke_passes_nothing_that_an_earlier_call_has_trained(tmp_path: Path):
    (tmp_path / "kept" / "smoke").mkdir(parents=True)
    result = arena("smoke", "--agents", "keras-ppo", "--output", "kept", cwd=tmp_path)
    assert result.returncode == 2
    assert "kept/smoke is there already" in result.stderr


@pytest.mark.worker
def test_train_prints_a_table_and_refuses_the_same_folder(tmp_path: Path):
    arguments = ("train", FAKE, "arena/Identity-v0", "--steps", "2000")
    result = arena(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "finished" in result.stdout
    assert "policy.onnx" in result.stdout
    assert "\x1b" not in result.stdout, "no colours where there is no terminal"
    again = arena(*arguments, cwd=tmp_path)
    assert again.returncode == 2
    assert "holds a finished run" in again.stderr
    resumed = arena(*arguments, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.worker
def test_a_failing_run_gives_exit_code_1_and_json_lines_say_so(tmp_path: Path):
    result = arena("train", FAKE, "arena/Identity-v0", "--steps", "2000", "--set", "fault=crash", "--json", cwd=tmp_path)
    assert result.returncode == 1
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert any(event.get("status") == "crashed" for event in events)


@pytest.mark.worker
def test_quiet_prints_the_score_alone(tmp_path: Path):
    result = arena("train", FAKE, "arena/Identity-v0", "--steps", "500", "--quiet", cwd=tmp_path)
    assert result.returncode == 0
    (line,) = result.stdout.splitlines()
    assert re.fullmatch(r"\S+/arena-Identity-v0/seed-0: [\d.]+ ± [\d.]+", line), line


@pytest.mark.worker
def test_lists(tmp_path: Path):
    agents = [json.loads(line) for line in arena("list", "agents", "--json", cwd=tmp_path).stdout.splitlines()]
    assert {"tfagents-dqn", "rllib-ppo", "keras-dqn", "kerasrl-dqn", "random"} <= {agent["id"] for agent in agents}
    assert "arena/Identity-v0" in arena("list", "envs", cwd=tmp_path).stdout.split()


def evaluation(*returns: float) -> Evaluation:
    import numpy as np

    values = np.array(returns)
    return Evaluation(values, np.ones(len(values), int), np.zeros((1, 4)))


def result(**changes) -> RunResult:
    values = {"status": "finished", "agent": "a", "env": "e", "seed": 0, "path": "", "score_episodes": 100}
    return RunResult(**{**values, "score_mean": 490.0, "score_std": 10.0, **changes})


def test_the_smoke_verdict_needs_a_finished_run_the_bar_and_a_margin_over_random():
    random = evaluation(*[20.0, 25.0] * 50)
    assert judge(result(), random, FULL_BAR).passed
    assert not judge(result(score_mean=470.0), random, FULL_BAR).passed
    assert judge(result(score_mean=200.0), random, QUICK_BAR).passed
    low = judge(result(score_mean=23.0), random, 10.0)
    assert not low.passed
    assert "no better than random play" in low.reason
    crashed = judge(result(status="crashed", reason="boom", score_mean=None), random, QUICK_BAR)
    assert (crashed.passed, crashed.reason) == (False, "crashed: boom")


def test_junit_counts_failures_and_gives_reasons(tmp_path: Path):
    path = tmp_path / "sub" / "smoke.xml"
    write_junit(path, [Verdict("a", True, "fine", 1.0), Verdict("b", False, "below <the> bar", 2.0)])
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failure = suite.find("testcase[@name='b']/failure")
    assert failure is not None
    assert failure.get("message") == "below <the> bar"


TUNE = f"""
agents = ["{FAKE}"]
envs = ["arena/Identity-v0"]
seeds = 2
budget = {{ env_steps = 1000 }}
evaluation = {{ period = 1000, episodes = 5, final_episodes = 5 }}
[tune]
trials = 2
[tune.space.fake]
epsilon = {{ low = 0.1, high = 0.9 }}
"""


@pytest.mark.worker
def test_a_search_a_plan_a_run_and_its_state(tmp_path: Path):
    (tmp_path / "search.toml").write_text(TUNE)
    tuned = arena("tune", "search.toml", "--json", cwd=tmp_path)
    assert tuned.returncode == 0, tuned.stderr
    trials = [json.loads(line) for line in tuned.stdout.splitlines()]
    assert [trial["trial"] for trial in trials] == ["trial-0000", "trial-0001"]
    best = max(trials, key=lambda trial: trial["score"] or -1.0)
    again = arena("tune", "search.toml", "--trials", "2", "--json", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, ""), "nothing is left to try"

    assert "4 finished" in arena("status", "search.toml", cwd=tmp_path).stdout

    (tmp_path / "after.toml").write_text('extends = ["search.toml", "logs/search/best.toml"]\nseeds = 1\n')
    plan = arena("run", "after.toml", "--dry-run", "--json", cwd=tmp_path)
    document = json.loads(plan.stdout)
    assert [run["state"] for run in document["runs"]] == ["to do"]
    assert document["seconds"] > 0.0, "the trials say how long it takes"
    assert not (tmp_path / "logs" / "after").exists()
    assert "1 to do" in arena("run", "after.toml", "--dry-run", cwd=tmp_path).stdout

    assert arena("run", "after.toml", "--quiet", cwd=tmp_path).returncode == 0
    record = json.loads((tmp_path / "logs/after/fake/arena-Identity-v0/seed-0/run.json").read_text())
    assert record["inputs"]["agent"]["hyperparameters"]["epsilon"] == best["settings"]["epsilon"]
    assert (record["tuning"]["trials"], record["tuning"]["env_steps"]) == (2, 4_000)
    state = json.loads(arena("status", "after.toml", "--json", cwd=tmp_path).stdout)
    assert (state["name"], state["state"], state["env_steps"]) == ("fake/arena-Identity-v0/seed-0", "finished", 1_000)
    assert "1 finished" in arena("status", "logs/after", cwd=tmp_path).stdout

    (tmp_path / "after.toml").write_text('extends = "search.toml"\n')
    refused = arena("run", "after.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert "with other inputs" in refused.stderr
    assert "agent.hyperparameters.epsilon" in refused.stderr.splitlines()[1]
    assert arena("run", "after.toml", "--name", "other", "--quiet", cwd=tmp_path).returncode == 0


@pytest.mark.worker
def test_status_of_a_failed_run_gives_the_reason_and_exit_code_1(tmp_path: Path):
    arena("train", FAKE, "arena/Identity-v0", "--steps", "1000", "--set", "fault=crash", "--quiet", cwd=tmp_path)
    state = arena("status", "logs", cwd=tmp_path)
    assert state.returncode == 1
    assert "the fake agent crashes after" in state.stdout
    nothing = arena("status", "absent", cwd=tmp_path)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)


def test_a_system_without_file_locks_is_told_so_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error == "arena: this system has no file locks (Python's fcntl): the arena runs on Linux and macOS, and on Windows under WSL\n"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "arena: /logs/x: Permission denied; change its permissions, or give another place\n"),
        (errno.EROFS, "arena: /logs/x: Read-only file system; give another place\n"),
        (errno.ENOSPC, "arena: the disk is full: No space left on device: /logs/x; free some space, and repeat the command\n"),
    ],
)
def test_errors_of_the_system_are_one_line_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, sentence: str
):
    def fail(*, mode: str) -> None:
        raise OSError(number, os.strerror(number), "/logs/x")

    monkeypatch.setattr(env, "env", fail)
    monkeypatch.setattr(sys, "argv", ["arena", "env"])
    monkeypatch.setattr(app, "end_as_by_ctrl_c", lambda: None)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert (caught.value.code, capsys.readouterr().err) == (2, sentence)


def test_an_error_that_no_user_can_act_on_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch):
    def fail(*, mode: str) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(env, "env", fail)
    monkeypatch.setattr(sys, "argv", ["arena", "env"])
    monkeypatch.setattr(app, "end_as_by_ctrl_c", lambda: None)
    with pytest.raises(OSError, match="Bad file descriptor"):
        app.main()


@pytest.mark.worker
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_standard_output_is_told_in_one_line(tmp_path: Path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "arena", "env"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "arena: the disk is full: No space left on device; free some space, and repeat the command\n",
    )


def test_a_league_without_a_command_shows_its_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["arena", "league"])
    monkeypatch.setattr(app, "end_as_by_ctrl_c", lambda: None)
    with pytest.raises(SystemExit) as caught:
        app.main()
    assert not caught.value.code
    assert "Compute the standings from all matches" in capsys.readouterr().out
