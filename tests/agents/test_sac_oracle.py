"""Updates of SAC and TD3 against a float64 oracle in NumPy: the same minibatches, the same noise.

Each agent runs in the process of its framework (`question_server.py`). docs/continuous.md has the figures.
"""

import dataclasses
import itertools
import re

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask
from sac_oracle import (
    BATCH_SIZE,
    FAULTS,
    NUM_DIMENSIONS,
    NUM_INPUTS,
    NUM_UPDATES,
    Conventions,
    SACOracle,
    TD3Oracle,
    make_batches,
    make_weights,
)

from arena.agent.hyperparameters import SACConfig, TD3Config, build_config
from arena.agent.registry import agent_spec
from arena.environments.metering import Meter, MeteredVectorEnv
from arena.policies.onnx_network import initial_weights
from arena.seeding import split_seed
from arena.testing import FakeVectorEnv

SEED = 11
STUDY = {
    "hidden_sizes": [16, 12],
    "learning_rate": 1e-3,
    "adam_epsilon": 1e-3,  # large, so that its placement shows
    "max_gradient_norm": 1.6,  # of some minibatches and not of others
    "discount": 0.9,
    "num_envs": 2,
    "batch_size": BATCH_SIZE,
    "num_updates": NUM_UPDATES,
    "replay_capacity": 100,
    "target_update_tau": 0.05,
}
SETTINGS = {
    "sac": {**STUDY, "initial_alpha": 0.3, "target_entropy_per_dimension": 0.3},
    "td3": {**STUDY, "policy_delay": 2, "target_noise": 0.4, "target_noise_clip": 0.5},
}
ORACLES = {"sac": (SACOracle, SACConfig, 2 * NUM_DIMENSIONS), "td3": (TD3Oracle, TD3Config, NUM_DIMENSIONS)}
"""Oracle, shared settings, and number of outputs of the actor, by algorithm."""
TFAGENTS, RLLIB = Conventions(own_alpha_noise=True), Conventions(together=True, corrected_epsilon=True)
AGENTS = {
    f"{agent}-{backend}": (agent, {"backend": backend}, Conventions())
    for agent in ("keras-sac", "keras-td3")
    for backend in ("jax", "tensorflow", "torch")
} | {
    "tfagents-sac": ("tfagents-sac", {}, TFAGENTS),
    "tfagents-sac-huber": ("tfagents-sac", {"overrides": {"td_errors_loss_fn": "huber"}}, dataclasses.replace(TFAGENTS, huber=True)),
    "tfagents-td3": ("tfagents-td3", {}, Conventions(bounded_next_actions=False)),
    "rllib-sac": ("rllib-sac", {}, RLLIB),
    "rllib-sac-huber": ("rllib-sac", {"overrides": {"td_error_loss_fn": "huber"}}, dataclasses.replace(RLLIB, huber=True)),
}
"""Agent, settings and conventions by the name of a case."""
TOLERANCE = 1e-4
"""Largest difference of an agent from the oracle, as a share of the way that training moved the weights of a part; float32 rounding makes
up to 1e-5. A learning rate of 1.01e-3 for 1e-3 makes at least ten times as much as this."""


class Factory:
    """An `EnvFactory` of fake environments with the spaces of the study; they are never stepped."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (NUM_INPUTS,), np.float32)
    action_space = gym.spaces.Box(np.float32([-1.0, -3.0]), np.float32([1.0, 2.0]))

    def make_vec(self, num_envs):
        env = FakeVectorEnv([((7, True),)] * num_envs)
        env.single_observation_space, env.single_action_space = self.observation_space, self.action_space
        return MeteredVectorEnv(env, Meter(), lambda: 0)


# --- in a worker


def learn_batches(agent_id, table, out):
    """Lets an agent learn from the study's minibatches, and writes its weights before and after, and its losses."""
    spec = agent_spec(agent_id)
    config = build_config(spec.config, {**SETTINGS[spec.algorithm], **table}, where=agent_id)
    agent = spec.load()(Factory(), config, seed=SEED, device="cpu")
    parts, learn = DRIVERS[agent_id.partition("-")[0]]
    arrays = {f"before.{name}.{index}": array for name, part in parts(agent).items() for index, array in enumerate(part)}
    for name, value in learn(agent, make_batches()).items():
        arrays[f"loss.{name}"] = np.asarray(value)
    arrays |= {f"after.{name}.{index}": array for name, part in parts(agent).items() for index, array in enumerate(part)}
    np.savez(out, **arrays)


def keras_parts(agent):
    """Returns the weights of a Keras agent by part, named as in the oracles."""
    state = agent.engine.get(agent.burst.state)
    found = {"actor": state.actor.parameters, "critics": state.critics.parameters}
    if hasattr(state, "alpha"):
        return {**found, "target": state.target, "alpha": state.alpha.parameters}
    return {**found, "target": state.target_critics, "target actor": state.target_actor}


def learn_keras(agent, batches):
    if hasattr(agent.burst.state, "alpha"):
        return agent.burst.update((*batches.transitions, batches.next_noise, batches.noise))
    shape = (NUM_UPDATES // agent.config.policy_delay, agent.config.policy_delay)
    fields = (*batches.transitions, batches.next_noise)
    return agent.burst.update(tuple(field.reshape(*shape, *field.shape[1:]) for field in fields))


def tfagents_parts(agent):
    """Returns the weights of `tfagents-sac` or `tfagents-td3` by part, named as in the oracles."""
    arrays = agent.learner.arrays()
    others = {"alpha": "alpha"} if "alpha_0" in arrays else {"target actor": "target_actor"}
    names = {"actor": "actor", "critics": "critics", "target": "targets", **others}
    counts = {name: sum(re.fullmatch(rf"{prefix}_[0-9]+", key) is not None for key in arrays) for name, prefix in names.items()}
    return {name: [arrays[f"{prefix}_{index}"] for index in range(counts[name])] for name, prefix in names.items()}


def learn_tfagents(agent, batches):
    noises = (batches.noise, batches.alpha_noise) if hasattr(agent.config, "initial_alpha") else ()
    return agent.learner.update(*batches.transitions, batches.next_noise, *noises)


def rllib_parts(agent):
    """Returns the weights of `rllib-sac` by part, named as in the oracles; copies, as what it gives are views."""
    from arena_rllib import networks

    def weights(*stacks):
        return [np.array(array) for layer in networks.layers(*stacks) for array in (layer.kernel, layer.bias)]

    module = agent.learner.module
    return {
        "actor": weights(module.pi_encoder, module.pi),
        "critics": weights(module.qf_encoder, module.qf) + weights(module.qf_twin_encoder, module.qf_twin),
        "target": weights(module.target_qf_encoder, module.target_qf) + weights(module.target_qf_twin_encoder, module.target_qf_twin),
        "alpha": [agent.learner.state()["log_alpha"]],
    }


def learn_rllib(agent, batches):
    fields = (*batches.transitions, batches.next_noise, batches.noise)
    losses = [agent.update(*(field[index : index + 1] for field in fields)) for index in range(NUM_UPDATES)]
    mean = {name: np.mean([update[name] for update in losses]) for name in losses[0]}
    critic_loss = mean["qf_loss"] + mean["qf_twin_loss"]
    return {"critic_loss": critic_loss, "actor_loss": mean["policy_loss"], "entropy": -mean["logps"], "alpha": mean["alpha_value"]}


DRIVERS = {"keras": (keras_parts, learn_keras), "tfagents": (tfagents_parts, learn_tfagents), "rllib": (rllib_parts, learn_rllib)}
"""Functions that read an agent's weights and let it learn, by framework."""


# --- the tests


def drawn(algorithm):
    """Returns the weights that an agent begins with: SAC in every framework draws those of both critics first, TD3 those of the actor."""
    rng = np.random.default_rng(split_seed(SEED, 1)[0])
    critic = list(itertools.pairwise((NUM_INPUTS + NUM_DIMENSIONS, *STUDY["hidden_sizes"], 1)))
    actor = list(itertools.pairwise((NUM_INPUTS, *STUDY["hidden_sizes"], ORACLES[algorithm][2])))
    layers = {"critics": 2 * critic, "actor": actor}
    return {name: initial_weights(layers[name], rng) for name in (layers if algorithm == "sac" else reversed(layers))}


def part(arrays, when, name):
    prefix = f"{when}.{name}."
    return [arrays[f"{prefix}{index}"] for index in range(sum(key.startswith(prefix) for key in arrays))]


def run_oracle(algorithm, actor, critics, conventions=Conventions(), fault=""):  # noqa: B008 - frozen
    """Returns the weights by part after the study's minibatches, and the mean losses."""
    oracle_class, config_class, _ = ORACLES[algorithm]
    oracle = oracle_class(build_config(config_class, SETTINGS[algorithm], where="the oracle"), actor, critics, conventions, fault)
    batches = make_batches()
    updates = [oracle.update(batches[index]) for index in range(NUM_UPDATES)]
    names = {name for update in updates for name in update}
    return oracle.parts(), {name: np.mean([update[name] for update in updates if name in update]) for name in names}


def initial(algorithm):
    outputs = ORACLES[algorithm][2]
    critics = [make_weights(NUM_INPUTS + NUM_DIMENSIONS, *STUDY["hidden_sizes"], 1, seed=seed) for seed in (1, 2)]
    return make_weights(NUM_INPUTS, *STUDY["hidden_sizes"], outputs, seed=0), critics


def untrained(algorithm):
    """Returns the oracle's weights by part before the study's minibatches."""
    oracle_class, config_class, _ = ORACLES[algorithm]
    return oracle_class(build_config(config_class, SETTINGS[algorithm], where="the oracle"), *initial(algorithm)).parts()


def difference(weights, expected, before):
    """Returns the largest difference of `weights` from `expected`, relative to how far these moved from `before`."""
    moved = max(float(np.abs(a - b).max()) for a, b in zip(expected, before, strict=True))
    return max(float(np.abs(a - b).max()) for a, b in zip(weights, expected, strict=True)) / moved


def cases():
    for name, (agent, table, _) in AGENTS.items():
        group = pytest.mark.xdist_group(f"{agent.partition('-')[0]} {table.get('backend', '')}".rstrip())
        others = [pytest.mark.slow] if table.get("backend", "jax") != "jax" else []
        yield pytest.param(name, marks=[group, *others])


@pytest.mark.framework
@pytest.mark.parametrize("name", list(cases()))
def test_updates_equal_the_oracle(name, tmp_path):
    agent_id, table, conventions = AGENTS[name]
    spec, out = agent_spec(agent_id), tmp_path / "out.npz"
    ask(learn_batches, agent_id, table, str(out), spec=spec, config=spec.config(**table))
    with np.load(out) as file:
        arrays = dict(file)
    start = drawn(spec.algorithm)
    for of, weights in start.items():
        for array, other in zip(part(arrays, "before", of), weights, strict=True):
            np.testing.assert_array_equal(array, other)  # to the last bit: one seed, one actor and two critics
    half = len(start["critics"]) // 2
    networks = start["actor"], [start["critics"][:half], start["critics"][half:]]
    expected, losses = run_oracle(spec.algorithm, *networks, conventions)
    for fault in FAULTS[spec.algorithm]:
        wrong, _ = run_oracle(spec.algorithm, *networks, conventions, fault)
        assert max(difference(wrong[of], expected[of], part(arrays, "before", of)) for of in expected) > 10 * TOLERANCE, fault
    for of, weights in expected.items():
        apart = difference(part(arrays, "after", of), weights, part(arrays, "before", of))
        print(f"{name:22} {of:13} {apart:.1e}")
        assert apart < TOLERANCE, of
    reported = {loss: value for loss, value in losses.items() if loss != "entropy" or agent_id != "tfagents-sac"}
    for loss, value in reported.items():
        assert float(arrays[f"loss.{loss}"]) == pytest.approx(value, rel=1e-5, abs=1e-6), loss


@pytest.mark.parametrize(("algorithm", "fault"), [(algorithm, fault) for algorithm in ORACLES for fault in FAULTS[algorithm]])
def test_every_mistake_shows(algorithm, fault):
    right, _ = run_oracle(algorithm, *initial(algorithm))
    wrong, _ = run_oracle(algorithm, *initial(algorithm), fault=fault)
    before = untrained(algorithm)
    apart = max(difference(wrong[name], right[name], before[name]) for name in right)
    print(algorithm, fault, f"{apart:.1e}")
    assert apart > 10 * TOLERANCE


CHOICES = [
    ("sac", Conventions(together=True)),
    ("sac", Conventions(own_alpha_noise=True)),
    ("sac", Conventions(log_det_epsilon=1e-2)),
    ("td3", Conventions(bounded_next_actions=False)),
    *((algorithm, Conventions(**choice)) for algorithm in ORACLES for choice in ({"huber": True}, {"critic_weight": 0.5})),
]


@pytest.mark.parametrize(("algorithm", "conventions"), CHOICES)
def test_every_convention_shows(algorithm, conventions):
    actor, critics = initial(algorithm)
    right, _ = run_oracle(algorithm, actor, critics)
    other, _ = run_oracle(algorithm, actor, critics, conventions)
    before = untrained(algorithm)
    assert max(difference(other[name], right[name], before[name]) for name in right) > 10 * TOLERANCE


@pytest.mark.parametrize(
    "conventions", [Conventions(), Conventions(huber=True, critic_weight=0.5, log_det_epsilon=1e-2)], ids=["ours", "other"]
)
@pytest.mark.parametrize("algorithm", ORACLES)
def test_the_oracles_gradients_are_those_of_its_losses(algorithm, conventions):
    oracle_class, config_class, _ = ORACLES[algorithm]
    config = build_config(config_class, SETTINGS[algorithm], where="it")
    batch, further = make_batches()[0], {"sac": (0.3,), "td3": ()}[algorithm]
    actor, critics = initial(algorithm)

    def oracle_of(actor, critics):
        return oracle_class(config, actor, critics, conventions)

    targets = oracle_of(actor, critics).targets(batch, *further)
    _, of_critics = oracle_of(actor, critics).critic_loss_and_gradients(batch, targets)
    *_, of_actor = oracle_of(actor, critics).actor_loss_and_gradients(batch, *further)
    flat = [*critics[0], *critics[1]]

    def critic_loss(weights):
        return oracle_of(actor, [weights[: len(critics[0])], weights[len(critics[0]) :]]).critic_loss_and_gradients(batch, targets)[0]

    def actor_loss(weights):
        return oracle_of(weights, critics).actor_loss_and_gradients(batch, *further)[0]

    for loss, weights, gradients in ((critic_loss, flat, of_critics), (actor_loss, actor, of_actor)):
        for index, gradient in enumerate(gradients):
            place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            values = []
            for sign in (1.0, -1.0):
                moved = [array.copy() for array in weights]
                moved[index][place] += sign * 1e-6
                values.append(loss(moved))
            np.testing.assert_allclose(gradient[place], (values[0] - values[1]) / 2e-6, rtol=1e-5)


def test_the_study_tries_both_sides_of_every_bound():
    """Gradients are clipped and not, and so is noise on next actions."""
    batches, norms = make_batches(), []
    config = build_config(SACConfig, SETTINGS["sac"], where="it")
    oracle = SACOracle(config, *initial("sac"))
    for index in range(NUM_UPDATES):
        _, gradients = oracle.critic_loss_and_gradients(batches[index], oracle.targets(batches[index], 0.3))
        norms.append(np.sqrt(sum((gradient**2).sum() for gradient in gradients)))
        oracle.update(batches[index])
    assert min(norms) < config.max_gradient_norm < max(norms), norms
    is_clipped = np.abs(SETTINGS["td3"]["target_noise"] * batches.next_noise) > SETTINGS["td3"]["target_noise_clip"]
    assert 0.1 < is_clipped.mean() < 0.9
