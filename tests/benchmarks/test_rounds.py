import json
import sys
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.json import read_json
from arena.machine.cores import usable_cores
from benchmarks.cases import Baseline, BenchmarkCase
from benchmarks.performance_page import performance_page, write_page
from benchmarks.processes import pinned
from benchmarks.rounds import measure_case
from benchmarks.variants import measure_loop
from benchmarks.verdicts import of_variant, target_rows

UPDATES_PER_ENV_STEP = 1 / 4
"""Updates of the fake agent: one for each step of four environments."""
BASELINE = """
import json, os, sys
request = json.loads(sys.argv[1])
steps = request["env_steps"]
if request["loop"] == "broken":
    sys.exit("no such loop")
print("a framework greets")
line = {"start_seconds": 9.0, "wall_seconds": 60.0, "cpu_seconds": 60.0, "env_steps": steps, "updates": steps // 4}
line |= {"peak_rss_bytes": 1, "parts": {}, "cores": sorted(os.sched_getaffinity(0)), "threads": os.environ["OMP_NUM_THREADS"]}
print(json.dumps(line))
"""


def fake_case(*loops: str) -> BenchmarkCase:
    baselines = tuple(
        Baseline(
            name=loop, label=f"the {loop} loop", module="fake_baseline", loop=loop, target=2.0, conditions="none", is_example=loop == "slow"
        )
        for loop in loops
    )
    return BenchmarkCase(
        name="fake-dqn",
        agent="arena.testing.fakes:FAKE_AGENT",
        algorithm="q-learning",
        hyperparameters={"learning_rate": 0.1, "discount": 0.9, "epsilon": 0.2, "num_envs": 4, "fault": "none", "fault_env_steps": 500},
        source="a test",
        floor_target=2.0,
        env_steps=2_000,
        whole_env_steps=3_000,
        baselines=baselines,
    )


@pytest.fixture
def baseline_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "fake_baseline.py").write_text(BASELINE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")


@pytest.mark.worker
@pytest.mark.usefixtures("baseline_on_path")
def test_loops_run_on_the_given_cores_with_one_thread():
    core = usable_cores()[-1]
    with pinned([core]):
        request = {"loop": "slow", "env_steps": 100, "seed": 0, "hyperparameters": {}}
        measured = measure_loop("fake_baseline", request)
    assert (measured["cores"], measured["threads"]) == ([core], "1")
    assert len(usable_cores()) >= 1
    assert measured["env_steps"] == 100


@pytest.mark.worker
@pytest.mark.usefixtures("baseline_on_path")
def test_a_loop_that_fails_gives_its_last_line():
    with pytest.raises(ArenaError, match="fake_baseline broken failed: no such loop"):
        measure_loop("fake_baseline", {"loop": "broken", "env_steps": 1, "seed": 0, "hyperparameters": {}})


@pytest.mark.worker
@pytest.mark.usefixtures("baseline_on_path")
def test_the_variants_of_a_case_take_turns(tmp_path: Path):
    said: list[str] = []
    case = fake_case("slow", "broken")
    outcome = measure_case(case, tmp_path, rounds=2, cores=usable_cores()[:1], peers=tmp_path, say=said.append)
    assert outcome["failures"] == {"broken": "fake_baseline broken failed: no such loop"}
    variants = [measurement["variant"] for measurement in outcome["measurements"]]
    assert variants == ["arena", "slow", "floor", "whole"] * 2
    assert all(measurement["env_steps"] >= case.whole_env_steps for measurement in of_variant(outcome, "whole"))
    for measurement in of_variant(outcome, "arena"):
        assert 2_000 <= measurement["env_steps"] <= 2_016
        assert measurement["updates"] == pytest.approx(measurement["env_steps"] * UPDATES_PER_ENV_STEP, rel=0.04)
        assert set(measurement["share_seconds"]) == {"loop", "log", "checkpoint", "evaluation"}
        assert min(measurement["share_seconds"].values()) > 0.0
        assert measurement["start_seconds"] > measurement["import_seconds"] + measurement["build_seconds"]
        assert measurement["peak_rss_bytes"] > 10 * 2**20
    assert read_json(tmp_path / "fake-dqn.json") == json.loads(json.dumps(outcome))
    verdicts = {row.name: row.verdict for row in target_rows([outcome])}
    assert verdicts["fake-dqn-slow"] == "met"
    assert verdicts["fake-dqn-broken"].startswith("failed: fake_baseline broken")
    page = tmp_path / "page.md"
    page.write_text("# Prose before\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nprose after\n")
    write_page(performance_page(page), [outcome])
    text = page.read_text()
    assert text.startswith("# Prose before\n")
    assert text.endswith("\nprose after\n")
    assert "\nold\n" not in text
    assert "`arena.testing.fakes:FAKE_AGENT` against the slow loop" in text
    assert "Failed: broken: fake_baseline broken failed" in text
    assert (tmp_path / "page.svg").read_text().startswith("<?xml")
