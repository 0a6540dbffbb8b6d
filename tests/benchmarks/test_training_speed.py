import pytest

from arena.formats.jsonl import read_jsonl
from benchmarks.training_speed import append_point, run_point

POINT = {"agent": "random", "env": "CartPole-v1", "hyperparameters": {}, "threads": 1, "device": "cpu", "seed": 0, "seconds": 0.2}


@pytest.mark.worker
def test_a_point_is_measured_in_a_process_of_its_own():
    found = run_point(POINT, 60.0)
    assert found["env_steps_per_second"] > 100.0
    assert found["learner_steps_per_second"] == 0.0
    assert 0.0 < found["env_share"] < 1.0
    assert found["peak_rss_bytes"] > 10 * 2**20


@pytest.mark.worker
def test_a_point_with_a_target_ends_when_its_policy_reaches_it():
    target = {"target": 1.0, "max_steps": 10_000, "look_steps": 100, "ordinary_env": ""}
    found = run_point({**POINT, **target}, 60.0)
    assert found["reached"]
    assert found["env_steps"] < 1_000
    assert found["score"] >= 1.0
    assert found["ordinary_score"] is None


def test_a_point_that_cannot_be_measured_says_why():
    refused = run_point({**POINT, "hyperparameters": {"nonsense": 1}}, 60.0)
    assert refused["error"].startswith("agent 'random' has no hyperparameter 'nonsense'")


@pytest.mark.worker
def test_a_point_that_fails_says_why():
    assert "arena/Nowhere-v0" in run_point({**POINT, "env": "arena/Nowhere-v0"}, 60.0)["error"]


def test_records_are_appended_with_the_load(tmp_path):
    file = tmp_path / "folder" / "points.jsonl"
    for value in (1, 2):
        assert append_point(file, {"value": value})["load"] >= 0.0
    assert [record["value"] for record in read_jsonl(file)] == [1, 2]
