"""One DQN update in six implementations: same weights, same minibatches, against a float64 oracle in NumPy.

Each agent runs in the process of its framework (`question_server.py`), through the very objects that train: it explores by its own
loop, its replay buffer gets further rows, and its own burst of updates is called. What remains different between the frameworks has a case
here that measures it; docs/parity.md has the table.
"""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from question_server import ask

from arena.agent.hyperparameters import DQNConfig, build_config
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.learning.replay import ReplayBuffer
from arena.learning.replay_loop import ReplayLoop
from arena.learning.transitions import Transitions
from arena.policies.onnx_network import Dense, PolicyNetwork, initial_weights

SEED, NUM_BURSTS, NUM_ROWS = 11, 10, 512
SPACES = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32), gym.spaces.Discrete(2)
STUDY = {
    "hidden_sizes": [32, 24],
    "learning_rate": 2e-3,
    "adam_epsilon": 1e-15,
    "max_gradient_norm": 0.5,
    "discount": 0.9,
    "batch_size": 32,
    "num_updates": 10,
    "learning_starts": 96,
    "train_period": 64,
    "target_update_period": 128,
}
"""The settings under which the frameworks are to agree: 100 updates, the target network copied after every 20."""
EXPLORED_STEPS = 152
"""Env steps before the first update: 96 at random, then by epsilon."""
CASES = {
    "study": {},
    "double": {"double": True},
    "soft target": {"target_update_tau": 0.3},
    "epsilon": {"adam_epsilon": 1e-3},  # large, so that its placement shows
    "per variable": {"max_gradient_norm": 1e9, "overrides": {"gradient_clipping": 0.1}},
    "squared": {"max_gradient_norm": 1e9, "overrides": {"td_error_loss_fn": "mse"}},
    "half squared": {"max_gradient_norm": 1e9, "huber_delta": 0.0},
}
COMMON = ["study", "double", "soft target", "epsilon"]
AGENTS = {
    "tfagents-dqn": ("tfagents-dqn", {}, [*COMMON, "per variable"]),
    "rllib-dqn": ("rllib-dqn", {}, [*COMMON, "squared"]),
    "keras-dqn-jax": ("keras-dqn", {"backend": "jax"}, COMMON),
    "keras-dqn-tensorflow": ("keras-dqn", {"backend": "tensorflow"}, COMMON),
    "keras-dqn-torch": ("keras-dqn", {"backend": "torch"}, COMMON),
    "kerasrl-dqn": ("kerasrl-dqn", {}, [*COMMON, "half squared"]),
}


def transitions():
    rng = np.random.default_rng(0)
    return Transitions(
        observations=rng.normal(size=(NUM_ROWS, 4)).astype(np.float32),
        actions=rng.integers(0, 2, NUM_ROWS),
        rewards=rng.normal(0.5, 2.0, NUM_ROWS).astype(np.float32),  # errors on both sides of the Huber loss's kink
        next_observations=rng.normal(size=(NUM_ROWS, 4)).astype(np.float32),
        terminated=rng.random(NUM_ROWS) < 0.2,
        truncated=np.zeros(NUM_ROWS, np.bool_),
        valid=np.ones(NUM_ROWS, np.bool_),
    )


def make_factory():
    return ArenaEnvFactory(EnvConfig("CartPole-v1"), Meter(), np.random.SeedSequence(0))


# --- in a worker


def run_updates(agent_id, table):
    """Returns weights `[NUM_BURSTS + 1]` lists of arrays, and the losses that the agent reports, one for each burst."""
    spec = agent_spec(agent_id)
    config = build_config(spec.config, table, where=agent_id)
    agent = spec.load()(make_factory(), config, seed=SEED, device="cpu")
    agent.learn(EXPLORED_STEPS)
    agent.replay.add(transitions())
    burst = {"rllib-dqn": "_train", "kerasrl-dqn": "_burst"}.get(agent_id, "_update")
    loss_name = {"rllib-dqn": "qf_loss", "kerasrl-dqn": "huber"}.get(agent_id, "loss")

    def weights():
        network = agent.network if agent_id in ("tfagents-dqn", "kerasrl-dqn") else agent.policy
        return [np.array(array) for layer in network.layers for array in (layer.kernel, layer.bias)]

    found, losses = [weights()], []
    for index in range(1, NUM_BURSTS + 1):
        losses.append(getattr(agent, burst)(config.num_updates, index % config.target_update_bursts == 0)[loss_name])
        found.append(weights())
    agent.close()
    return found, losses


def main(cases, out):
    arrays = {}
    for number, (agent_id, table) in enumerate(cases):
        weights, losses = run_updates(agent_id, table)
        arrays[f"{number}.losses"] = np.array(losses)
        arrays |= {f"{number}.{burst}.{index}": array for burst, layers in enumerate(weights) for index, array in enumerate(layers)}
    np.savez(out, **arrays)


# --- the oracle


class Oracle:
    """Deep Q-learning in float64.

    Args:
        config: shared settings.
        epsilon_hat: Adam adds epsilon to the root of the uncorrected second moment.
        loss: of one error, and its derivative.
        clip: gradients -> gradients.
        beta_2: as Adam's correction sees it.
    """

    def __init__(self, config, *, epsilon_hat, loss, clip, beta_2=0.999):
        network_seed, replay_seed, loop_seed = (int(word) for word in np.random.SeedSequence(SEED).generate_state(3))
        self.config, self.epsilon_hat, self.loss, self.clip, self.beta_2 = config, epsilon_hat, loss, clip, beta_2
        sizes = [4, *config.hidden_sizes, 2]
        start = initial_weights(itertools.pairwise(sizes), np.random.default_rng(network_seed))
        self.weights = [array.astype(np.float64) for array in start]
        self.target = self.weights
        self.first = [np.zeros_like(array) for array in self.weights]
        self.second = [np.zeros_like(array) for array in self.weights]
        self.count = 0
        self.norms = []
        self.replay = ReplayBuffer(config.replay_capacity, *SPACES, replay_seed)
        layers = [Dense(*pair, "relu") for pair in zip(start[:-2:2], start[1:-2:2], strict=True)] + [Dense(*start[-2:])]
        policy = PolicyNetwork(layers, *SPACES)
        loop = ReplayLoop(make_factory().make_vec(config.num_envs), config, self.replay, loop_seed)
        loop.run(EXPLORED_STEPS, policy.scores, lambda *_: pytest.fail("an update before the first was due"))
        self.replay.add(transitions())

    def run(self):
        """Returns weights by burst, the initial ones first, and the losses of each burst's updates."""
        found, losses = [self.weights], []
        for index in range(1, NUM_BURSTS + 1):
            batches = zip(*self.replay.sample(self.config.num_updates, self.config.batch_size), strict=True)
            losses.append([self.update(*batch) for batch in batches])
            if index % self.config.target_update_bursts == 0:
                tau = self.config.target_update_tau
                self.target = [old + tau * (new - old) for old, new in zip(self.target, self.weights, strict=True)]
            found.append(self.weights)
        return found, losses

    def update(self, observations, actions, rewards, next_observations, terminated):
        rows = np.arange(len(actions))
        following = forward(self.target, next_observations)[-1]
        chosen = (forward(self.weights, next_observations)[-1] if self.config.double else following).argmax(-1)
        targets = rewards + self.config.discount * ~terminated * following[rows, chosen]
        outputs = forward(self.weights, observations)
        losses, slopes = self.loss(outputs[-1][rows, actions] - targets)
        upstream = np.zeros_like(outputs[-1])
        upstream[rows, actions] = slopes / len(rows)
        gradients = []
        for index in range(len(self.weights) - 2, -1, -2):
            below = outputs[index // 2]
            gradients = [below.T @ upstream, upstream.sum(0), *gradients]
            upstream = (upstream @ self.weights[index].T) * (below > 0.0)
        self.norms.append(norm(gradients))
        self.adam(self.clip(gradients))
        return losses.mean()

    def adam(self, gradients):
        self.count += 1
        self.first = [0.9 * m + 0.1 * g for m, g in zip(self.first, gradients, strict=True)]
        self.second = [0.999 * v + 0.001 * g**2 for v, g in zip(self.second, gradients, strict=True)]
        root = np.sqrt(1.0 - self.beta_2**self.count)
        epsilon = self.config.adam_epsilon / (root if self.epsilon_hat else 1.0)
        rate = self.config.learning_rate / (1.0 - 0.9**self.count)
        moments = zip(self.weights, self.first, self.second, strict=True)
        self.weights = [w - rate * m / (np.sqrt(v) / root + epsilon) for w, m, v in moments]


def forward(weights, x):
    """Returns the outputs of every layer, the inputs first."""
    outputs = [np.asarray(x, np.float64)]
    for index in range(0, len(weights), 2):
        x = outputs[-1] @ weights[index] + weights[index + 1]
        outputs.append(x if index == len(weights) - 2 else np.maximum(x, 0.0))
    return outputs


def norm(gradients):
    return np.sqrt(sum((gradient**2).sum() for gradient in gradients))


def huber(errors):
    return np.where(np.abs(errors) <= 1.0, 0.5 * errors**2, np.abs(errors) - 0.5), np.clip(errors, -1.0, 1.0)


def clip_globally(limit):
    return lambda gradients: [gradient * min(1.0, limit / norm(gradients)) for gradient in gradients]


def clip_each(limit):
    return lambda gradients: [gradient * min(1.0, limit / norm([gradient])) for gradient in gradients]


def run_oracle(case, **options):
    table = {**STUDY, **CASES[case]}
    shared = {name: value for name, value in table.items() if name not in ("overrides", "huber_delta")}
    config = build_config(DQNConfig, shared, where="the oracle")
    defaults = {"epsilon_hat": True, "loss": huber, "clip": clip_globally(config.max_gradient_norm)}
    oracle = Oracle(config, **{**defaults, **options})
    return *oracle.run(), oracle


def difference(weights, others):
    """Returns the largest difference of two lists of arrays, relative to the largest weight of its array."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(weights, others, strict=True))


# --- the tests


@pytest.fixture(scope="module")
def found(request, tmp_path_factory):
    """Runs an agent's cases; returns `{case: (weights by burst, losses by burst)}`."""
    agent_id, table, cases = AGENTS[request.param]
    spec = agent_spec(agent_id)
    out = tmp_path_factory.mktemp("parity") / "out.npz"
    tables = [(agent_id, {**STUDY, **table, **CASES[case]}) for case in cases]
    ask(main, tables, str(out), spec=spec, config=spec.config(**table))
    with np.load(out) as arrays:
        return request.param, {
            case: ([[arrays[f"{n}.{burst}.{i}"] for i in range(6)] for burst in range(NUM_BURSTS + 1)], arrays[f"{n}.losses"])
            for n, case in enumerate(cases)
        }


def compare(name, found, case, **options):
    """Prints and returns the largest relative differences from the oracle, of weights and of losses, over all bursts."""
    weights, losses = found[case]
    expected, expected_losses, _ = run_oracle(case, **options)
    for array, other in zip(weights[0], expected[0], strict=True):
        np.testing.assert_array_equal(array, other)  # to the last bit: one seed, one network
    expected_losses = [updates[-1] if name == "rllib-dqn" else np.mean(updates) for updates in expected_losses]
    of_weights = max(difference(a, b) for a, b in zip(weights, expected, strict=True))
    of_losses = float(np.abs(losses / expected_losses - 1.0).max())
    print(f"{name:22} {case:14} weights {of_weights:.1e} losses {of_losses:.1e}")
    return of_weights, of_losses


OWN = {
    "per variable": {"clip": clip_each(0.1)},
    "squared": {"loss": lambda errors: (errors**2, 2.0 * errors)},
    "half squared": {"loss": lambda errors: (0.5 * errors**2, errors)},
}
"""What the oracle does otherwise where a case is an agent's own."""

GROUPS = {"tfagents-dqn": "tfagents", "rllib-dqn": "rllib", "kerasrl-dqn": "kerasrl"}
each_agent = pytest.mark.parametrize(
    "found",
    [pytest.param(name, marks=pytest.mark.xdist_group(GROUPS.get(name, name.replace("-dqn-", " ")))) for name in AGENTS],
    indirect=True,
)


@pytest.mark.framework
@each_agent
def test_100_updates_equal_the_oracle(found):
    name, cases = found
    for case in cases:
        assert max(compare(name, cases, case, epsilon_hat=name != "rllib-dqn", **OWN.get(case, {}))) < 1e-5, case


@pytest.mark.framework
@each_agent
def test_keras_adam_corrects_by_float32(found):
    """Keras takes 1 - 0.999 ** t in float32, 1.3e-5 of it too small, which makes its steps smaller by half of that; the others do not."""
    name, cases = found
    rounded, _ = compare(name, cases, "study", beta_2=float(np.float32(0.999)))
    exact, _ = compare(name, cases, "study")
    assert (rounded < exact) == name.startswith("keras-dqn")
    assert min(rounded, exact) < 1.5e-6


def test_the_cases_can_tell():
    """The switches under test move the weights by far more than the tolerance."""
    study, _, oracle = run_oracle("study")
    assert min(oracle.norms) < 0.5 < max(oracle.norms)
    assert difference(study[-1], run_oracle("study", epsilon_hat=False)[0][-1]) < 1e-7  # an epsilon as small as this has no placement
    assert difference(run_oracle("epsilon")[0][-1], run_oracle("epsilon", epsilon_hat=False)[0][-1]) > 1e-2
    for case in ("double", "soft target"):
        assert difference(study[-1], run_oracle(case)[0][-1]) > 1e-2
    assert difference(run_oracle("per variable")[0][-1], run_oracle("per variable", clip=clip_each(0.1))[0][-1]) > 1e-2
