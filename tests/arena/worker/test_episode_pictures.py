"""Pictures of the final evaluation, drawn from a real environment."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from arena.environments.config import EnvConfig
from arena.policies.evaluation import Evaluation, evaluate
from arena.policies.policy import OnnxPolicy
from arena.seeding import evaluation_seeds
from arena.worker.episode_pictures import draw_episodes


class Log:
    """Keeps the pictures."""

    def __init__(self) -> None:
        self.pictures: dict[str, tuple[bytes, tuple[int, int], int]] = {}

    def add_picture(self, which: str, content: bytes, size: tuple[int, int], env_steps: int) -> None:
        self.pictures[which] = content, size, env_steps


@pytest.fixture
def short_films() -> None:
    """Leaves films their length: the frames themselves are what is tested."""


@pytest.fixture
def drawn(tmp_path, write_policy, make_run, capsys):
    """Plays a final evaluation, draws it, and returns the evaluation, the pictures and what was said."""

    def draw(env_id: str, change: Any = lambda evaluation: evaluation, **protocol: Any) -> tuple[Evaluation, dict[str, Any], str]:
        run = make_run(envs=[env_id], evaluation={"final_episodes": 5, **protocol})
        policy = OnnxPolicy(write_policy(tmp_path / "p.onnx", env_id))
        evaluation = evaluate(policy, EnvConfig(env_id), num_episodes=5, seed=evaluation_seeds(run.experiment_seed).final)
        log: Any = Log()
        draw_episodes(run, policy, change(evaluation), log, 600)
        return evaluation, log.pictures, capsys.readouterr().err

    return draw


@pytest.mark.worker
def test_the_best_and_the_median_episode_become_pictures_that_move(drawn):
    evaluation, pictures, said = drawn("CartPole-v1")
    assert (set(pictures), said) == ({"best", "median"}, "")
    longest = int(evaluation.episode_lengths.max())
    for which, (content, size, env_steps) in pictures.items():
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size, env_steps) == ("GIF", size, 600)
            assert which != "best" or 0.7 * longest < image.n_frames <= longest + 1  # equal frames are one
        assert len(content) < 100_000


@pytest.mark.worker
def test_an_episode_that_goes_another_way_has_no_picture(drawn):
    def other(evaluation: Evaluation) -> Any:
        return SimpleNamespace(episode_returns=evaluation.episode_returns + 0.5, episode_lengths=evaluation.episode_lengths)

    _, pictures, said = drawn("CartPole-v1", other)
    assert pictures == {}
    assert said.count("has no picture in TensorBoard: played again, its return is ") == 2


def test_an_environment_that_draws_nothing_costs_a_line(drawn):
    _, pictures, said = drawn("arena/Chain-v0")
    assert pictures == {}
    assert "the best episode has no picture in TensorBoard: it has no render mode 'rgb_array'" in said
    assert np.all([line.startswith("the ") for line in said.splitlines()])
