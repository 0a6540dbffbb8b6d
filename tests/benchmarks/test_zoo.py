"""The zoo: files of settings are written as they were read, with scores, and the page from all of them."""

import dataclasses
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.experiment import tuned
from arena.experiment.tuned import Measured, ZooAgent, ZooFile, read_zoo_file
from benchmarks import zoo

MEASURED = Measured(scores=(480.0, 500.0), train_seconds=9.6, commit="abc")
FILE = ZooFile(
    env="CartPole-v1",
    hyperparameters={"dqn": {"hidden_sizes": [64, 64], "learning_rate": 1e-3}},
    agents={
        "keras-dqn": ZooAgent(found="by hand", env_steps=60_000, measured=MEASURED),
        "random": ZooAgent(found="nothing to find", env_steps=300, evaluation_period=300, hyperparameters={"num_envs": 2}),
    },
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "CartPole-v1.toml"
    path.write_text(zoo.zoo_text(FILE))
    for module in (zoo, tuned):
        monkeypatch.setattr(module, "zoo_files", lambda: {"CartPole-v1": path})
    return path


def test_a_file_is_written_as_it_was_read(path: Path):
    assert read_zoo_file(path) == FILE
    assert path.read_text().startswith(f"{zoo.HEAD}\nenv = ")


def test_the_page_has_our_scores_beside_published_ones():
    other = dataclasses.replace(FILE, env="Taxi-v3", hyperparameters={}, agents={"random": FILE.agents["random"]})
    text = zoo.tables([FILE, other])
    assert "| CartPole-v1 | 490 |" in text
    assert "| `keras-dqn` | dqn | 490 (480 to 500) | 2 | 60,000 | 10 | by hand | `abc` |" in text
    assert "| RL Zoo (Stable-Baselines3) | dqn | 500 ± 0 | 1 | 50,000 | - |" in text
    assert "Taxi" not in text, "nothing was measured there"
    assert "random" not in text


def test_an_environment_without_settings_is_refused(path: Path):
    with pytest.raises(ArenaError, match=r"no settings for 'CartPole-v0' in configs/zoo; did you mean 'CartPole-v1'\?"):
        zoo.main(["--envs", "CartPole-v0", "--page", str(path.parent / "zoo.md")])


@pytest.mark.worker
def test_a_cell_is_measured_and_the_others_stay(path: Path):
    page = path.parent / "zoo.md"
    options = ["--agents", "random", "--seeds", "2", "--output", str(path.parent), "--workers", "1", "--page", str(page)]
    assert zoo.main(options) == 0
    file = read_zoo_file(path)
    assert file.agents["keras-dqn"] == FILE.agents["keras-dqn"]
    measured = file.agents["random"].measured
    assert measured is not None
    assert len(measured.scores) == 2
    assert all(5.0 < score < 60.0 for score in measured.scores)
    assert "| `random` | random |" in page.read_text()
    assert "| `keras-dqn` | dqn | 490 (480 to 500) |" in page.read_text()
