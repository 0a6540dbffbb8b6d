import time

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.policy import OnnxPolicy
from arena.seeding import duel_seed
from arena.tournament.play import play_episodes as duels
from arena.tournament.play.play_episodes import play_episodes
from arena.tournament.schedule.tasks import EpisodesTask

ENV = EnvConfig("Acrobot-v1", {"max_episode_steps": 60})


def _task(player, policy, *, num_episodes=4, action_seconds=60.0):
    return EpisodesTask(
        match=f"{ENV.name}/{player}",
        env=ENV,
        player=player,
        policy=policy,
        seed=11,
        num_episodes=num_episodes,
        action_seconds=action_seconds,
    )


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
    with pytest.raises(ArenaError, match=r"environment Acrobot-v1\S* failed: .*(no display|not finite|is a NaN value)"):
        play_episodes(_task("random", None))
