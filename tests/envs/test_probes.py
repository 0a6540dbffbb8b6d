import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import arena_envs
from arena_envs import probes
from arena_envs.references import reference

NAMES = ["BoardIdentity", "BoxTarget", "BoxTruncation", "Chain", "Discount", "Identity", "ImageIdentity", "Truncation", "TwoRound"]


def model_of(env: gym.Env) -> dict[tuple[int, int], tuple[float, int, bool]]:
    """Reward, next observation and terminated for each observation and action, by trying all of them."""
    observation, _ = env.reset(seed=0)
    model, open_states = {}, [(int(observation), env)]
    while open_states:
        observation, state = open_states.pop()
        for action in range(int(env.action_space.n)):
            if (observation, action) not in model:
                following = copy.deepcopy(state)
                next_observation, reward, terminated, truncated, _ = following.step(np.int64(action))
                assert not truncated  # only the time limit truncates
                model[observation, action] = (reward, int(next_observation), terminated)
                if not terminated:
                    open_states.append((int(next_observation), following))
    return model


def optimal_values(env: gym.Env, discount: float, ends=lambda observation, terminated: terminated) -> dict[tuple[int, int], float]:
    """Action values by value iteration."""
    model = model_of(env)
    values = dict.fromkeys(model, 0.0)
    for _ in range(2_000):
        best = {observation: max(values[key] for key in values if key[0] == observation) for observation, _ in values}
        values = {
            key: reward + discount * (0.0 if ends(key[0], terminated) else best[following])
            for key, (reward, following, terminated) in model.items()
        }
    return values


def greedy_return(name: str, act, **kwargs) -> float:
    env = gym.make(f"arena/{name}-v0", **kwargs)
    observation, _ = env.reset(seed=1)
    total, ended = 0.0, False
    while not ended:
        observation, reward, terminated, truncated, _ = env.step(act(observation))
        total, ended = total + reward, terminated or truncated
    return total


def test_all_probes_are_registered_and_registering_again_changes_nothing() -> None:
    before = dict(gym.registry)
    arena_envs.register_envs()
    assert dict(gym.registry) == before
    assert sorted(env_id for env_id in gym.registry if env_id.startswith("arena/")) == sorted(
        f"arena/{name}-v0"
        for name in [
            *NAMES,
            "MaskedFork",
            "MaskedIdentity",
            "Instruction",
            "PictureAndFlag",
            "Choices",
            "ManyChoices",
            "ConnectFour",
            "TicTacToe",
        ]
    )
    assert gym.make("arena_envs:arena/Identity-v0").spec.id == "arena/Identity-v0"


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space")  # bounds are other ones on purpose
@pytest.mark.parametrize("name", NAMES)
def test_gymnasiums_checker_passes(name) -> None:
    check_env(gym.make(f"arena/{name}-v0").unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_say_what_an_author_must_know(name) -> None:
    text = getattr(probes, name).__doc__
    for word in ("Catches", "Observation", "Action", "Reward", "ptimal"):
        assert word in text


def test_identity() -> None:
    assert greedy_return("Identity", lambda observation: observation) == 100.0
    assert greedy_return("Identity", lambda observation: (observation + 1) % 4) == 0.0
    env = gym.make("arena/Identity-v0").unwrapped
    first, _ = env.reset(seed=0)
    counts = np.bincount([env.step(first)[0] for _ in range(4_000)], minlength=4)
    assert (abs(counts - 1_000) < 150).all()  # five standard deviations of 27


@pytest.mark.parametrize("discount", [0.5, 0.9, 1.0])
def test_two_round(discount) -> None:
    values = optimal_values(probes.TwoRound(), discount)
    assert values == pytest.approx({(2, 0): 3 * discount, (2, 1): 2 * discount, (0, 0): 0, (0, 1): 3, (1, 0): 1, (1, 1): 2})
    assert greedy_return("TwoRound", lambda observation: {2: 0, 0: 1, 1: 1}[int(observation)]) == 3.0
    rewards = [first + second for first in (0.0,) for pair in probes.TwoRound.rewards for second in pair]
    assert np.mean(rewards) == 1.5


@pytest.mark.parametrize("discount", [0.7, 0.9, 0.99])
def test_truncation(discount) -> None:
    values = optimal_values(probes.Truncation(), discount)
    stay = 1 / (1 - discount)
    assert values == pytest.approx({(0, 0): 3, (0, 1): stay, (1, 0): 3, (1, 1): stay})
    assert stay > 3
    # An agent that takes the cut, always in place 1, for an end:
    faulty = optimal_values(probes.Truncation(), discount, ends=lambda observation, terminated: terminated or observation == 1)
    assert faulty == pytest.approx({(0, 0): 3, (0, 1): 1 + 3 * discount, (1, 0): 3, (1, 1): 1})
    assert greedy_return("Truncation", lambda observation: 1) == 2.0
    assert greedy_return("Truncation", lambda observation: 1 - observation) == 4.0
    assert greedy_return("Truncation", lambda observation: 1, max_episode_steps=20) == 20.0
    assert greedy_return("Truncation", lambda observation: 1 - observation, max_episode_steps=20) == 4.0


def test_box_truncation_is_truncation_with_another_action() -> None:
    stay, leave_late = np.float32([0.0]), lambda observation: np.float32([2.9 if observation == 0 else -0.1])
    assert greedy_return("BoxTruncation", lambda observation: stay) == 2.0
    assert greedy_return("BoxTruncation", leave_late) == 4.0
    assert greedy_return("BoxTruncation", lambda observation: stay, max_episode_steps=20) == 20.0
    assert greedy_return("BoxTruncation", leave_late, max_episode_steps=20) == 4.0


def test_the_time_limit_of_truncation_falls_in_place_1() -> None:
    env = gym.make("arena/Truncation-v0")
    assert env.reset()[0] == 0
    assert env.step(1)[0:4] == (1, 1.0, False, False)
    assert env.step(1)[0:4] == (0, 1.0, False, True)
    env.reset()
    assert env.step(0)[1:4] == (3.0, True, False)


@pytest.mark.parametrize("delay", [1, 3, 5])
@pytest.mark.parametrize("discount", [0.4, 0.78, 0.8, 0.95])
def test_discount(delay, discount) -> None:
    values = optimal_values(probes.Discount(delay), discount)
    assert values[0, 0] == 1.0
    for place in range(delay + 1):
        assert values[place, 1] == pytest.approx(2 * discount ** (delay - place))
    assert (values[0, 1] > values[0, 0]) == (discount > 0.5 ** (1 / delay))
    assert greedy_return("Discount", lambda observation: 1) == 2.0
    assert greedy_return("Discount", lambda observation: 0) == 1.0


@pytest.mark.parametrize("num_states", [2, 6, 9])
@pytest.mark.parametrize("discount", [0.8, 0.99])
def test_chain(num_states, discount) -> None:
    values = optimal_values(probes.Chain(num_states), discount)
    for state in range(num_states):
        assert values[state, 0] == 0.1
        assert values[state, 1] == pytest.approx(discount ** (num_states - 1 - state))
    assert greedy_return("Chain", lambda observation: 1, num_states=num_states) == 1.0
    assert greedy_return("Chain", lambda observation: 0, num_states=num_states) == pytest.approx(0.1)


def test_image_identity() -> None:
    def look(image: np.ndarray) -> int:
        assert np.count_nonzero(image) == 144
        rows, columns = np.nonzero(image[..., 0])
        return 2 * int(rows.min() >= 18) + int(columns.min() >= 18)

    assert greedy_return("ImageIdentity", look) == 20.0
    assert greedy_return("ImageIdentity", lambda image: (look(image) + 1) % 4) == 0.0
    env = gym.make("arena/ImageIdentity-v0").unwrapped
    env.reset(seed=0)
    images = [env.step(0)[0] for _ in range(300)]
    for image in images:
        rows, columns = np.nonzero(image[..., 0])
        assert rows.max() // 18 == rows.min() // 18  # inside one quarter
        assert columns.max() // 18 == columns.min() // 18
    assert len({look(image) for image in images}) == 4
    assert len({image.tobytes() for image in images}) > 100


def test_box_target() -> None:
    assert greedy_return("BoxTarget", lambda observation: observation) == 0.0
    assert greedy_return("BoxTarget", lambda observation: 2 * observation) < -1.0
    rng = np.random.default_rng(1)  # not the environment's seed, or both draw the same numbers
    env = gym.make("arena/BoxTarget-v0", max_episode_steps=20_000)
    env.reset(seed=0)
    rewards = [env.step(rng.uniform(-2.0, 2.0, 2).astype(np.float32))[1] for _ in range(20_000)]
    assert 20 * np.mean(rewards) == pytest.approx(-100 / 3, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_decide_episodes(name) -> None:
    def play(seed: int) -> list:
        env = gym.make(f"arena/{name}-v0")
        env.action_space.seed(0)
        steps = [env.reset(seed=seed)[0]]
        for _ in range(5):
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            steps += [observation, reward]
            if terminated or truncated:
                steps.append(env.reset()[0])
        return [np.asarray(step).tolist() for step in steps]

    assert play(3) == play(3)


def test_references_agree_with_gymnasium_and_with_themselves() -> None:
    for env_id in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1", "LunarLander-v3"):
        scores = reference(env_id)
        threshold = None if scores.threshold is None else scores.threshold.value
        assert threshold == gym.spec(env_id).reward_threshold
        ordered = [scores.lower_bound, scores.random, scores.threshold, scores.upper_bound]
        given = [score.value for score in ordered if score is not None]
        assert given == sorted(given)
        assert all(score.source for score in ordered if score is not None)
    assert reference("NoSuch-v0") is None


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1"])
def test_bounds_hold_and_random_scores_are_near(env_id) -> None:
    scores, env = reference(env_id), gym.make(env_id)
    env.action_space.seed(0)
    returns = []
    for episode in range(4):
        env.reset(seed=episode)
        total, ended = 0.0, False
        while not ended:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
    assert scores.lower_bound.value <= min(returns)
    assert max(returns) <= scores.upper_bound.value
    assert abs(np.mean(returns) - scores.random.value) <= 5 * scores.random.std / np.sqrt(len(returns)) + 1e-9
