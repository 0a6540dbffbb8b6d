import dataclasses
from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from benchmarks.scale_curves import curves, refuse_mixture
from benchmarks.scale_page import scale_page, write_page
from benchmarks.scale_points import RunsPoint
from benchmarks.verdicts import Spread


def speed(table: str, value: int, rate: float, **changes: Any) -> dict[str, Any]:
    shares = {"env_share": 0.2, "act_share": 0.1, "learn_share": 0.6}
    record = {"tables": [table], "agent": "keras-ppo", "value": value, "num_envs": value if table == "envs" else 64, "threads": 1}
    record |= {"env_steps_per_second": rate, "learner_steps_per_second": rate / 4, "peak_rss_bytes": 500 * 2**20, "load": 0.5, **shares}
    return {**record, **changes}


def runs(**changes: Any) -> dict[str, Any]:
    point = RunsPoint(tables=("parallel",), executor="local", num_runs=2, workers=2, threads=1)
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
    page.write_text("# Scale\n\nProse.\n\n<!-- scale: begin -->\n\nnot measured yet\n\n<!-- scale: end -->\n\nMore prose.\n")
    records = [CIRCUMSTANCES, *(speed("envs", 8, rate) for rate in (100.0, 300.0, 200.0)), speed("envs", 4_096, 1_000.0)]
    records += [{"tables": ["envs"], "agent": "keras-ppo", "value": 1, "num_envs": 1, "threads": 1, "load": 0.5, "error": "out of memory"}]
    records += [speed("widths", 64, 100.0), speed("widths", 128, 10.0)]
    records += [runs(), runs(num_runs=4, workers=0, window_seconds=None), runs(num_runs=8, workers=8, env_steps_per_second=None)]
    records += [runs(tables=["ray"], executor="ray")]
    write_page(scale_page(page), records)
    text = page.read_text()
    assert text.startswith("# Scale\n\nProse.\n\n")
    assert text.endswith("\n\nMore prose.\n")
    assert "not measured yet" not in text
    assert "Measured on 2026-01-01 on a CPU, 2 cores; commit 012345678; 3 rounds" in text
    assert "load average 0.5 to 1.5" in text
    assert "| `keras-ppo` | 8 | 200 (100 to 300) | 0.250 | 20% | 10% | 60% | 10% | 500 |" in text
    assert "| `keras-ppo` | 1 | failed: out of memory |" in text
    assert "`keras-ppo` first comes within a tenth of its maximum of env steps/s with 4,096 environments." in text
    assert "first at width 128" in text
    assert "| local | 2 | 2 | 1 | 300 (300 to 300) | 150 (100 to 200) | 4.0 | 4.0 | 9.0 | 200 (max 300) | 400 |" in text
    assert "| local, its own choice | 4 |" in text
    assert "| local | 8 | 2 | 1 | - | 150 (100 to 200) |" in text
    assert "| ray | 2 |" in text
    assert (tmp_path / "scale.svg").read_text().startswith("<?xml")
    write_page(scale_page(page), records)
    assert page.read_text() == text


def test_a_page_of_runs_alone_has_no_chart(tmp_path: Path):
    write_page(scale_page(tmp_path / "scale.md"), [runs()])
    assert "svg" not in (tmp_path / "scale.md").read_text()
    assert not (tmp_path / "scale.svg").exists()


def test_a_page_without_marks_or_measurements_is_refused(tmp_path: Path):
    page = tmp_path / "scale.md"
    with pytest.raises(ArenaError, match="no measurements"):
        write_page(scale_page(page), [CIRCUMSTANCES])
    page.write_text("# Scale\n")
    with pytest.raises(ArenaError, match="scale: begin"):
        scale_page(page)


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


def test_curves_leave_failed_points_out():
    failed = {"tables": ["envs"], "agent": "keras-ppo", "value": 4, "error": "out of memory"}
    assert curves([speed("envs", 8, 100.0), failed], "envs") == {"keras-ppo": {8: Spread(median=100.0, minimum=100.0, maximum=100.0)}}
