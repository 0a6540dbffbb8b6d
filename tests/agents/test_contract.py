"""Every registered agent keeps the contract and learns the probes, in a process set up for it as a worker's is.

The tests of one framework share a process (`question_server.py`): functions with `agent` and `table` first are called there.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import build_config
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_ids, agent_spec
from arena.agent.spec import AgentSpec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.errors import ArenaError, DeviceUnavailable
from arena.testing import check_agent, check_learns

DOCS = Path(__file__).parents[2] / "docs" / "examples"
VARIANTS = {
    **{agent_id: (agent_id, {}) for agent_id in agent_ids()},
    **{
        f"{agent_id}-{backend}": (agent_id, {"backend": backend})
        for agent_id in ("keras-dqn", "keras-ppo")
        for backend in ("tensorflow", "torch")
    },
    **{f"keras-sac-{backend}": ("keras-sac", {"backend": backend}) for backend in ("tensorflow", "torch")},
    "torch-dqn": ("torch_dqn:SPEC", {}),
}
CONTINUOUS = {
    name: variant for name, variant in VARIANTS.items() if name != "torch-dqn" and agent_spec(variant[0]).action_spaces == {"box"}
}
DISCRETE = {name: variant for name, variant in VARIANTS.items() if name not in ("random", "constant", "torch-dqn", *CONTINUOUS)}
OWN_REPLAY = {
    "tfagents-dqn-own-replay": ("tfagents-dqn", {"replay": "tf_agents", "train_period": 64, "num_updates": 32}),
    "kerasrl-dqn-own-replay": ("kerasrl-dqn", {"replay": "keras_rl", "num_envs": 1}),
}
"""Agents with their framework's replay buffer; other tests hold their resume. TF-Agents' costs 60 ms a draw, hence fewer, larger bursts."""
LEARNERS = {**DISCRETE, **OWN_REPLAY}
ONE_BACKEND = (*agent_ids(), *OWN_REPLAY)
"""Variants whose learning is tested on every change; what Keras's other backends learn, the slow tests see: their updates equal one oracle,
which is tested on every change, and all else is NumPy."""
SMALL_DQN = {
    "hidden_sizes": [32],
    "num_envs": 4,
    "learning_rate": 5e-3,
    "batch_size": 32,
    "learning_starts": 200,
    "train_period": 16,
    "num_updates": 4,
    "target_update_period": 64,
    "epsilon_decay_steps": 1_500,
    "epsilon_end": 0.2,
}
SMALL_PPO = {
    "hidden_sizes": [32],
    "num_envs": 4,
    "learning_rate": 1e-2,
    "rollout_length": 32,
    "batch_size": 64,
    "entropy_coefficient": 0.01,
}
SMALL_SARSA = {"hidden_sizes": [32], "num_envs": 4, "learning_rate": 5e-3, "epsilon_decay_steps": 1_500, "epsilon_end": 0.2}
SMALL_CONTINUOUS = {
    "hidden_sizes": [32],
    "learning_rate": 5e-3,
    "batch_size": 32,
    "learning_starts": 200,
    "train_period": 16,
    "num_updates": 4,
    "target_update_tau": 0.05,
}
SMALL = {"sac": SMALL_CONTINUOUS, "td3": SMALL_CONTINUOUS, "ddpg": SMALL_CONTINUOUS}
SMALL |= {"dqn": SMALL_DQN, "c51": {**SMALL_DQN, "min_q_value": 0.0, "max_q_value": 12.0}, "ppo": SMALL_PPO, "sarsa": SMALL_SARSA}

pytestmark = pytest.mark.framework


def each(variants: dict[str, tuple[str, dict]], always: Collection[str] | None = None) -> pytest.MarkDecorator:
    """Parametrizes a test with variants, so that all tests of one framework run in one process of the tests, one after the other.

    Args:
        variants: Name -> id of the agent and its hyperparameters.
        always: Names of those that are tested on every change; the others are slow. None for all.
    """
    params = []
    for name, (agent, table) in variants.items():
        backend = table.get("backend", "jax") if agent.startswith("keras-") else ""
        marks = [pytest.mark.xdist_group(f"{agent.partition('-')[0]} {backend}".rstrip())]
        marks += [] if always is None or name in always else [pytest.mark.slow]
        params.append(pytest.param(name, marks=marks))
    return pytest.mark.parametrize("name", params)


def having(capability: str, variants: dict[str, tuple[str, dict]]) -> dict[str, tuple[str, dict]]:
    return {name: (agent, table) for name, (agent, table) in variants.items() if getattr(spec_of(agent), capability)}


@contextlib.contextmanager
def documented_agents() -> Iterator[None]:
    """Makes the agents of the documentation importable."""
    sys.path.insert(0, str(DOCS))
    try:
        yield
    finally:
        sys.path.remove(str(DOCS))


def spec_of(agent: str) -> AgentSpec:
    with documented_agents():
        return agent_spec(agent)


def ask_agent(question: Callable[..., Any], agent: str, table: dict, *arguments: Any) -> Any:
    """Calls `question(agent, table, *arguments)` in the process of the agent's framework."""
    spec = spec_of(agent)
    return ask(question, agent, table, *arguments, spec=spec, config=build_config(spec.config, table, where=agent))


def keep_the_contract(agent: str, table: dict, options: dict) -> None:
    with documented_agents():  # the agent's module is imported by the check
        check_agent(agent_spec(agent), config=table, **options)


FEW_UPDATES = (
    {"learning_starts": 200, "batch_size": 16, "train_period": 64, "num_updates": 8, "target_update_period": 512},
    {"rollout_length": 64, "num_epochs": 2},
)
"""Settings with which an agent that replays, or one that collects rollouts, trains in more and smaller bursts; the contract is the same for
all sizes."""


def few(agent: str, table: dict) -> dict:
    names = {field.name for field in dataclasses.fields(spec_of(agent).config)}
    return {**next((settings for settings in FEW_UPDATES if names >= settings.keys()), {}), **table}


@each({name: variant for name, variant in VARIANTS.items() if name not in CONTINUOUS})
def test_agent_keeps_the_contract(name: str):
    agent, table = VARIANTS[name]
    ask_agent(keep_the_contract, agent, few(agent, table), {"num_steps": 1_200})


@each(CONTINUOUS)
def test_continuous_agent_keeps_the_contract(name: str):
    agent, table = CONTINUOUS[name]
    ask_agent(keep_the_contract, agent, small(agent, table), {"env_id": "arena/BoxTarget-v0", "num_steps": 400})


@each({name: variant for name, variant in CONTINUOUS.items() if name in agent_ids()})
def test_continuous_agent_learns_the_probes(name: str):
    """Backends differ in nothing that this could show: their updates equal one oracle, and all else is NumPy."""
    agent, table = CONTINUOUS[name]
    ask_agent(learn, agent, small(agent, table, discount=0.5), "BoxTarget", {"num_steps": 2_800, "min_return": -1.5})
    # An agent that takes truncation for termination leaves, and gets 4.
    ask_agent(learn, agent, small(agent, table, discount=0.9), "BoxTruncation", {"num_steps": 2_800, "min_return": 20.0})


def refuse_discrete_actions(agent: str, table: dict) -> None:
    with pytest.raises(ArenaError, match=r"takes box actions; CartPole-v1 has discrete \(Discrete\(2\)\)"):
        check_agent(agent_spec(agent), config=table)


@each({name: variant for name, variant in CONTINUOUS.items() if name in agent_ids()})
def test_continuous_agent_refuses_what_it_cannot_do(name: str):
    agent, table = CONTINUOUS[name]
    ask_agent(refuse_discrete_actions, agent, table)
    ask_agent(refuse_a_device, agent, small(agent, table))


def refuse_a_device(agent: str, table: dict) -> None:
    spec = agent_spec(agent)
    config = build_config(spec.config, table, where=agent)
    refuse_other_frameworks(spec.modules_for(config))
    env_id = "CartPole-v1" if "discrete" in spec.action_spaces else "arena/BoxTarget-v0"
    factory = ArenaEnvFactory(EnvConfig(env_id), Meter(), np.random.SeedSequence(0))
    with pytest.raises(DeviceUnavailable, match=r"'cuda:63'.* sees [0-9]+ GPUs"):
        spec.load()(factory, config, seed=0, device="cuda:63")
    agent_on_cpu = spec.load()(factory, config, seed=0, device="cpu")
    observations = np.zeros((2, *factory.observation_space.shape), np.float32)
    assert agent_on_cpu.act(observations).shape == (2, *factory.action_space.shape)
    agent_on_cpu.close()


@each({name: (name, {}) for name in ("tfagents-dqn", "rllib-ppo", "keras-ppo", "kerasrl-dqn", "sb3-ppo")})
def test_agent_keeps_the_contract_behind_normalisation(name: str):
    """Checkpoints hold the statistics, and the exported policy has them in its graph."""
    table = few(name, {"normalize_observations": True, "normalize_rewards": True})
    ask_agent(keep_the_contract, name, table, {"num_steps": 1_200})


@each(DISCRETE)
def test_agent_refuses_a_device_that_is_absent(name: str):
    """`device = "auto"` falls back to the CPU, in the same process, after this refusal."""
    ask_agent(refuse_a_device, *DISCRETE[name])


def learn(agent: str, table: dict, env_id: str, options: dict) -> float:
    """Returns the mean return of the policy that `agent` learns."""
    options = dict(options)
    env = EnvConfig(f"arena/{env_id}-v0", options.pop("env", {}))
    judged_on = EnvConfig(env.id, options.pop("judged_with")) if "judged_with" in options else None
    return check_learns(agent_spec(agent), env, config=table, evaluation_env=judged_on, **options)


def small(agent: str, table: dict, **settings: Any) -> dict:
    return {**SMALL[agent_spec(agent).algorithm], **table, **settings}


PROBES = {
    "Identity": (0.5, {"num_steps": 2_800, "min_return": 95.0}),
    "TwoRound": (0.99, {"num_steps": 2_100, "min_return": 3.0}),
    "Discount": (0.95, {"num_steps": 2_100, "min_return": 2.0}),
    "Chain": (0.95, {"num_steps": 2_800, "min_return": 1.0, "env": {"num_states": 4}}),
}
"""A probe environment's discount, and the budget within which an agent must reach the optimal return. Those that are tested
on every change reach it within 85% of the budget."""


@each(OWN_REPLAY)
def test_own_replay_gives_back_what_was_stored(name: str):
    """Credit moves back along the chain only through each transition's own next observation; the discount is the agent's."""
    agent, table = OWN_REPLAY[name]
    discount, options = PROBES["Chain"]
    ask_agent(learn, agent, small(agent, table, discount=discount), "Chain", options)


@each(LEARNERS, always=agent_ids())
def test_agent_learns_the_probes(name: str):
    agent, table = LEARNERS[name]
    for probe, (discount, options) in PROBES.items():
        ask_agent(learn, agent, small(agent, table, discount=discount), probe, options)
    # The larger reward is worth less at this discount.
    assert ask_agent(learn, agent, small(agent, table, discount=0.6), "Discount", {"num_steps": 2_100, "min_return": 1.0}) == 1.0


@each(DISCRETE, always=ONE_BACKEND)
def test_agent_learns_from_text_and_makes_several_choices_at_once(name: str):
    """The text is judged by phrases that training never saw; without it no policy returns more than 5."""
    agent, table = DISCRETE[name]
    settings = small(agent, table, discount=0.5, **({"max_q_value": 3.0} if agent_spec(agent).algorithm == "c51" else {}))
    ask_agent(learn, agent, settings, "Instruction", {"num_steps": 4_200, "min_return": 15.0, "judged_with": {"held_out": True}})
    ask_agent(learn, agent, settings, "Choices", {"num_steps": 5_600, "min_return": 15.0})


@each(LEARNERS, always=ONE_BACKEND)
def test_agent_does_not_take_truncation_for_termination(name: str):
    agent, table = LEARNERS[name]
    options = {"num_steps": 4_000, "min_return": 20.0}
    ask_agent(learn, agent, small(agent, table, discount=0.9), "Truncation", options)


@each(having("action_masks", VARIANTS))
def test_agent_never_takes_a_forbidden_action(name: str):
    agent, table = VARIANTS[name]
    ask_agent(keep_the_contract, agent, few(agent, table), {"env_id": "arena/MaskedIdentity-v0", "num_steps": 1_200})


@each(having("action_masks", DISCRETE), always=ONE_BACKEND)
def test_agent_learns_the_masked_probes(name: str):
    agent, table = DISCRETE[name]
    table = small(agent, table)
    if agent == "tfagents-c51":
        table["max_q_value"] = 15.0
    ask_agent(learn, agent, {**table, "discount": 0.5}, "MaskedIdentity", {"num_steps": 3_500, "min_return": 65.0})
    if agent_spec(agent).algorithm != "ppo":
        # It catches targets over forbidden next actions, which PPO has none of; PPO may settle for the nearer reward.
        ask_agent(learn, agent, {**table, "discount": 0.9}, "MaskedFork", {"num_steps": 3_500, "min_return": 13.0})


IMAGES = {name: variant for name, variant in DISCRETE.items() if "image" in agent_spec(variant[0]).observation_spaces}


@each(IMAGES)
def test_agent_takes_images(name: str):
    agent, table = IMAGES[name]
    image = {"conv_layers": [[8, 4, 4]], "hidden_sizes": [32], "num_envs": 4}
    names = {field.name for field in dataclasses.fields(agent_spec(agent).config)}
    table = {**table, **{key: value for key, value in image.items() if key in names}}
    ask_agent(keep_the_contract, agent, few(agent, table), {"env_id": "arena/ImageIdentity-v0", "num_steps": 1_200})


@each(DISCRETE)
def test_agent_joins_an_image_and_numbers(name: str):
    """The file gives the same actions, and a resume the same run."""
    agent, table = DISCRETE[name]
    options = {"env_id": "arena/PictureAndFlag-v0", "num_steps": 1_200}
    ask_agent(keep_the_contract, agent, few(agent, {**table, "conv_layers": [[8, 3, 2]], "hidden_sizes": [32]}), options)


@each(DISCRETE, always=ONE_BACKEND)
def test_agent_learns_from_an_image_and_numbers_together(name: str):
    """With one of both parts no policy returns more than 10."""
    agent, table = DISCRETE[name]
    settings = {"conv_layers": [[8, 3, 2]], "discount": 0.5, **({"max_q_value": 3.0} if agent_spec(agent).algorithm == "c51" else {})}
    ask_agent(learn, agent, small(agent, table, **settings), "PictureAndFlag", {"num_steps": 3_500, "min_return": 13.0})


@each(IMAGES, always=ONE_BACKEND)
def test_agent_scales_images_by_their_own_bounds(name: str):
    """Divided by 255, as images of bytes once were whatever their bounds, this board is learned by no agent within the budget."""
    agent, table = IMAGES[name]
    settings = {"conv_layers": [[16, 2, 1]], "discount": 0.5, **({} if agent_spec(agent).algorithm == "ppo" else {"epsilon_end": 0.05})}
    dtypes = ("uint8", "int8") if name == agent else ("uint8",)  # the core casts and scales, whatever Keras's backend
    for dtype in dtypes:
        options = {"num_steps": 4_200, "min_return": 17.0, "env": {"dtype": dtype}}
        ask_agent(learn, agent, small(agent, table, **settings), "BoardIdentity", options)


CHOOSING = {name: variant for name, variant in VARIANTS.items() if "choices" in spec_of(variant[0]).action_spaces}
"""Agents that make several choices at once, each for itself, where the combinations are too many to be counted."""


@each(CHOOSING, always=ONE_BACKEND)
def test_agent_makes_many_choices_at_once(name: str):
    agent, table = CHOOSING[name]
    ask_agent(keep_the_contract, agent, few(agent, table), {"env_id": "arena/ManyChoices-v0", "num_steps": 1_200})
    if agent_spec(agent).action_masks:
        options = {"env_id": "arena/ManyChoices-v0", "env_kwargs": {"masked": True}, "num_steps": 1_200}
        ask_agent(keep_the_contract, agent, few(agent, table), options)


@each({name: variant for name, variant in CHOOSING.items() if name in DISCRETE}, always=("keras-ppo", "rllib-ppo", "sb3-ppo"))
def test_agent_learns_many_choices_at_once(name: str):
    """Random play gets 6.9, and 8.6 within the mask."""
    agent, table = CHOOSING[name]
    settings = small(agent, table, discount=0.5)
    ask_agent(learn, agent, settings, "ManyChoices", {"num_steps": 8_400, "min_return": 15.0})
    if agent_spec(agent).action_masks:
        ask_agent(learn, agent, settings, "ManyChoices", {"num_steps": 5_600, "min_return": 15.0, "env": {"masked": True}})


@each({name: VARIANTS[name] for name in agent_ids() if "box" in agent_spec(name).action_spaces and name not in CONTINUOUS})
def test_agent_takes_box_actions(name: str):
    agent, table = VARIANTS[name]
    ask_agent(keep_the_contract, agent, few(agent, table), {"env_id": "arena/BoxTarget-v0", "num_steps": 1_200})
