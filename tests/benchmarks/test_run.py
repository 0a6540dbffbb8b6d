import json
import sys
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.formats.json import read_json
from arena.machine.usage import usable_cores
from benchmarks import processes
from benchmarks.page import BEGIN, END, write_page
from benchmarks.processes import pinned
from benchmarks.run import measure_contest
from benchmarks.settings import Contest, Rival, contests
from benchmarks.verdicts import of_way, rows

UPDATES_PER_ENV_STEP = 3 / 11
"""Of the fake agent: one for each step of four environments, of which those that only reset one are no env steps."""
RIVAL = """
import json, os, sys
request = json.loads(sys.argv[1])
steps = request["env_steps"]
if request["loop"] == "broken":
    sys.exit("no such loop")
print("a framework greets")
line = {"start_seconds": 9.0, "wall_seconds": 60.0, "cpu_seconds": 60.0, "env_steps": steps, "updates": steps * 3 // 11}
line |= {"peak_rss_bytes": 1, "parts": {}, "cores": sorted(os.sched_getaffinity(0)), "threads": os.environ["OMP_NUM_THREADS"]}
print(json.dumps(line))
"""


def fake_contest(*loops: str) -> Contest:
    rivals = tuple(
        Rival(name=loop, label=f"the {loop} loop", module="fake_rival", loop=loop, target=2.0, conditions="none", is_example=loop == "slow")
        for loop in loops
    )
    return Contest(
        name="fake-dqn",
        agent="arena.testing.fakes:FAKE_AGENT",
        algorithm="q-learning",
        hyperparameters={"learning_rate": 0.1, "discount": 0.9, "epsilon": 0.2, "num_envs": 4, "fault": "none", "fault_env_steps": 500},
        source="a test",
        env_steps=2_000,
        whole_env_steps=3_000,
        rivals=rivals,
    )


@pytest.fixture
def rival_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "fake_rival.py").write_text(RIVAL)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")


@pytest.mark.usefixtures("rival_on_path")
def test_loops_run_on_the_given_cores_with_one_thread(tmp_path: Path):
    core = usable_cores()[-1]
    with pinned([core]):
        request = {"loop": "slow", "env_steps": 100, "seed": 0, "hyperparameters": {}}
        measured = processes.measure_loop("fake_rival", request, {}, tmp_path)
    assert (measured["cores"], measured["threads"]) == ([core], "1")
    assert len(usable_cores()) >= 1
    assert measured["env_steps"] == 100


def test_cores_are_given_back():
    before = usable_cores()
    with pinned(before[:1]):
        assert usable_cores() == before[:1]
    assert usable_cores() == before


def test_a_core_that_is_not_there_is_refused():
    with pytest.raises(ArenaError, match=r"cores \[4096\] are not among"), pinned([4096]):
        pass


@pytest.mark.usefixtures("rival_on_path")
def test_a_loop_that_fails_says_what_it_complained_of(tmp_path: Path):
    with pytest.raises(ArenaError, match="fake_rival broken failed: no such loop"):
        processes.measure_loop("fake_rival", {"loop": "broken", "env_steps": 1, "seed": 0, "hyperparameters": {}}, {}, tmp_path)


@pytest.mark.worker
@pytest.mark.usefixtures("rival_on_path")
def test_a_contest_is_measured_in_turns_and_told(tmp_path: Path):
    said: list[str] = []
    contest = fake_contest("slow", "broken")
    outcome = measure_contest(contest, tmp_path, rounds=2, cores=usable_cores()[:1], peers=tmp_path, say=said.append)
    assert outcome["failures"] == {"broken": "fake_rival broken failed: no such loop"}
    ways = [measurement["way"] for measurement in outcome["measurements"]]
    assert ways == ["arena", "slow", "floor", "whole"] * 2
    assert all(measurement["env_steps"] >= contest.whole_env_steps for measurement in of_way(outcome, "whole"))
    for measurement in of_way(outcome, "arena"):
        assert 2_000 <= measurement["env_steps"] <= 2_016
        assert measurement["updates"] == pytest.approx(measurement["env_steps"] * UPDATES_PER_ENV_STEP, rel=0.04)
        assert set(measurement["share_seconds"]) == {"loop", "log", "checkpoint", "evaluation"}
        assert min(measurement["share_seconds"].values()) > 0.0
        assert measurement["start_seconds"] > measurement["import_seconds"] + measurement["build_seconds"]
        assert measurement["peak_rss_bytes"] > 10 * 2**20
    assert read_json(tmp_path / "fake-dqn.json") == json.loads(json.dumps(outcome))
    verdicts = {row.name: row.verdict for row in rows([outcome])}
    assert verdicts["fake-dqn-slow"] == "met"
    assert verdicts["fake-dqn-broken"].startswith("failed: fake_rival broken")
    page = tmp_path / "page.md"
    page.write_text(f"# Prose before\n{BEGIN}\nold\n{END}\nprose after\n")
    write_page(page, [outcome])
    text = page.read_text()
    assert text.startswith("# Prose before\n")
    assert text.endswith("\nprose after\n")
    assert "\nold\n" not in text
    assert "`arena.testing.fakes:FAKE_AGENT` against the slow loop" in text
    assert "Failed: broken: fake_rival broken failed" in text
    assert (tmp_path / "page.svg").read_text().startswith("<?xml")


def test_the_contests_have_settings_of_their_own_on_both_sides():
    for contest in contests():
        assert contest.rivals
        if contest.algorithm == "dqn":
            assert contest.env_steps % contest.hyperparameters["train_period"] == 0
        assert contest.quicker().env_steps <= contest.env_steps


def test_a_page_without_marks_is_refused(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# Prose alone\n")
    with pytest.raises(ArenaError, match="lacks the lines"):
        write_page(page, [])
    assert page.read_text() == "# Prose alone\n"
