"""What crosses the environment's edge is the receiver's own, and nothing of `info` crosses it."""

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from arena.environments.common_form import CommonForm
from arena.environments.config import EnvConfig
from arena.environments.make import make_env
from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.environments.vectorize import make_vec_env
from arena.errors import EnvironmentFault
from arena.learning.transitions import TransitionStream
from arena.policies.evaluation import evaluate

LENGTH = 3
LIMIT = 2

INFOS: dict[str, Any] = {
    "ragged": lambda count: {"path": np.zeros(count)},
    "dict, then number": lambda count: {"detail": {"a": 1} if count % 2 else 1},
    "number, then dict": lambda count: {"detail": 1 if count % 2 else {"a": 1}},
    "text": lambda count: {"detail": "x" * count},
    "final_obs": lambda count: {"final_obs": np.full(1, -9.0), "_final_obs": True},
    "final_info": lambda count: {"final_info": {"r": 1}, "_final_info": False},
    "episode": lambda count: {"episode": {"r": 1.0, "l": 2, "t": 0.1}, "_episode": 3},
    "other keys": lambda count: {f"key{count}": object()},
    "no dict": lambda count: None,
}


class OneBuffer(gym.Env[Any, Any]):
    """Counts its steps in one array that it gives again and again, and scribbles on the actions that it gets."""

    def __init__(self, info: str = "ragged", box: bool = False) -> None:
        self.observation_space = gym.spaces.Box(-9.0, 9.0, (1,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32) if box else gym.spaces.Discrete(2)
        self.buffer, self.reward = np.zeros(1, np.float32), np.zeros(())
        self.make_info = INFOS[info]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        super().reset(seed=seed, options=options)
        self.buffer[:], self.reward[...] = 0.0, 0.0
        return self.buffer, self.make_info(0)

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, Any]:
        if isinstance(action, np.ndarray) and action.ndim:
            action[:] = 7.0
        self.buffer += 1.0
        self.reward += 1.0
        return self.buffer, self.reward, self.buffer[0] == LENGTH, False, self.make_info(int(self.buffer[0]))


class OneBufferVector(VectorEnv[Any, Any, Any]):
    """The same as a vector environment that gives its arrays again and again."""

    def __init__(self, num_envs: int, **kwargs: Any) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = gym.spaces.Box(-9.0, 9.0, (1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.buffer, self.final = np.zeros((num_envs, 1), np.float32), np.zeros((num_envs, 1), np.float32)
        self.rewards, self.ended, self.never = np.zeros(num_envs), np.zeros(num_envs, np.bool_), np.zeros(num_envs, np.bool_)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.buffer[:] = 0.0
        return self.buffer, {"ragged": np.zeros(2)}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        actions[:] = 1
        self.buffer += 1.0
        self.final[:], self.rewards[:] = self.buffer, self.buffer[:, 0]
        self.ended[:] = self.buffer[:, 0] == LIMIT
        self.buffer[self.ended] = 0.0
        return self.buffer, self.rewards, self.never, self.ended, {"final_obs": self.final, "_final_obs": self.ended, "x": [1]}


@pytest.fixture(autouse=True)
def one_buffer() -> Iterator[None]:
    gym.register("OneBuffer-v0", entry_point=OneBuffer, max_episode_steps=LIMIT, disable_env_checker=True)
    gym.register("OneBufferEnds-v0", entry_point=OneBuffer, disable_env_checker=True)
    gym.register(
        "OneBufferVector-v0",
        entry_point=OneBuffer,
        vector_entry_point=OneBufferVector,
        max_episode_steps=LIMIT,
        disable_env_checker=True,
    )
    yield
    for name in ("OneBuffer-v0", "OneBufferEnds-v0", "OneBufferVector-v0"):
        del gym.registry[name]


def transitions_of(config: EnvConfig, mode: AutoresetMode, count: int) -> list[tuple[float, float, float, bool, bool]]:
    """Returns the valid transitions of the first of two environments, read only after all steps are taken."""
    env = MeteredVectorEnv(make_vec_env(config, 2, autoreset_mode=mode), Meter(), lambda: 0)
    stream = TransitionStream(env)
    stream.start()
    actions = np.zeros((2, *(env.single_action_space.shape or ())), np.int64 if not env.single_action_space.shape else np.float32)
    steps = [stream.step(actions) for _ in range(count)]
    assert not actions.any(), "the environment's change of its action reached the agent's"
    return [
        (float(s.observations[0, 0]), float(s.next_observations[0, 0]), float(s.rewards[0]), bool(s.terminated[0]), bool(s.truncated[0]))
        for s in steps
        if s.valid[0]
    ]


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("info", INFOS)
@pytest.mark.parametrize("box", [False, True])
def test_a_buffer_changed_in_place_and_any_info_leave_transitions_right(mode: AutoresetMode, info: str, box: bool) -> None:
    found = transitions_of(EnvConfig("OneBuffer-v0", {"info": info, "box": box}), mode, 6)
    expected = [(0.0, 1.0, 1.0, False, False), (1.0, 2.0, 2.0, False, True)] * 3  # 2.0 is what a truncated step bootstraps from
    assert found == expected[: len(found)]
    assert len(found) >= 4


@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_last_observation_of_a_terminated_episode_is_right_too(mode: AutoresetMode) -> None:
    found = transitions_of(EnvConfig("OneBufferEnds-v0"), mode, LENGTH)
    assert found == [(0.0, 1.0, 1.0, False, False), (1.0, 2.0, 2.0, False, False), (2.0, 3.0, 3.0, True, False)]


def test_a_vector_environment_of_somebody_else_may_change_its_arrays_in_place_too() -> None:
    found = transitions_of(EnvConfig("OneBufferVector-v0"), AutoresetMode.SAME_STEP, 4)
    assert found == [(0.0, 1.0, 1.0, False, False), (1.0, 2.0, 2.0, False, True)] * 2


@pytest.mark.parametrize("info", INFOS)
def test_a_single_environment_gives_copies_and_no_info(info: str) -> None:
    env = MeteredEnv(make_env(EnvConfig("OneBuffer-v0", {"info": info})), Meter(), lambda: 0)
    given = [env.reset(), env.step(0), env.step(0), env.reset(), env.step(1)]
    assert [float(part[0][0]) for part in given] == [0.0, 1.0, 2.0, 0.0, 1.0]
    assert [given[index][1] for index in (1, 2, 4)] == [1.0, 2.0, 1.0]
    assert all(part[-1] == {} for part in given)


class Constant:
    def act(self, observations, *, action_masks=None):
        return np.zeros(len(observations), np.int64)


@pytest.mark.parametrize("info", INFOS)
@pytest.mark.parametrize("env_id", ["OneBuffer-v0", "OneBufferEnds-v0"])
def test_an_evaluation_does_not_depend_on_them_either(info: str, env_id: str) -> None:
    evaluation = evaluate(Constant(), EnvConfig(env_id, {"info": info}), num_episodes=3, seed=0)
    length = LIMIT if env_id == "OneBuffer-v0" else LENGTH
    assert evaluation.episode_returns.tolist() == [sum(range(1, length + 1))] * 3
    assert evaluation.visited_observations[:, 0].tolist() == [float(step) for step in range(length)]


class Whole(gym.Env[Any, Any]):
    """Takes two whole numbers, and notes what it gets."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space = gym.spaces.Box(np.array([0, -3]), np.array([4, 3]), dtype=np.int64)
        self.actions: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.actions.append(action.tolist())
        return np.zeros(1, np.float32), 0.0, False, False, {}


def test_actions_of_whole_numbers_are_rounded() -> None:
    env = CommonForm(Whole())
    assert env.action_space.dtype == np.float32
    env.reset()
    for action in ([0.4, -3.5], [3.6, 2.51], [4.5, -0.4], [-0.5, 9.0]):
        env.step(np.array(action, np.float32))
    assert env.unwrapped.actions == [[0, -3], [4, 3], [4, 0], [0, 3]]


def test_uniform_actions_of_whole_numbers_give_each_alike() -> None:
    env = CommonForm(Whole())
    env.reset()
    env.action_space.seed(0)
    for _ in range(2_000):
        env.step(env.action_space.sample())
    counts = np.bincount([first for first, _ in env.unwrapped.actions], minlength=5)
    assert counts.min() > 300, counts  # 400 each; those at the ends would have 250 without the half beyond them


class Gate(gym.Env[Any, Any]):
    """Allows nothing at the env step that it is given, and ends after `LENGTH` steps."""

    def __init__(self, closed_at: int = 2, truncates: bool = False) -> None:
        box = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = gym.spaces.Dict(observation=box, action_mask=gym.spaces.MultiBinary(2))
        self.action_space = gym.spaces.Discrete(2)
        self.closed_at, self.truncates, self.count = closed_at, truncates, 0

    def look(self) -> dict[str, Any]:
        return {"observation": np.zeros(1, np.float32), "action_mask": np.full(2, self.count != self.closed_at, np.int8)}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.count = 0
        return self.look(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        ended = self.count == LENGTH
        return self.look(), 1.0, ended and not self.truncates, ended and self.truncates, {}


@pytest.fixture
def gate() -> Iterator[None]:
    gym.register("Gate-v0", entry_point=Gate, disable_env_checker=True)
    yield
    del gym.registry["Gate-v0"]


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(("closed_at", "truncates"), [(0, False), (2, False), (LENGTH, True)])
def test_a_mask_that_allows_nothing_before_the_end_is_named_with_its_env_step(mode: AutoresetMode, closed_at: int, truncates: bool) -> None:
    config = EnvConfig("Gate-v0", {"closed_at": closed_at, "truncates": truncates})
    env = MeteredVectorEnv(make_vec_env(config, 2, autoreset_mode=mode), Meter(), lambda: 0)

    def play() -> None:
        env.reset()
        for _ in range(LENGTH):
            env.step(np.zeros(2, np.int64))

    where = f"env step {closed_at}" if closed_at else "the reset"
    with pytest.raises(EnvironmentFault, match=f"an action mask that allows nothing as observation at {where} of"):
        play()
    with pytest.raises(EnvironmentFault, match=f"an action mask that allows nothing as observation at {where} of evaluation episode"):
        evaluate(Constant(), config, num_episodes=2, seed=0)


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_position_after_the_end_may_allow_nothing(mode: AutoresetMode) -> None:
    found = transitions_of(EnvConfig("Gate-v0", {"closed_at": LENGTH}), mode, LENGTH)
    assert found[-1][3]


@pytest.mark.parametrize(
    ("what", "shown"),
    [("reward", "'much', which is not a number, as reward"), ("observation", r"array\(\[0., 0.\].*which is not in Box")],
)
def test_a_reward_that_is_no_number_and_an_observation_of_another_shape_are_named(what: str, shown: str) -> None:
    class Odd(Whole):
        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            return np.zeros(2 if what == "observation" else 1, np.float32), "much" if what == "reward" else 1.0, False, False, {}

    gym.register("Odd-v0", entry_point=Odd, disable_env_checker=True)
    try:
        env = MeteredEnv(make_env(EnvConfig("Odd-v0")), Meter(), lambda: 0)
        env.reset()
        with pytest.raises(EnvironmentFault, match=f"the environment gave {shown}.* at env step 1 of episode 1"):
            env.step(np.zeros(2, np.float32))
    finally:
        del gym.registry["Odd-v0"]
