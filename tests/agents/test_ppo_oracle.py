"""PPO's update in two frameworks, on three backends of the one, against a float64 oracle in NumPy: same script, same random numbers.

Each agent runs in the process of its framework (`question_server.py`), through its public interface alone: environments that
follow a script, `learn`, and the weights that `save` writes. docs/parity.md has the figures.
"""

import itertools
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from ppo_oracle import FAULTS, NUM_ENVS, NUM_INPUTS, NUM_ROLLOUTS, Oracle, make_script
from question_server import ask

from arena.agent.hyperparameters import PPOConfig, build_config
from arena.agent.registry import agent_spec
from arena.environments.metering import Meter, MeteredVectorEnv

SEED = 11
OBSERVATIONS = gym.spaces.Box(-np.inf, np.inf, (NUM_INPUTS,), np.float32)
STUDY = {
    "hidden_sizes": [16, 12],
    "learning_rate": 1e-3,
    "anneal_steps": 1_000,
    "adam_epsilon": 1e-3,  # large, so that its placement shows
    "max_gradient_norm": 0.2,
    "discount": 0.9,
    "gae_lambda": 0.8,
    "clip_ratio": 0.02,
    "entropy_coefficient": 0.05,
    "num_envs": NUM_ENVS,
    "rollout_length": 16,
    "batch_size": 24,  # does not divide the 64 rows of a rollout
    "num_epochs": 3,
}
CASES = {
    "discrete": (gym.spaces.Discrete(3), False),
    "box": (gym.spaces.Box(np.float32([-1.0, -3.0]), np.float32([1.0, 2.0])), False),
    "rows that reset": (gym.spaces.Discrete(3), True),
}
"""Actions, and whether a row after the end of an episode only resets its environment (such rows are left out)."""
AGENTS = {
    "rllib-ppo": ("rllib-ppo", {}),
    "keras-ppo-jax": ("keras-ppo", {"backend": "jax"}),
    "keras-ppo-tensorflow": ("keras-ppo", {"backend": "tensorflow"}),
    "keras-ppo-torch": ("keras-ppo", {"backend": "torch"}),
}
NAMES = {
    "keras-ppo": {"policy": "policy_loss", "value": "value_loss", "total": "loss"},
    "rllib-ppo": {"policy": "policy_loss", "value": "vf_loss", "total": "total_loss"},
}
"""What the agents call the oracle's losses; `entropy` and `gradient_norm` have one name everywhere."""


class ScriptedEnv(gym.vector.VectorEnv):
    """Does what the script says, whatever the actions are."""

    def __init__(self, script, actions):
        self.script, self.num_envs, self.time = script, NUM_ENVS, 0
        self.single_observation_space, self.single_action_space = OBSERVATIONS, actions
        self.observation_space = gym.vector.utils.batch_space(OBSERVATIONS, NUM_ENVS)
        self.action_space = gym.vector.utils.batch_space(actions, NUM_ENVS)
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP if script.next_step else AutoresetMode.SAME_STEP}

    def reset(self, *, seed=None, options=None):
        return self.script.observations[0], {}

    def step(self, actions):
        script, t = self.script, self.time
        self.time += 1
        ended = script.terminated[t] | script.truncated[t]
        info = {} if script.next_step else {"final_obs": script.final[t], "_final_obs": ended}
        return script.observations[t + 1], script.rewards[t], script.terminated[t], script.truncated[t], info


class ScriptedFactory:
    """An `EnvFactory` of scripted environments."""

    observation_space = OBSERVATIONS

    def __init__(self, case):
        self.action_space, self.next_step = CASES[case]

    def make_vec(self, num_envs):
        assert num_envs == NUM_ENVS
        return MeteredVectorEnv(ScriptedEnv(make_script(next_step=self.next_step), self.action_space), Meter(), lambda: 0)


# --- in a worker


def train(agent_id, table, case):
    """Returns the weights before the first rollout and after each, in the oracle's order, and the losses that each `learn` reported."""
    spec = agent_spec(agent_id)
    agent = spec.load()(ScriptedFactory(case), build_config(spec.config, table, where=agent_id), seed=SEED, device="cpu")
    weights, losses = [saved_weights(agent)], []
    for _ in range(NUM_ROLLOUTS):
        reported = agent.learn(1).losses
        names = {**NAMES[agent_id], "entropy": "entropy", "gradient_norm": "gradient_norm"}
        losses.append([reported[name] for name in names.values()])
        weights.append(saved_weights(agent))
    return weights, losses


def saved_weights(agent):
    with tempfile.TemporaryDirectory() as directory:
        agent.save(Path(directory))
        with np.load(Path(directory) / "learner.npz") as arrays:
            saved = dict(arrays)
    if "parameters_0" in saved:
        return [saved[f"parameters_{index}"] for index in range(sum(name.startswith("parameters_") for name in saved))]
    saved = {name.removeprefix("module/"): array for name, array in saved.items()}

    def stack(*prefixes):
        names = [name for prefix in prefixes for name in saved if name.startswith(f"{prefix}.") and name.endswith((".weight", ".bias"))]
        return [saved[name].T for name in names]

    extra = [saved["pi.log_std"]] if "pi.log_std" in saved else []
    return [*stack("encoder.actor_encoder", "pi"), *extra, *stack("encoder.critic_encoder", "vf")]


def main(agent_id, table, out):
    arrays = {}
    for case in CASES:
        weights, losses = train(agent_id, table, case)
        arrays[f"{case}.losses"] = np.array(losses)
        arrays |= {f"{case}.{n}.{index}": array for n, after in enumerate(weights) for index, array in enumerate(after)}
    np.savez(out, **arrays)


# --- the tests


@pytest.fixture(scope="module")
def found(request, tmp_path_factory):
    """Runs an agent's cases; returns its name, and `{case: (weights by rollout, losses by rollout)}`."""
    agent_id, table = AGENTS[request.param]
    spec = agent_spec(agent_id)
    out = tmp_path_factory.mktemp("oracle") / "out.npz"
    ask(main, agent_id, {**STUDY, **table}, str(out), spec=spec, config=spec.config(**table))
    with np.load(out) as arrays:
        count = {case: sum(name.startswith(f"{case}.0.") for name in arrays.files) for case in CASES}
        return request.param, {
            case: ([[arrays[f"{case}.{n}.{i}"] for i in range(count[case])] for n in range(NUM_ROLLOUTS + 1)], arrays[f"{case}.losses"])
            for case in CASES
        }


def run_oracle(agent_id, case, weights, fault=""):
    """Returns the oracle's weights before the first rollout and after each, and its losses as the agent reports them."""
    oracle = Oracle(
        build_config(PPOConfig, STUDY, where="the oracle"), weights, make_script(next_step=CASES[case][1]), agent_id, SEED, fault
    )
    found, losses = [oracle.weights], []
    for _ in range(NUM_ROLLOUTS):
        updates = oracle.rollout()
        names = [*NAMES[agent_id], "entropy", "gradient_norm"]
        table = np.array([[update[name] for name in names] for update in updates])
        losses.append(table.mean(0) if agent_id == "keras-ppo" else table[-1])
        found.append(oracle.weights)
    return found, np.array(losses)


def difference(weights, others):
    """Returns the largest difference of weights after all rollouts, relative to how far the second ones moved on the way."""
    moved = max(float(np.abs(a - b).max()) for a, b in zip(others[-1], others[0], strict=True))
    return max(float(np.abs(a - b).max()) for a, b in zip(weights[-1], others[-1], strict=True)) / moved


TOLERANCE = 1e-4
"""Largest difference of an agent from the oracle, as a share of the way that training moved the weights; float32 rounding makes up to
1e-5. A learning rate of 1.01e-3 for 1e-3 makes 1e-2."""


@pytest.mark.framework
@pytest.mark.parametrize(
    "found",
    [
        pytest.param(
            name,
            marks=[
                pytest.mark.xdist_group(f"{name.replace('-ppo', '').replace('-', ' ')}"),
                *([pytest.mark.slow] if name in ("keras-ppo-tensorflow", "keras-ppo-torch") else []),
            ],
        )
        for name in AGENTS
    ],
    indirect=True,
)
def test_updates_equal_the_oracle(found):
    name, cases = found
    for case, (weights, losses) in cases.items():
        expected, expected_losses = run_oracle(AGENTS[name][0], case, weights[0])
        of_weights = difference(weights, expected)
        of_losses = float(np.abs(losses - expected_losses).max())
        print(f"{name:22} {case:16} weights {of_weights:.1e} losses {of_losses:.1e}")
        assert of_weights < TOLERANCE, case
        assert of_losses < 1e-5, case


def initial(case):
    """Returns weights to begin with where no agent gives them."""
    rng = np.random.default_rng(1)
    num_outputs = int(np.prod(CASES[case][0].shape)) if case == "box" else 3
    policy, value = ([NUM_INPUTS, *STUDY["hidden_sizes"], outputs] for outputs in (num_outputs, 1))
    stacks = [
        [rng.normal(size=size) / 4.0 for inputs, outputs in itertools.pairwise(sizes) for size in ((inputs, outputs), outputs)]
        for sizes in (policy, value)
    ]
    return [*stacks[0], *([np.zeros(num_outputs)] if case == "box" else []), *stacks[1]]


@pytest.mark.parametrize("agent_id", ["keras-ppo", "rllib-ppo"])
@pytest.mark.parametrize("case", CASES)
def test_the_cases_can_tell(case, agent_id):
    """Every mistake, a learning rate that is 1e-5 too large among them, moves the weights by at least ten times the tolerance."""
    right, _ = run_oracle(agent_id, case, initial(case))
    for fault in (*FAULTS, *(["normalisation"] if agent_id == "keras-ppo" else [])):
        wrong, _ = run_oracle(agent_id, case, initial(case), fault)
        print(case, agent_id, fault, difference(wrong, right))
        assert difference(wrong, right) > 10 * TOLERANCE, fault


@pytest.mark.parametrize("agent_id", ["keras-ppo", "rllib-ppo"])
@pytest.mark.parametrize("case", CASES)
def test_the_oracles_gradients_are_those_of_its_loss(case, agent_id):
    config = build_config(PPOConfig, STUDY, where="the oracle")
    oracle = Oracle(config, initial(case), make_script(next_step=False), agent_id, SEED)
    rng = np.random.default_rng(2)
    observations = rng.normal(size=(24, NUM_INPUTS))
    outputs = oracle.forward(oracle.policy, observations)[-1]
    choices = oracle.draw(outputs)
    old_log_probs = oracle.log_probs(outputs, choices)[0] + rng.normal(0.0, 0.03, 24)  # some ratios within the bound, some beyond it
    batch = [observations, choices, old_log_probs, rng.normal(size=24), rng.normal(size=24)]
    _, gradients = oracle.losses_and_gradients(batch)
    for index, gradient in enumerate(gradients):
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        totals = []
        for sign in (1.0, -1.0):
            moved = [weights.copy() for weights in initial(case)]
            moved[index][place] += sign * 1e-6
            oracle.weights = moved
            totals.append(oracle.losses_and_gradients(batch)[0]["total"])
        np.testing.assert_allclose(gradient[place], (totals[0] - totals[1]) / 2e-6, rtol=1e-5)
