import dataclasses
import functools
import time

import gymnasium as gym
import numpy as np
import pytest
from hostile_policies import dividing, looping, misshapen, not_finite, sound, swelling

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds
from arena.policies.policy import OnnxPolicy
from arena.seeding import duel_seed
from arena.tournament.play import load_policy
from arena.tournament.play import play_episodes as duels
from arena.tournament.play.load_policy import PlayingPolicy
from arena.tournament.play.play_episodes import play_episodes
from arena.tournament.schedule.tasks import EpisodesTask

ENV = EnvConfig("Acrobot-v1", {"max_episode_steps": 60})


def _task(player, policy, *, env=ENV, num_episodes=4, action_seconds=60.0):
    return EpisodesTask(
        match=f"{env.name}/{player}",
        env=env,
        player=player,
        policy=policy,
        seed=11,
        num_episodes=num_episodes,
        action_seconds=action_seconds,
    )


def test_episodes_are_cut_where_the_rules_say(tmp_path, write_policy):
    path = write_policy(tmp_path / "0.onnx", "Acrobot-v1", 0)
    (played,) = play_episodes(dataclasses.replace(_task("0", path), max_episode_steps=9))
    assert played.lengths == (9,) * 4
    assert played.returns == (-9.0,) * 4


def test_both_players_start_as_a_plain_loop_over_the_same_seeds_does(tmp_path, write_policy):
    """The oracle: `env.reset(seed)` and one step after the other, with the seeds that `arena.policies.evaluation` documents."""
    first_seed = int(np.random.SeedSequence([11, 0]).generate_state(1)[0])
    for index in range(2):
        path = write_policy(tmp_path / f"{index}.onnx", "Acrobot-v1", index)
        (played,) = play_episodes(_task(str(index), path))
        policy, env = OnnxPolicy(path), gym.make("Acrobot-v1", max_episode_steps=60)
        returns = []
        for episode in range(4):
            observation, _ = env.reset(seed=first_seed + episode)
            total, ended = 0.0, False
            while not ended:
                observation, reward, terminated, truncated, _ = env.step(policy.act(observation[None].astype(np.float32))[0])
                total, ended = total + reward, terminated or truncated
            returns.append(total)
        assert list(played.returns) == pytest.approx(returns)


def test_the_random_player_plays_the_same_episodes_again_and_others_under_another_name():
    once, again, other = (play_episodes(_task(name, None))[0] for name in ("random", "random", "x"))
    assert once == again
    assert once.lengths != other.lengths or once.returns != other.returns or set(once.returns) == {-60.0}


def test_starts_differ_between_environments_and_tournaments():
    assert len({duel_seed(0, "A"), duel_seed(0, "B"), duel_seed(1, "A")}) == 3


def test_a_policy_that_fails_in_play_has_no_episodes_and_the_reason(monkeypatch):
    class Broken:
        def act(self, observations, *, action_masks=None):
            raise RuntimeError("no such\nweights")

    monkeypatch.setattr(duels, "load_policy", lambda *arguments, **options: Broken())
    (record,) = play_episodes(_task("broken", None))
    assert (record.returns, record.reason) == ((), "failed: no such weights")


def test_time_for_an_action_is_limited_as_for_a_move(monkeypatch):
    class Slow:
        def act(self, observations, *, action_masks=None):
            time.sleep(0.02)
            return np.zeros(len(observations), np.int64)

    monkeypatch.setattr(duels, "load_policy", lambda *arguments, **options: Slow())
    (record,) = play_episodes(_task("slow", None, action_seconds=0.001))
    assert record.returns == ()
    assert record.reason.startswith("time-out: ")
    assert record.reason.endswith("s for an action, 0.001 allowed")


@pytest.mark.parametrize("actions", [np.full(4, 7), np.zeros(3, np.int64)])
def test_actions_that_are_none_are_the_policys_fault(actions, monkeypatch):
    class Wild:
        def act(self, observations, *, action_masks=None):
            return actions

    monkeypatch.setattr(duels, "load_policy", lambda *arguments, **options: Wild())
    (record,) = play_episodes(_task("wild", None))
    assert record.returns == ()
    assert record.reason.startswith("failed: it ")


@pytest.mark.parametrize("outcome", [OSError("no display"), (np.zeros(6, np.float32), float("nan"), True, False, {})])
def test_an_environment_that_fails_costs_no_player_its_matches(outcome, monkeypatch):
    def step(self, action):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr("gymnasium.envs.classic_control.acrobot.AcrobotEnv.step", step)
    with pytest.raises(ArenaError, match=r"environment Acrobot-v1\S* failed.*: .*(no display|not finite|is a NaN value)"):
        play_episodes(_task("random", None))


CARTPOLE = EnvConfig("CartPole-v1")
REGISTERED = gym.spec("CartPole-v1")


@pytest.fixture
def step_by_step(monkeypatch):
    """The numbers of observations that bounded policies were asked for one after the other."""
    counts = []
    act = PlayingPolicy.act

    def counted(self, observations, *, action_masks=None):
        counts.append(len(observations))
        return act(self, observations, action_masks=action_masks)

    monkeypatch.setattr(PlayingPolicy, "act", counted)
    return counts


@pytest.mark.worker
def test_whole_episodes_of_a_bounded_policy_are_those_of_every_other_way(tmp_path, write_policy, step_by_step, monkeypatch):
    for index, env in enumerate([CARTPOLE, CARTPOLE, EnvConfig("MountainCar-v0"), EnvConfig("FrozenLake-v1")]):
        task = _task("a", write_policy(tmp_path / f"{index}.onnx", env.id, index), env=env, num_episodes=150)
        (whole,) = play_episodes(task)
        assert step_by_step == []
        assert len(whole.returns) == task.num_episodes
        assert play_episodes(task, trusted=True) == [whole]
        with monkeypatch.context() as patch:
            patch.setattr(PlayingPolicy, "play", lambda self, asked: None)
            assert play_episodes(task) == [whole]
        assert step_by_step
        step_by_step.clear()


@pytest.mark.worker
@pytest.mark.parametrize(
    "env", [ENV, EnvConfig("CartPole-v1", {"sutton_barto_reward": True}), EnvConfig("CartPole-v1", {"max_episode_steps": 50})]
)
def test_environments_that_are_not_stepped_by_gymnasiums_own_code_are_played_step_by_step(tmp_path, write_policy, step_by_step, env):
    task = _task("a", write_policy(tmp_path / "a.onnx", env.id, 0), env=env)
    assert play_episodes(task) == play_episodes(task, trusted=True)
    assert step_by_step


@pytest.mark.worker
def test_an_id_that_is_registered_anew_is_played_as_it_is_registered_here(tmp_path, write_policy, step_by_step, monkeypatch):
    task = _task("a", write_policy(tmp_path / "a.onnx", "CartPole-v1", 0), env=CARTPOLE)
    monkeypatch.setitem(gym.registry, "CartPole-v1", dataclasses.replace(REGISTERED, max_episode_steps=5))
    (record,) = play_episodes(task)
    assert [record] == play_episodes(task, trusted=True)
    assert record.lengths == (5,) * 4
    assert step_by_step


@pytest.mark.worker
@pytest.mark.parametrize(
    ("hostile", "options", "reason"),
    [
        (dividing(), {}, "failed: its process was ended by SIGFPE"),
        (looping(), {}, "failed: it gave no answer to 4 observations within 1 seconds"),
        (swelling(800_000_000), {}, "failed: it needs more memory than the 2 GiB allowed"),
        (not_finite(), {}, "failed: it gave scores that are not finite"),
        (misshapen(4), {}, "failed: it gave scores of shape"),
        (sound(), {"action_seconds": 0.0}, "time-out: "),
    ],
    ids=["dividing", "looping", "swelling", "not finite", "misshapen", "late"],
)
def test_faults_are_told_apart_as_in_step_by_step_play(tmp_path, monkeypatch, step_by_step, hostile, options, reason):
    bounds = Bounds(is_file_checked=False, call_seconds=1.0)
    monkeypatch.setattr(load_policy, "BoundedPolicy", functools.partial(BoundedPolicy, bounds=bounds))
    task = _task("a", hostile.write(tmp_path / "a.onnx"), env=CARTPOLE, **options)
    for _ in range(2):
        (record,) = play_episodes(task)
        assert record.returns == ()
        assert record.reason.startswith(reason)
    assert step_by_step


@pytest.mark.worker
@pytest.mark.parametrize("forged", [[501.0] * 4, [-1.0] * 4])
def test_returns_that_no_episode_can_have_are_not_taken(tmp_path, write_policy, monkeypatch, step_by_step, forged):
    monkeypatch.setattr(PlayingPolicy, "play", lambda self, asked: (np.array(forged), np.full(4, 500)))
    task = _task("a", write_policy(tmp_path / "a.onnx", "CartPole-v1", 0), env=CARTPOLE)
    assert play_episodes(task) == play_episodes(task, trusted=True)
    assert step_by_step
