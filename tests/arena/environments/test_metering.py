import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.environments.counts import Episode
from arena.environments.metered_env import MeteredEnv
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.errors import BudgetExhausted
from arena.learning.transitions import TransitionStream
from arena.testing import FakeEnv, FakeVectorEnv

MODES = list(AutoresetMode)
scripts = st.lists(st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=4)


def oracle(all_scripts, num_vector_steps: int, mode: AutoresetMode) -> tuple[int, list[Episode]]:
    """Env steps and episodes after `num_vector_steps`, by one plain loop over steps and environments."""
    state = [{"episode": 0, "step": 0, "return": 0.0, "waiting": False} for _ in all_scripts]
    env_steps, episodes = 0, []
    for _ in range(num_vector_steps):
        ended = []
        for index, (script, env) in enumerate(zip(all_scripts, state, strict=True)):
            if env["waiting"]:
                env.update(episode=env["episode"] + 1, step=0, waiting=False)
                env["return"] = 0.0
                if mode is AutoresetMode.NEXT_STEP:
                    continue
            env_steps += 1
            env["step"] += 1
            env["return"] += 10_000 * index + 100 * env["episode"] + env["step"]
            length, terminated = script[env["episode"] % len(script)]
            if env["step"] == length:
                env["waiting"] = True
                ended.append((env["return"], length, terminated))
        episodes += [Episode(env_steps, *end) for end in ended]
    return env_steps, episodes


def metered(all_scripts, mode: AutoresetMode, meter: Meter | None = None, seeds=None) -> MeteredVectorEnv:
    seeds = itertools.count() if seeds is None else seeds
    return MeteredVectorEnv(FakeVectorEnv(all_scripts, mode), meter or Meter(), lambda: next(seeds))


def advance(env: MeteredVectorEnv) -> None:
    _, _, terminated, truncated, _ = env.step(np.zeros(env.num_envs, np.int64))
    ended = terminated | truncated
    if env.autoreset_mode is AutoresetMode.DISABLED and ended.any():
        env.reset(options={"reset_mask": ended})


@settings(deadline=None, max_examples=25)
@given(scripts, st.integers(0, 200), st.sampled_from(MODES))
def test_a_glance_knows_the_env_steps_that_are_not_yet_settled(all_scripts, num_vector_steps, mode) -> None:
    env = metered(all_scripts, mode)
    env.reset()
    before = env.meter.glance()
    assert before[0] == 0
    for _ in range(num_vector_steps):
        advance(env)
    glance = env.meter.glance()
    assert glance[0] == env.meter.env_steps == env.meter.glance()[0]
    assert (glance[1] > before[1]) == (num_vector_steps > 0)


@settings(deadline=None, max_examples=25)
@given(scripts, st.integers(0, 40), st.sampled_from(MODES))
def test_counts_equal_a_plain_loop(all_scripts, num_vector_steps, mode) -> None:
    env = metered(all_scripts, mode)
    env.reset()
    for _ in range(num_vector_steps):
        advance(env)
    env_steps, episodes = oracle(all_scripts, num_vector_steps, mode)
    assert env.meter.env_steps == env_steps
    assert env.meter.num_episodes == len(episodes)
    assert env.meter.episodes == episodes
    columns = env.meter.take_episode_columns()
    assert columns.episodes() == episodes
    assert columns.metrics == {}
    assert env.meter.take_episode_columns().episodes() == []
    assert env.meter.take_episodes() == []
    assert env.meter.num_cut_episodes == 0


def test_taken_episodes_are_forgotten() -> None:
    env = metered([((5, True),)], AutoresetMode.SAME_STEP)
    env.reset()
    for _ in range(10):
        advance(env)
    assert [episode.episode_length for episode in env.meter.take_episodes()] == [5, 5]
    assert env.meter.take_episodes() == []


@settings(deadline=None, max_examples=25)
@given(scripts, st.integers(1, 60), st.sampled_from(MODES))
def test_budget_is_never_overrun_and_used_up_to_less_than_one_vector_step(all_scripts, max_env_steps, mode) -> None:
    env = metered(all_scripts, mode, Meter(max_env_steps=max_env_steps))
    env.reset()
    taken = 0
    while taken + (needed := env.num_next_env_steps) <= max_env_steps:
        advance(env)
        taken += needed
        assert env.meter.env_steps == taken
    with pytest.raises(BudgetExhausted, match=f"{taken} of {max_env_steps} env steps taken, the next step needs {needed}"):
        advance(env)
    assert env.meter.env_steps == taken


@settings(deadline=None, max_examples=25)
@given(scripts, st.integers(0, 12), st.integers(0, 12), st.sampled_from(MODES))
def test_cut_episodes_are_in_no_statistic(all_scripts, before, after, mode) -> None:
    env = metered(all_scripts, mode)
    env.reset()
    for _ in range(before):
        advance(env)
    env_steps, episodes = oracle(all_scripts, before, mode)
    env.cut_episodes()
    env.cut_episodes()  # cutting again cuts nothing
    with pytest.raises(RuntimeError, match="waits for its reset"):
        env.step(np.zeros(env.num_envs, np.int64))
    assert env.meter.env_steps == env_steps
    alone = [oracle([script], before, mode) for script in all_scripts]  # an episode is cut where steps belong to no finished one
    unfinished = [steps - sum(episode.episode_length for episode in finished) for steps, finished in alone]
    assert env.meter.num_cut_episodes == np.count_nonzero(unfinished)
    assert env.meter.take_episodes() == episodes
    env.reset()
    for _ in range(after):
        advance(env)
    lengths = {length for script in all_scripts for length, _ in script}
    assert {episode.episode_length for episode in env.meter.take_episodes()} <= lengths
    assert env.num_next_env_steps <= env.num_envs


def test_what_a_step_that_only_resets_returns_is_not_counted() -> None:
    class Stale(FakeVectorEnv):
        """Repeats reward and flags of the last step where an environment is only reset, as one outside Gymnasium might."""

        last = ended = None

        def step(self, actions):
            reset = self.ended
            observations, rewards, terminated, truncated, info = super().step(actions)
            self.ended = terminated | truncated
            if self.last is not None:
                for array, old in zip((rewards, terminated, truncated), self.last, strict=True):
                    array[reset] = old[reset]
            self.last = rewards, terminated, truncated
            return observations, rewards, terminated, truncated, info

    all_scripts = [[(2, True), (3, False)], [(1, True)], [(7, False)]]
    env = MeteredVectorEnv(Stale(all_scripts, AutoresetMode.NEXT_STEP), Meter(), lambda: 0)
    stream = TransitionStream(env)
    stream.start()
    num_valid = 0
    for _ in range(30):
        num_valid += np.count_nonzero(stream.step(np.zeros(3, np.int64)).valid)
    assert (env.meter.env_steps, env.meter.take_episodes()) == oracle(all_scripts, 30, AutoresetMode.NEXT_STEP)
    assert num_valid == env.meter.env_steps


def test_termination_and_truncation_are_told_apart() -> None:
    env = metered([[(2, True)], [(2, False)]], AutoresetMode.SAME_STEP)
    env.reset()
    advance(env)
    advance(env)
    assert [episode.terminated for episode in env.meter.episodes] == [True, False]


def test_a_termination_in_the_last_step_before_the_time_limit_is_a_termination() -> None:
    class Both(FakeEnv):
        def step(self, action):
            observation, reward, _, _, info = super().step(action)
            return observation, reward, True, True, info

    env = MeteredEnv(Both(), Meter(), lambda: 0)
    env.reset()
    env.step(0)
    assert env.meter.episodes == [Episode(1, 1.0, 1, True)]


@pytest.mark.parametrize("mode", MODES)
def test_the_arena_decides_every_seed_and_only_after_a_cut(mode) -> None:
    class Recorder(gym.vector.VectorWrapper):
        seeds = []

        def reset(self, *, seed=None, options=None):
            self.seeds.append(seed)
            return super().reset(seed=seed, options=options)

    recorder = Recorder(FakeVectorEnv([[(3, True)]], mode))
    recorder.seeds = []
    seeds = itertools.count(100)
    env = MeteredVectorEnv(recorder, Meter(), lambda: next(seeds))
    env.reset(seed=7)
    env.reset(seed=7)  # an agent's own reset may not replay the first seed
    env.cut_episodes()
    env.reset(seed=7)
    assert recorder.seeds == [100, None, 101]


def test_a_reset_by_the_agent_counts_as_a_cut() -> None:
    env = metered([[(9, True)], [(9, True)]], AutoresetMode.DISABLED)
    env.reset()
    advance(env)
    env.reset(options={"reset_mask": np.array([True, False])})
    assert env.meter.num_cut_episodes == 1
    advance(env)
    env.reset()
    assert env.meter.num_cut_episodes == 3
    assert env.meter.num_episodes == 0


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_partial_reset_is_refused_where_the_environment_may_ignore_the_mask(mode) -> None:
    env = metered([[(9, True)]], mode)
    env.reset()
    with pytest.raises(ValueError, match=r"reset_mask needs AutoresetMode\.DISABLED"):
        env.reset(options={"reset_mask": np.array([True])})


def test_stepping_a_waiting_environment_is_refused() -> None:
    env = metered([[(1, True)], [(9, True)]], AutoresetMode.DISABLED)
    env.reset()
    env.step(np.zeros(2, np.int64))
    with pytest.raises(RuntimeError, match="waits for its reset"):
        env.step(np.zeros(2, np.int64))


def test_two_environments_share_a_meter() -> None:
    meter = Meter(max_env_steps=5)
    first, second = (metered([[(2, True)]] * 2, AutoresetMode.SAME_STEP, meter) for _ in range(2))
    first.reset()
    second.reset()
    advance(first)
    advance(second)
    with pytest.raises(BudgetExhausted):
        advance(first)
    assert meter.env_steps == 4


def test_env_seconds_cover_step_and_reset(monkeypatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    env = metered([[(3, True)]], AutoresetMode.SAME_STEP)
    env.reset()
    advance(env)
    assert env.meter.env_seconds == 2.0  # one tick each
    single = MeteredEnv(FakeEnv(), Meter(), lambda: 0)
    single.reset()
    single.step(0)
    assert single.meter.env_seconds == 2.0


def test_cartpole_counts_equal_those_read_off_its_flags() -> None:
    env = MeteredVectorEnv(gym.make_vec("CartPole-v1", 5, vectorization_mode="vector_entry_point"), Meter(), lambda: 3)
    env.reset()
    env.action_space.seed(0)
    prev_ended, env_steps, returns, lengths = np.zeros(5, bool), 0, np.zeros(5), np.zeros(5, int)
    episodes = []
    for _ in range(300):
        _, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
        env_steps += int((~prev_ended).sum())
        for i in range(5):
            if prev_ended[i]:
                returns[i], lengths[i] = 0.0, 0
                continue
            returns[i] += rewards[i]
            lengths[i] += 1
        prev_ended = terminated | truncated
        episodes += [Episode(env_steps, returns[i], lengths[i], bool(terminated[i])) for i in np.flatnonzero(prev_ended)]
    assert len(episodes) > 20
    assert env.meter.env_steps == env_steps
    assert env.meter.take_episodes() == episodes


class TestSingleEnv:
    def test_counts_and_budget(self) -> None:
        env = MeteredEnv(FakeEnv([(3, True), (2, False)]), Meter(max_env_steps=6), lambda: 0)
        for _ in range(2):
            env.reset()
            ended = False
            while not ended:
                _, _, terminated, truncated, _ = env.step(0)
                ended = terminated or truncated
        assert env.meter.take_episodes() == [Episode(3, 1.0 + 2 + 3, 3, True), Episode(5, 101.0 + 102, 2, False)]
        with pytest.raises(RuntimeError, match="waits for its reset"):
            env.step(0)
        env.reset()
        env.step(0)
        with pytest.raises(BudgetExhausted, match="6 of 6"):
            env.step(0)
        assert env.meter.env_steps == 6

    def test_cut_and_seeds(self) -> None:
        class Recorder(FakeEnv):
            def reset(self, *, seed=None, options=None):
                seeds_seen.append(seed)
                return super().reset(seed=seed, options=options)

        seeds_seen, seeds = [], itertools.count(100)
        env = MeteredEnv(Recorder([(3, True)]), Meter(), lambda: next(seeds))
        env.reset(seed=1)
        env.step(0)
        env.reset(seed=1)  # the agent gives up an episode
        env.step(0)
        env.cut_episodes()
        with pytest.raises(RuntimeError, match="waits for its reset"):
            env.step(0)
        env.reset()
        assert seeds_seen == [100, None, 101]
        assert (env.meter.num_cut_episodes, env.meter.num_episodes) == (2, 0)


def test_stream_and_meter_agree_on_what_is_an_env_step() -> None:
    for mode in MODES:
        env = metered([[(1, True)], [(2, False), (1, True)], [(5, True)]], mode)
        stream = TransitionStream(env)
        stream.start()
        num_valid = 0
        for _ in range(25):
            transitions = stream.step(np.zeros(3, np.int64))
            num_valid += stream.num_valid
            assert np.count_nonzero(transitions.valid) == stream.num_valid
        assert num_valid == env.meter.env_steps
