import base64
import io
import re

import pytest
from PIL import Image

from arena.report.videos import chosen_episodes
from arena.watching.film import Film

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


def test_the_best_episode_and_the_one_in_the_middle_are_shown():
    assert chosen_episodes([3.0, 9.0, 1.0, 9.0, 5.0]) == {"best": 1, "median": 4}
    assert chosen_episodes([2.0]) == {"best": 0, "median": 0}


def test_an_animation_holds_all_frames_and_stands_still_at_the_end():
    images = tuple(Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (10, 120, 250))
    kind, _, content = Film(images, (0, 1, 2), (0.0, 1.0, 2.0)).animation().partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as animation:
        assert (animation.n_frames, animation.size) == (3, (40, 30))
        durations = []
        for frame in range(3):
            animation.seek(frame)
            animation.load()
            durations.append(animation.info["duration"])
    assert durations == [200, 200, 1_500]


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
