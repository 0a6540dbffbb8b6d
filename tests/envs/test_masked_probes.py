import gymnasium as gym
import numpy as np
import pytest

from arena_envs import masked_probes

NAMES = ["MaskedFork", "MaskedIdentity"]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_say_what_an_author_must_know(name) -> None:
    for word in ("Catches", "Observation", "Action", "Reward", "ptimal"):
        assert word in getattr(masked_probes, name).__doc__


@pytest.mark.parametrize("name", NAMES)
def test_observations_lie_in_their_space_and_seeds_decide_them(name) -> None:
    def play(seed: int) -> list:
        env, rng = gym.make(f"arena/{name}-v0"), np.random.default_rng(0)
        observation, _ = env.reset(seed=seed)
        seen, ended = [], False
        while not ended:
            assert env.observation_space.contains(observation)
            action = rng.choice(np.flatnonzero(observation["action_mask"]))
            seen.append((int(observation["observation"]), int(action)))
            observation, _, terminated, truncated, _ = env.step(action)
            ended = terminated or truncated
        return seen

    assert play(3) == play(3)


def identity_return(choose) -> float:
    env = gym.make("arena/MaskedIdentity-v0")
    observation, _ = env.reset(seed=1)
    total, truncated = 0.0, False
    while not truncated:
        observation, reward, _, truncated, _ = env.step(choose(observation))
        total += reward
    return total


def test_masked_identity() -> None:
    def best(observation) -> int:
        answer = int(observation["observation"])
        return answer if observation["action_mask"][answer] else (answer + 1) % 4

    assert identity_return(best) == 75.0
    assert identity_return(lambda observation: (int(observation["observation"]) + 1) % 4) == 50.0
    with pytest.raises(ValueError, match="forbidden"):
        identity_return(lambda observation: int(observation["observation"]))


def test_masked_fork() -> None:
    def play(actions: list[int]) -> tuple[float, bool]:
        env = masked_probes.MaskedFork()
        env.reset()
        rewards = [env.step(np.int64(action)) for action in actions]
        return sum(reward for _, reward, *_ in rewards), rewards[-1][2]

    assert play([0, 0]) == (13.0, True)
    assert play([0, 1]) == (10.0, False)
    assert play([0, 1, 1]) == (11.0, True)
    for forbidden in ([1], [0, 1, 0]):
        with pytest.raises(ValueError, match="forbidden"):
            play(forbidden)
