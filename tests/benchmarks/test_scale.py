import dataclasses
from pathlib import Path
from typing import Any

import pytest

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.errors import ArenaError
from benchmarks.points import run_point
from benchmarks.scale import (
    Runs,
    curves,
    half_speed,
    near_most,
    refuse_mixture,
    runs_points,
    settings,
    updates_per_env_step,
    warm_steps,
    while_all_train,
)
from benchmarks.scale_page import BEGIN, END, check_page, write_page
from benchmarks.scale_runs import Watch, measure_runs
from benchmarks.verdicts import Spread

NUM_ENVS = (1, 4, 16, 64, 256, 1_024, 4_096)


@pytest.mark.parametrize("agent", ["keras-ppo", "rllib-ppo", "keras-dqn", "tfagents-dqn", "kerasrl-dqn"])
def test_the_work_for_each_env_step_is_the_same_all_along_a_row(agent: str):
    found = [settings(agent, num_envs) for num_envs in NUM_ENVS]
    for num_envs, hyperparameters in zip(NUM_ENVS, found, strict=True):
        config = build_config(agent_spec(agent).config, hyperparameters, where=agent)  # refuses what cannot be
        assert config.num_envs == num_envs
    assert len({updates_per_env_step(hyperparameters) for hyperparameters in found}) == 1
    same = {"hidden_sizes", "batch_size", "num_epochs", "num_updates", "train_period", "target_update_period", "learning_starts"}
    assert len({tuple(hyperparameters.get(name) for name in sorted(same)) for hyperparameters in found}) == 1
    if "rollout_length" in found[0]:
        assert {hyperparameters["rollout_length"] * hyperparameters["num_envs"] for hyperparameters in found} == {4_096}
        assert warm_steps(found[0]) == 1
    else:
        assert warm_steps(found[0]) == 256 + 256  # a burst is part of it


def test_a_rollout_is_never_shorter_than_asked_for():
    for num_envs in (3, 100, 5_000):
        assert settings("keras-ppo", num_envs)["rollout_length"] * num_envs >= 4_096


def test_a_width_is_that_of_both_hidden_layers():
    found = settings("keras-ppo", 64, 1_024, width=2_048)
    assert found["hidden_sizes"] == (2_048, 2_048)
    assert found["rollout_length"] == 16


def test_threads_are_shared_out_and_what_shares_cores_is_also_queued():
    found = runs_points(["parallel"], [1, 2, 4, 8], [], num_cores=4)
    assert [(runs.num_runs, runs.workers, runs.threads) for runs in found] == [(1, 1, 4), (2, 2, 2), (4, 4, 1), (8, 8, 1), (8, 0, 1)]
    assert [runs.is_oversubscribed(4) for runs in found] == [False, False, False, True, False]
    assert [runs.at_once(4) for runs in found] == [1, 2, 4, 8, 4]


def test_a_point_of_two_tables_is_measured_once_and_the_cluster_comes_last():
    found = runs_points(["parallel", "ray"], [1, 2], [2, 1], num_cores=2)
    assert [(runs.tables, runs.executor, runs.num_runs, runs.threads) for runs in found] == [
        (("parallel",), "local", 1, 2),
        (("parallel", "ray"), "local", 2, 1),
        (("ray",), "local", 1, 1),
        (("ray",), "ray", 1, 1),
        (("ray",), "ray", 2, 1),
    ]


def test_runs_are_summed_over_the_stretch_in_which_all_train():
    early = [(0.0, 0), (10.0, 1_000)]  # 100 a second
    late = [(5.0, 0), (10.0, 250), (20.0, 10_000)]  # 50 a second, and more once it is alone
    assert while_all_train([early, late]) == (150.0, 5.0)
    assert while_all_train([early, [(10.0, 0), (20.0, 1_000)]]) is None
    assert while_all_train([early, []]) is None
    assert while_all_train([]) is None


def test_a_run_is_watched_until_its_evaluation(monkeypatch: pytest.MonkeyPatch):
    now = iter([1.0, 1.01, 2.0, 3.0, 4.0, 5.0])
    monkeypatch.setattr("benchmarks.scale_runs.time.monotonic", lambda: next(now))
    watch = Watch("no such experiment")
    watch.update("a", status="training", max_env_steps=9)
    watch.update("a", status="training", env_steps=100)  # in one report with the beginning: that far it is by now
    watch.update("a", status="training", env_steps=200)
    watch.update("a", message="selection evaluation")
    watch.update("a", status="training", env_steps=200)  # its log, late by the evaluation
    watch.update("a", status="finished", env_steps=200, message="score")
    assert watch.marks == {"a": [(1.01, 100), (2.0, 200)]}
    assert watch.peak_rss_bytes == {}


def test_knees_are_read_off_medians():
    curve = {value: Spread(median=rate, low=0.0, high=1e9) for value, rate in {1: 10.0, 4: 91.0, 16: 100.0, 64: 40.0}.items()}
    assert near_most(curve) == 4
    assert half_speed({64: curve[16], 128: curve[4], 256: curve[64]}) == 256
    assert half_speed({64: curve[16], 128: curve[4]}) is None


def speed(table: str, value: int, rate: float, **changes: Any) -> dict[str, Any]:
    shares = {"env_share": 0.2, "act_share": 0.1, "learn_share": 0.6}
    record = {"tables": [table], "agent": "keras-ppo", "value": value, "num_envs": value if table == "envs" else 64, "threads": 1}
    record |= {"env_steps_per_second": rate, "learner_steps_per_second": rate / 4, "peak_rss_bytes": 500 * 2**20, "load": 0.5, **shares}
    return {**record, **changes}


def runs(**changes: Any) -> dict[str, Any]:
    point = Runs(tables=("parallel",), executor="local", num_runs=2, workers=2, threads=1)
    record = {**dataclasses.asdict(point), "agent": "keras-ppo", "at_once": 2, "oversubscribed": False, "env_steps_per_second": 300.0}
    record |= {"window_seconds": 4.0, "rates": [100.0, 200.0], "wall_seconds": 9.0, "start_seconds": [3.0, 4.0], "load": 1.5}
    return {**record, "peak_rss_bytes": [100 * 2**20, 300 * 2**20], **changes}


CIRCUMSTANCES = {
    "circumstances": {
        "rounds": 3,
        "time": "2026-01-01",
        "machine": {"cpu": "a CPU", "cores_available": 2},
        "versions": {"numpy": "2.3.5"},
        "git": {"commit": "0123456789", "dirty": False},
    },
    "load": 0.0,
}


def test_the_page_has_medians_over_rounds_and_its_prose_stays(tmp_path: Path):
    page = tmp_path / "scale.md"
    page.write_text(f"# Scale\n\nProse.\n\n{BEGIN}\n\nnot measured yet\n\n{END}\n\nMore prose.\n")
    records = [CIRCUMSTANCES, *(speed("envs", 8, rate) for rate in (100.0, 300.0, 200.0)), speed("envs", 4_096, 1_000.0)]
    records += [{"tables": ["envs"], "agent": "keras-ppo", "value": 1, "num_envs": 1, "threads": 1, "load": 0.5, "error": "out of memory"}]
    records += [speed("widths", 64, 100.0), speed("widths", 128, 10.0)]
    records += [runs(), runs(num_runs=4, workers=0, window_seconds=None), runs(num_runs=8, workers=8, env_steps_per_second=None)]
    records += [runs(tables=["ray"], executor="ray")]
    write_page(page, records)
    text = page.read_text()
    assert text.startswith("# Scale\n\nProse.\n\n")
    assert text.endswith("\n\nMore prose.\n")
    assert "not measured yet" not in text
    assert "Measured on 2026-01-01 on a CPU, 2 cores; commit 012345678; 3 rounds" in text
    assert "load average 0.5 to 1.5" in text
    assert "| `keras-ppo` | 8 | 200 (100 to 300) | 0.250 | 20% | 10% | 60% | 10% | 500 |" in text
    assert "| `keras-ppo` | 1 | failed: out of memory |" in text
    assert "`keras-ppo` first comes within a tenth of its most env steps/s with 4,096 environments." in text
    assert "first at width 128" in text
    assert "| local | 2 | 2 | 1 | 300 (300 to 300) | 150 (100 to 200) | 4.0 | 4.0 | 9.0 | 200 (most 300) | 400 |" in text
    assert "| local, its own choice | 4 |" in text
    assert "| local | 8 | 2 | 1 | - | 150 (100 to 200) |" in text
    assert "| ray | 2 |" in text
    assert (tmp_path / "scale.svg").read_text().startswith("<?xml")
    write_page(page, records)
    assert page.read_text() == text


def test_a_page_of_runs_alone_has_no_chart(tmp_path: Path):
    write_page(tmp_path / "scale.md", [runs()])
    assert "svg" not in (tmp_path / "scale.md").read_text()
    assert not (tmp_path / "scale.svg").exists()


def test_a_page_without_marks_or_measurements_is_refused(tmp_path: Path):
    page = tmp_path / "scale.md"
    with pytest.raises(ArenaError, match="no measurements"):
        write_page(page, [CIRCUMSTANCES])
    page.write_text("# Scale\n")
    with pytest.raises(ArenaError, match="scale: begin"):
        check_page(page)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (speed("envs", 8, 1.0, threads=2), "numbers of threads in table envs"),
        (speed("widths", 64, 1.0, num_envs=8), "numbers of environments in table widths"),
        (runs(agent="rllib-ppo"), "agents in table parallel"),
        ({"circumstances": {"machine": {"cpu": "another", "cores_available": 2}}}, "machines"),
    ],
)
def test_what_cannot_stand_in_one_table_is_refused(other: dict[str, Any], what: str):
    records = [CIRCUMSTANCES, speed("envs", 8, 100.0), speed("widths", 64, 100.0), runs()]
    refuse_mixture([*records, *records])
    with pytest.raises(ArenaError, match=f"several {what}"):
        refuse_mixture([*records, other])


@pytest.mark.worker
def test_runs_are_measured_by_the_real_executor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale_runs.settings", lambda *_: {"num_envs": 4})
    point = Runs(tables=("parallel",), executor="local", num_runs=2, workers=2, threads=1)
    found = measure_runs(point, "arena.testing.fakes:FAKE_AGENT", 0.5)
    assert "error" not in found
    assert len(found["rates"]) == len(found["start_seconds"]) == 2
    assert min(found["rates"]) > 0.0
    assert found["wall_seconds"] > max(found["start_seconds"])


def test_a_point_that_fails_says_why(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('no such point')")
    point = {"agent": "random", "hyperparameters": {}, "threads": 1, "device": "cpu"}
    assert run_point(script, point, 60.0) == {"error": "no such point"}
    refused = run_point(script, {**point, "hyperparameters": {"nonsense": 1}}, 60.0)
    assert refused["error"].startswith("random has no hyperparameter 'nonsense'")


def test_curves_leave_failed_points_out():
    failed = {"tables": ["envs"], "agent": "keras-ppo", "value": 4, "error": "out of memory"}
    assert curves([speed("envs", 8, 100.0), failed], "envs") == {"keras-ppo": {8: Spread(median=100.0, low=100.0, high=100.0)}}
