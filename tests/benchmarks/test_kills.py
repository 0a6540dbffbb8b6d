"""The kill script: a sample of it, with an agent of the core and with one of a framework; docs/kills.md holds the whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.kills import CORE_AGENTS, EVERY_AGENT, main, table, workers_in


@pytest.mark.parametrize(
    ("agent", "kills", "more"),
    [
        pytest.param("fake", 2, [], marks=pytest.mark.worker),
        pytest.param("fake", 2, ["--warm", "--targets", "arena,server"], marks=pytest.mark.worker),
        pytest.param("fake", 2, ["--warm", "--targets", "worker"], marks=pytest.mark.worker),
        pytest.param("keras-ppo", 2, [], marks=[pytest.mark.framework, pytest.mark.slow]),
        pytest.param("tfagents-dqn", 2, [], marks=[pytest.mark.framework, pytest.mark.slow]),
        pytest.param("rllib-ppo", 2, ["--warm"], marks=[pytest.mark.framework, pytest.mark.slow]),
    ],
)
def test_killed_runs_end_as_uninterrupted_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str], agent: str, kills: int, more: list[str]):
    records = tmp_path / "kills.jsonl"
    options = ["--agents", agent, "--kills", str(kills), "--stop-seconds", "1", "--folder", str(tmp_path), "--records", str(records)]
    assert main([*options, "--env-steps", "3000", *more]) == 0, capsys.readouterr().out
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    assert sum(len(row["kills"]) for row in rows) == kills
    assert all(row["differences"] == [] for row in rows)
    if "--targets" in more:
        assert {kill["target"] for row in rows for kill in row["kills"]} <= {*more[-1].split(",")}
    assert f"| `{agent}` |" in capsys.readouterr().out


WAIT = "import sys; file = open(sys.argv[2]) if sys.argv[2] else None; print('ready', flush=True); sys.stdin.read()"


@pytest.mark.worker
@pytest.mark.parametrize(
    ("module", "opened", "named", "is_found"),
    [
        ("arena.worker", False, True, True),
        ("arena.worker.server", True, False, True),
        ("arena.worker.server", False, False, False),
        ("tail", True, False, False),
    ],
    ids=["spawned", "forked", "of another folder", "no worker"],
)
def test_workers_that_are_left_are_found(tmp_path: Path, module: str, opened: bool, named: bool, is_found: bool):
    """A forked worker has its server's command line, which names no folder."""
    file = tmp_path / "folder" / "events"
    file.parent.mkdir()
    file.write_text("")
    link = tmp_path / "link"  # the command line doesn't name the folder
    link.symlink_to(file)
    command = [sys.executable, "-c", WAIT, module, str(link) if opened else "", *([str(file)] if named else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        found = [worker.pid for worker in workers_in(file.parent.resolve())]
        process.kill()
    assert found == ([process.pid] if is_found else [])


def test_every_agent_and_every_backend_of_keras_is_killed():
    assert {"tfagents-dqn", "tfagents-c51", "rllib-dqn", "rllib-ppo", "kerasrl-dqn", "kerasrl-sarsa", "random"} <= EVERY_AGENT.keys()
    assert {"keras-sac", "keras-td3", "tfagents-sac", "rllib-sac"} <= EVERY_AGENT.keys()
    for algorithm in ("dqn", "ppo"):
        backends = (f"keras-{algorithm}{suffix}" for suffix in ("", "-tensorflow", "-torch", "-on-device"))
        assert set(backends) <= EVERY_AGENT.keys()
    assert CORE_AGENTS.keys().isdisjoint(EVERY_AGENT)


def test_an_unknown_agent_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--agents", "keras-dqm"])
    assert "no agent 'keras-dqm' here; there are " in capsys.readouterr().err


def test_a_server_is_killed_where_there_is_one(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--agents", "fake", "--targets", "server"])
    assert "cannot kill server here; there are arena, worker, server, the last with --warm" in capsys.readouterr().err


def test_kills_of_a_server_have_columns_of_their_own():
    kill = {"agent": "a", "target": "server", "way": "TERM", "seconds": 1.0, "num_episodes": 3, "faults": []}
    lines = table([{"agent": "a", "kills": [kill], "differences": []}]).splitlines()
    assert "| server: TERM |" in lines[0]
    assert lines[2].endswith("| 1 |  |  |  |  | 1 | 1 | 0 | 0 |")


def test_the_table_counts_kills_and_names_what_differs():
    kill = {"agent": "a", "target": "arena", "way": "KILL", "seconds": 1.0, "num_episodes": 3, "faults": []}
    rows = [
        {"agent": "a", "kills": [kill, {**kill, "faults": ["it hung"]}], "differences": []},
        {"agent": "a", "kills": [{**kill, "target": "worker", "way": "STOP CONT"}], "differences": ["policy.onnx differs"]},
    ]
    lines = table(rows).splitlines()
    assert lines[0].startswith("| agent | arena: KILL |")
    assert lines[2] == "| `a` | 2 |  |  |  |  |  |  |  |  |  | 1 |  | 3 | 2 | 1 | 1 |"
    assert lines[4:] == ["- `a`: policy.onnx differs", "- `a`: it hung"]
