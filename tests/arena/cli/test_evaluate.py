import csv
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from arena.cli.evaluate import PlayedEpisodes, evaluate_all, parse_seeds
from arena.errors import ArenaError
from arena.policies.onnx_network import Dense, PolicyNetwork

pytestmark = pytest.mark.worker

SPACE, ACTIONS = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), gym.spaces.Discrete(2)
BALANCES = np.array([[0, 0], [0, 0], [0, 1], [0, 1]], np.float32)
"""Pushes towards where the pole falls."""


def write(path: Path, kernel: np.ndarray, space: gym.spaces.Box = SPACE) -> str:
    PolicyNetwork([Dense(kernel, np.zeros(2, np.float32))], space, ACTIONS).export(path)
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    return write(tmp_path / "good.onnx", BALANCES)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return write(tmp_path / "bad.onnx", np.zeros((4, 2), np.float32))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_policies_meet_the_same_initial_states_and_their_difference_is_paired(good, bad, capsys):
    evaluate_all([good, bad, "CartPole-v1"], PlayedEpisodes(num_episodes=20), mode="json")
    one, other, difference = lines(capsys)
    assert (one["policy"], one["num_episodes"], one["num_outside"]) == ("good", 20, 0)
    assert sum(one["endings"].values()) == 20
    assert other["endings"] == {"terminated": 20, "truncated": 0, "cut": 0}
    assert difference["difference"]["value"] == pytest.approx(one["mean"]["value"] - other["mean"]["value"])
    assert difference["difference"]["low"] > 50.0
    assert one["mean"]["low"] < one["mean"]["value"] < one["mean"]["high"]


def test_each_seed_is_the_reset_seed_of_one_episode(good, tmp_path: Path):
    out = tmp_path / "episodes.csv"
    evaluate_all([good, "CartPole-v1"], PlayedEpisodes(num_episodes=3, seeds=parse_seeds("7:10"), max_episode_steps=30), out, mode="quiet")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["seed"], row["ending"], row["return"]) for row in rows] == [(str(seed), "cut", "30.0") for seed in (7, 8, 9)]
    again = tmp_path / "again.json"
    evaluate_all([good, "CartPole-v1"], PlayedEpisodes(num_episodes=1, seeds=parse_seeds("8:9")), again, mode="quiet")
    [policy] = json.loads(again.read_text())["policies"]
    [episode] = policy["episodes"]
    assert (episode["seed"], episode["length"]) == (8, length_of_an_episode(8))


def length_of_an_episode(seed: int) -> int:
    """Returns the length of the episode that the good policy plays from the state that a seed gives Gymnasium itself."""
    env = gym.make("CartPole-v1")
    observation, _ = env.reset(seed=seed)
    for step in range(1, 501):
        observation, _, terminated, truncated, _ = env.step(int((observation @ BALANCES).argmax()))
        if terminated or truncated:
            return step
    raise AssertionError


@pytest.mark.parametrize("text", ["", "5", "5:", ":5", "5:5", "6:5", "-1:5", "0:1000001", "a:b", "0:3000000000"])
def test_what_is_no_range_of_seeds_is_refused(text: str):
    with pytest.raises(ArenaError, match="give A:B"):
        parse_seeds(text)


def test_what_does_not_fit_is_refused_with_both_signatures(tmp_path: Path):
    other = write(tmp_path / "p.onnx", np.zeros((2, 2), np.float32), gym.spaces.Box(-1.0, 1.0, (2,), np.float32))
    out = tmp_path / "out.csv"
    match = r"takes observations float32 \[2\] and gives one of 2 actions; .* takes observations float32 \[4\] and gives one of 2"
    with pytest.raises(ArenaError, match=match):
        evaluate_all([other, "CartPole-v1"], PlayedEpisodes(num_episodes=1), out, mode="quiet")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["GOOD"], "say on which environment"),
        (["GOOD", "CartPoel-v1"], "did you mean"),
        (["missing.onnx", "CartPole-v1"], "no policy 'missing.onnx' \\(a policy file, or the folder"),
        (["missing.onnx"], "no policy 'missing.onnx'"),
        (["name=missing.onnx", "CartPole-v1"], "no policy 'missing.onnx'"),
        (["random", "CartPole-v1"], "no policy 'random'"),
    ],
)
def test_bad_arguments_are_refused(good, arguments: list[str], match: str):
    with pytest.raises(ArenaError, match=match):
        evaluate_all([good if argument == "GOOD" else argument for argument in arguments], PlayedEpisodes(num_episodes=1), mode="quiet")


def test_the_kind_of_file_must_be_known(good):
    with pytest.raises(ArenaError, match=r"must end with \.csv or \.json"):
        evaluate_all([good, "CartPole-v1"], PlayedEpisodes(num_episodes=1), Path("out.xlsx"), mode="quiet")
