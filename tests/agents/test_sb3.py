"""Stable-Baselines3's agents learn what SB3's own `learn` does, under the arena's names, and refuse what SB3 cannot do."""

import math
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError, BudgetExhausted, TrainingDiverged
from arena.experiment.compatibility import EnvTraits, check_pair
from arena.seeding import reset_seed

SEED = 5


def in_worker(function, *arguments):
    """Calls `function` of this file in the process of Stable-Baselines3; returns what it returns (JSON). Warnings and output fail."""
    return ask(function, *arguments, spec=agent_spec("sb3-ppo"), strict=True, silent=True)


def make_agent(agent_id: str, table: dict, env_id: str, max_env_steps: int | None = None):
    spec = agent_spec(agent_id)
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(max_env_steps), np.random.SeedSequence(SEED))
    return spec.load()(factory, build_config(spec.config, table, where=agent_id), seed=SEED, device="cpu"), factory


# --- training equals SB3's own


class FirstSeed(gym.Wrapper):
    """Resets with a fixed seed first, and without one after."""

    def __init__(self, env, seed):
        super().__init__(env)
        self.next_seed = seed

    def reset(self, *, seed=None, options=None):
        seed, self.next_seed = self.next_seed, None
        return self.env.reset(seed=seed, options=options)


REPLAY = {"num_envs": 2, "hidden_sizes": [16], "batch_size": 16, "learning_starts": 100, "train_period": 8, "num_updates": 4}
OWN_REPLAY = {"batch_size": 16, "learning_starts": 100, "train_freq": 4, "gradient_steps": 4}
EQUAL = {
    "sb3-ppo": (
        "CartPole-v1",
        {"num_envs": 2, "rollout_length": 32, "batch_size": 24, "num_epochs": 3, "hidden_sizes": [16], "entropy_coefficient": 0.01},
        {"n_steps": 32, "batch_size": 24, "n_epochs": 3, "ent_coef": 0.01, "learning_rate": 1e-3, "policy_kwargs": {"net_arch": [16]}},
    ),
    "sb3-dqn": (
        "CartPole-v1",
        {**REPLAY, "target_update_period": 16, "epsilon_decay_steps": 384, "epsilon_end": 0.1},
        {
            **OWN_REPLAY,
            "buffer_size": 50_000,
            "learning_rate": 1e-3,
            "target_update_interval": 16,
            "exploration_fraction": 0.5,
            "exploration_final_eps": 0.1,
            "policy_kwargs": {"net_arch": [16]},
        },
    ),
    "sb3-sac": (
        "Pendulum-v1",
        {**REPLAY, "replay_capacity": 300, "initial_alpha": 0.5},
        {**OWN_REPLAY, "buffer_size": 300, "ent_coef": "auto_0.5", "policy_kwargs": {"net_arch": [16]}},
    ),
    "sb3-td3": (
        "Pendulum-v1",
        {**REPLAY, "replay_capacity": 300, "policy_delay": 2},
        {**OWN_REPLAY, "buffer_size": 300, "learning_rate": 3e-4, "policy_delay": 2, "policy_kwargs": {"net_arch": [16]}},
    ),
}
"""Environment, the agent's hyperparameters, and the same for Stable-Baselines3's own class, whose defaults are the arena's otherwise."""
NUM_STEPS = 768


def learn_both_ways(agent_id: str) -> dict:
    warnings.filterwarnings("ignore", "You have specified a mini-batch size")  # whose last one of an epoch is smaller
    env_id, table, options = EQUAL[agent_id]
    agent, factory = make_agent(agent_id, table, env_id)

    import stable_baselines3  # what it would import besides, and print, was hidden from it by the agent
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.noise import NormalActionNoise
    from stable_baselines3.common.vec_env import DummyVecEnv

    metrics = [agent.learn(NUM_STEPS // 3) for _ in range(3)]
    episodes = [[episode.episode_return, episode.episode_length] for episode in factory.meter.take_episodes()]
    seeds = [reset_seed(np.random.SeedSequence(SEED), index, 0) for index in range(2)]
    monitors = [Monitor(FirstSeed(gym.make(env_id), seed)) for seed in seeds]
    if agent_id == "sb3-td3":
        options = {**options, "action_noise": NormalActionNoise(np.zeros(1), np.full(1, 0.1))}
    if agent_id == "sb3-dqn":
        options["policy_kwargs"]["optimizer_kwargs"] = {"eps": 1e-8}
    make = getattr(stable_baselines3, agent_id.removeprefix("sb3-").upper())
    model = make("MlpPolicy", DummyVecEnv([lambda env=env: env for env in monitors]), seed=SEED, device="cpu", **options)
    model.learn(NUM_STEPS)
    own = [list(pair) for env in monitors for pair in zip(env.get_episode_rewards(), env.get_episode_lengths(), strict=True)]
    ours, theirs = agent.model.policy.state_dict(), model.policy.state_dict()
    return {
        "episodes": sorted([round(total, 4), length] for total, length in episodes),
        "own_episodes": sorted([round(total, 4), length] for total, length in own),
        "difference": max(float((ours[name] - theirs[name]).abs().max()) for name in theirs),
        "learner_steps": sum(one.learner_steps for one in metrics),
        "losses": dict(metrics[-1].losses),
    }


@pytest.mark.framework
@pytest.mark.xdist_group("sb3")
@pytest.mark.parametrize("agent_id", list(EQUAL))
def test_training_equals_stable_baselines_own(agent_id: str):
    found = in_worker(learn_both_ways, agent_id)
    assert found["episodes"] == found["own_episodes"]
    assert len(found["episodes"]) >= 2
    assert found["difference"] == 0.0
    bursts = (NUM_STEPS - 104) // 8 + 1  # SB3 trains after vector steps 4, 8, …, once more than 100 env steps are taken
    assert found["learner_steps"] == (NUM_STEPS // 64 * 3 * 3 if agent_id == "sb3-ppo" else bursts * 4)
    assert all(math.isfinite(value) for value in found["losses"].values())


# --- resume


def resumed_replay(folder: str) -> list[bool]:
    """Fills a small buffer beyond its capacity, and compares it before `save` and after `restore`."""
    agent, _ = make_agent("sb3-dqn", {**REPLAY, "replay_capacity": 60}, "CartPole-v1")
    agent.learn(200)
    agent.save(Path(folder))
    other, _ = make_agent("sb3-dqn", {**REPLAY, "replay_capacity": 60}, "CartPole-v1")
    other.restore(Path(folder))
    ours, theirs = agent.model.replay_buffer, other.model.replay_buffer
    names = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
    same = [np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names]
    return [*same, (ours.pos, ours.full) == (theirs.pos, theirs.full) == (100 % 30, True), bool(ours.rewards.all())]


@pytest.mark.framework
@pytest.mark.xdist_group("sb3")
def test_a_full_replay_buffer_is_restored(tmp_path: Path):
    assert all(in_worker(resumed_replay, str(tmp_path)))


# --- schedules, failure and the end of the budget


def learning_rates() -> list[float]:
    table = {"num_envs": 2, "rollout_length": 16, "batch_size": 16, "num_epochs": 1, "learning_rate": 0.01, "anneal_steps": 96}
    agent, _ = make_agent("sb3-ppo", table, "CartPole-v1")
    rates = []
    for _ in range(4):
        agent.learn(32)
        rates.append(agent.model.policy.optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.framework
@pytest.mark.xdist_group("sb3")
def test_the_learning_rate_falls_by_env_steps_and_not_within_a_call():
    assert in_worker(learning_rates) == pytest.approx([0.01, 0.01 * 2 / 3, 0.01 / 3, 0.0])


def diverge(agent_id: str, env_id: str) -> str:
    table = {"learning_rate": 1e30, "num_envs": 2, "hidden_sizes": [8]}
    agent, _ = make_agent(agent_id, table, env_id)
    try:
        for _ in range(10):
            agent.learn(1_000)
    except TrainingDiverged as error:
        return str(error)
    return ""


@pytest.mark.framework
@pytest.mark.xdist_group("sb3")
@pytest.mark.parametrize(("agent_id", "env_id"), [("sb3-dqn", "CartPole-v1"), ("sb3-ppo", "CartPole-v1"), ("sb3-td3", "Pendulum-v1")])
def test_a_loss_that_is_not_finite_ends_training_as_diverged(agent_id: str, env_id: str):
    assert "try a smaller learning_rate" in in_worker(diverge, agent_id, env_id)


def exhaust() -> list:
    agent, factory = make_agent("sb3-dqn", REPLAY, "CartPole-v1", max_env_steps=301)
    counted = [agent.learn(200).learner_steps, agent.learn(200).learner_steps]
    try:
        agent.learn(200)
    except BudgetExhausted:
        counted.append("exhausted")
    return [*counted, factory.meter.env_steps, agent.model.num_timesteps]


@pytest.mark.framework
@pytest.mark.xdist_group("sb3")
def test_the_call_in_which_the_budget_ends_keeps_its_metrics():
    first, second, last, env_steps, num_timesteps = in_worker(exhaust)
    assert (first, second, last) == (4 * 13, 4 * 12, "exhausted")
    assert (env_steps, num_timesteps) == (301, 300)


# --- refusals


@pytest.mark.parametrize(
    ("agent_id", "table", "told"),
    [
        ("sb3-dqn", {"double": True}, "Stable-Baselines3's DQN has no double Q-learning; keras-dqn, rllib-dqn and tfagents-dqn have it"),
        ("sb3-dqn", {"num_envs": 5}, "train_period=64 must be a multiple of num_envs=5"),
        ("sb3-sac", {"train_period": 6}, "train_period=6 must be a multiple of num_envs=4"),
        ("sb3-sac", {"max_gradient_norm": 1.0}, "does not clip the gradients of SAC and TD3"),
        ("sb3-td3", {"max_gradient_norm": 1.0}, "does not clip the gradients of SAC and TD3"),
        ("sb3-ppo", {"batch_size": 1}, "standardises advantages over minibatches of 2 or more"),
        ("sb3-ppo", {"n_steps": 8}, "has no hyperparameter 'n_steps'"),
    ],
)
def test_what_stable_baselines_cannot_do_is_refused_before_work(agent_id: str, table: dict, told: str):
    with pytest.raises(ArenaError, match=f"agent '{agent_id}'.*{told}"):
        build_config(agent_spec(agent_id).config, table, where=f"agent {agent_id!r}")


@pytest.mark.parametrize("agent_id", ["sb3-dqn", "sb3-ppo"])
def test_action_masks_are_refused_before_work(agent_id: str):
    masked = MaskedBox(np.zeros(2), np.ones(2), num_actions=3)
    traits = EnvTraits(observation_space=masked, action_space=gym.spaces.Discrete(3), has_functions=False)
    with pytest.raises(ArenaError, match=f"Stable-Baselines3 has no action masks: {agent_id} cannot play arena/MaskedIdentity-v0"):
        check_pair(agent_spec(agent_id), EnvConfig("arena/MaskedIdentity-v0"), traits=traits)
