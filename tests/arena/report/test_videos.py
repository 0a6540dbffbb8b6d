import re

import pytest

EXPERIMENT = """
name = "watched"
output = "."
agents = ["random"]
envs = ["CartPole-v1", "arena/Chain-v0"]
seeds = 3
[budget]
env_steps = 200
[evaluation]
final_episodes = 7
"""


@pytest.mark.worker
def test_a_report_shows_episodes_as_they_were_evaluated(tmp_path, monkeypatch, arena, problems):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "watched.toml").write_text(EXPERIMENT)
    assert arena("run", "watched.toml", "--quiet", "--workers", "2")[0] == 0
    assert arena("report", "watched", "--videos")[0] == 0
    page = (tmp_path / "watched" / "report" / "report.html").read_text()
    found = re.findall(r"random on CartPole-v1, seed (\d), (best|median): return ([\d.]+) in (\d+) env steps</figcaption><img", page)
    assert [(seed, which) for seed, which, _, _ in found] == [(found[0][0], "best"), (found[0][0], "median")]
    assert all(float(episode_return) == int(length) for _, _, episode_return, length in found)
    assert float(found[0][2]) >= float(found[1][2])
    assert "played again, it went another way" not in page
    assert "random on arena-Chain-v0 has no video: it has no render mode" in page
    assert problems(page) == []
    assert arena("report", "watched")[0] == 0
    assert "<img" not in (tmp_path / "watched" / "report" / "report.html").read_text()
