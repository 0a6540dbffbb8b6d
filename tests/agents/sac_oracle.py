"""Soft actor-critic and TD3 in float64 NumPy, written from the papers; it shares no code with the agents that it judges.

Gradients are written out by hand. The same minibatches and the same noise go to an agent and to an oracle, and their weights are compared.
"""

import dataclasses
import itertools
import math

import numpy as np

NUM_UPDATES, BATCH_SIZE, NUM_INPUTS, NUM_DIMENSIONS = 40, 24, 5, 2
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


@dataclasses.dataclass(frozen=True)
class Conventions:
    """Choices that the paper leaves open and in which frameworks differ; the defaults are those of the Keras agents."""

    critic_weight: float = 1.0
    """Factor of the critics' loss."""
    bounded_next_actions: bool = True
    """Whether TD3 clips noisy next actions to the bounds."""
    huber: bool = False
    """Whether errors beyond 1 count linearly (and others by half their square)."""
    together: bool = False
    """Whether all gradients are those at the weights before the update; else each part sees the parts before it moved."""
    own_alpha_noise: bool = False
    """Whether the temperature's loss draws actions of its own, from the actor after its step; else it takes those of the actor's loss."""
    corrected_epsilon: bool = False
    """Whether Adam's epsilon is added to the root of the corrected second moment, as in PyTorch."""
    log_det_epsilon: float = 0.0
    """Number added to `1 - tanh(u)^2` under the logarithm."""


@dataclasses.dataclass(frozen=True)
class Batches:
    """Minibatches `[K, B, ...]`, and standard normal noise for each of them, `[K, B, A]`."""

    observations: np.ndarray
    actions: np.ndarray  # unscaled
    rewards: np.ndarray
    next_observations: np.ndarray
    terminated: np.ndarray
    next_noise: np.ndarray
    noise: np.ndarray
    alpha_noise: np.ndarray

    def __getitem__(self, index):
        return Batches(*(getattr(self, field.name)[index] for field in dataclasses.fields(self)))

    @property
    def transitions(self):
        return self.observations, self.actions, self.rewards, self.next_observations, self.terminated


def make_batches():
    rng, shape = np.random.default_rng(5), (NUM_UPDATES, BATCH_SIZE)

    def normal(*size, scale=1.0):
        return rng.normal(0.0, scale, (*shape, *size)).astype(np.float32)

    return Batches(
        normal(NUM_INPUTS, scale=3.0),  # so wide that each of the two critics is the lower one somewhere
        np.tanh(normal(NUM_DIMENSIONS)),
        normal(),
        normal(NUM_INPUTS, scale=3.0),
        rng.random(shape) < 0.2,
        *(normal(NUM_DIMENSIONS) for _ in range(3)),
    )


def make_weights(*sizes, seed):
    """Returns kernels and biases of a network of these sizes, for tests without an agent."""
    rng = np.random.default_rng(seed)
    shapes = [shape for pair in itertools.pairwise(sizes) for shape in (pair, pair[1:])]
    bounds = [inputs**-0.5 for inputs in sizes[:-1] for _ in range(2)]
    return [rng.uniform(-bound, bound, shape) for bound, shape in zip(bounds, shapes, strict=True)]


class Adam:
    """Adam of one part, after clipping its gradients by their global norm."""

    def __init__(self, config, corrected_epsilon):
        self.config, self.corrected, self.count, self.first, self.second = config, corrected_epsilon, 0, None, None

    def step(self, weights, gradients, rate):
        limit = self.config.max_gradient_norm
        norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients))
        scale = min(1.0, limit / norm) if limit else 1.0
        self.count += 1
        if self.first is None:
            self.first, self.second = ([np.zeros_like(array) for array in weights] for _ in range(2))
        moved = []
        root = math.sqrt(1.0 - 0.999**self.count)
        epsilon = self.config.adam_epsilon * (root if self.corrected else 1.0)
        for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            self.first[index] = 0.9 * self.first[index] + 0.1 * scale * gradient
            self.second[index] = 0.999 * self.second[index] + 0.001 * (scale * gradient) ** 2
            step = rate * root / (1.0 - 0.9**self.count)
            moved.append(weight - step * self.first[index] / (np.sqrt(self.second[index]) + epsilon))
        return moved


def forward(weights, x):
    """Returns the outputs of every layer of a relu network, the inputs first."""
    layers = [np.asarray(x, np.float64)]
    for index in range(0, len(weights), 2):
        x = layers[-1] @ weights[index] + weights[index + 1]
        layers.append(x if index == len(weights) - 2 else np.maximum(x, 0.0))
    return layers


def backward(weights, layers, upstream):
    """Returns the gradients of the weights, and of the inputs, for those of the outputs."""
    gradients = []
    for index in reversed(range(0, len(weights), 2)):
        below = layers[index // 2]
        gradients = [below.T @ upstream, upstream.sum(0), *gradients]
        upstream = upstream @ weights[index].T
        if index:
            upstream = upstream * (below > 0.0)
    return gradients, upstream


class Oracle:
    """What SAC and TD3 have in common: two critics, their loss, and targets that follow.

    Args:
        config: shared settings.
        actor: kernels and biases of the actor.
        critics: kernels and biases of both critics.
        conventions: choices of the framework.
        fault: a mistake to make, to see whether a test notices it.
    """

    def __init__(self, config, actor, critics, conventions, fault):
        self.config, self.conventions, self.fault = config, conventions, fault
        self.actor = [np.asarray(array, np.float64) for array in actor]
        self.critics = [[np.asarray(array, np.float64) for array in critic] for critic in critics]
        self.target_critics = [list(critic) for critic in self.critics]
        corrected = conventions.corrected_epsilon != (fault == "epsilon")
        self.actor_adam, self.critics_adam, self.alpha_adam = (Adam(config, corrected) for _ in range(3))
        self.rate = config.learning_rate * (1.01 if fault == "learning rate" else 1.0)

    def values(self, critics, observations, actions):
        """Returns the layers of both critics."""
        return [forward(critic, np.concatenate([observations, actions], -1)) for critic in critics]

    def lower(self, observations, actions):
        """Returns the lower value of both target critics, `[B]`."""
        first, second = (layers[-1][:, 0] for layers in self.values(self.target_critics, observations, actions))
        return first if self.fault == "minimum" else np.minimum(first, second)

    def bootstrapped(self, batch, next_values):
        ended = np.zeros_like(batch.terminated) if self.fault == "termination" else batch.terminated
        return batch.rewards + self.config.discount * np.where(ended, 0.0, next_values)

    def critic_loss_and_gradients(self, batch, targets):
        """Returns the loss of both critics, and the gradients of both, one list after the other."""
        loss, gradients, choices = 0.0, [], self.conventions
        for critic, layers in zip(self.critics, self.values(self.critics, batch.observations, batch.actions), strict=True):
            errors = layers[-1][:, 0] - targets
            if choices.huber:
                losses, slopes = np.where(np.abs(errors) < 1.0, 0.5 * errors**2, np.abs(errors) - 0.5), np.clip(errors, -1.0, 1.0)
            else:
                losses, slopes = errors**2, 2.0 * errors
            loss += choices.critic_weight * losses.mean()
            gradients += backward(critic, layers, choices.critic_weight * slopes[:, None] / len(errors))[0]
        return loss, gradients

    def move_critics(self, gradients):
        size = len(self.critics[0])
        moved = self.critics_adam.step([*self.critics[0], *self.critics[1]], gradients, self.rate)
        self.critics = [moved[:size], moved[size:]]

    def follow(self, targets, online):
        tau = self.config.target_update_tau * (1.01 if self.fault == "tau" else 1.0)
        return [old + tau * (new - old) for old, new in zip(targets, online, strict=True)]

    def follow_critics(self):
        self.target_critics = [self.follow(*pair) for pair in zip(self.target_critics, self.critics, strict=True)]


class SACOracle(Oracle):
    """Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905) with a learned temperature. `actor` gives means, then log deviations."""

    def __init__(self, config, actor, critics, conventions=Conventions(), fault=""):
        super().__init__(config, actor, critics, conventions, fault)
        self.log_alpha = np.asarray(math.log(config.initial_alpha))
        share = -1.0 if fault == "target entropy" else 1.0
        self.target_entropy = config.target_entropy_per_dimension * NUM_DIMENSIONS * share

    def parts(self):
        """Returns all weights by part."""
        return {
            "actor": self.actor,
            "critics": [*itertools.chain(*self.critics)],
            "target": [*itertools.chain(*self.target_critics)],
            "alpha": [self.log_alpha],
        }

    def update(self, batch):
        """Learns from one minibatch; returns the losses by name."""
        alpha = math.exp(self.log_alpha)
        targets = self.targets(batch, alpha)
        critic_loss, of_critics = self.critic_loss_and_gradients(batch, targets)
        if not self.conventions.together:
            self.move_critics(of_critics)
        actor_loss, log_prob, of_actor = self.actor_loss_and_gradients(batch, alpha)
        if self.conventions.together:
            self.move_critics(of_critics)
        self.actor = self.actor_adam.step(self.actor, of_actor, self.rate)
        alpha_log_prob = log_prob
        if self.conventions.own_alpha_noise:
            alpha_log_prob = self.draw(batch.observations, batch.alpha_noise)["log_probs"].mean()
        of_alpha = -(alpha_log_prob + self.target_entropy)
        [self.log_alpha] = self.alpha_adam.step([self.log_alpha], [np.asarray(of_alpha)], self.rate)
        self.follow_critics()
        return {"critic_loss": critic_loss, "actor_loss": actor_loss, "entropy": -log_prob, "alpha": alpha}

    def targets(self, batch, alpha):
        drawn = self.draw(batch.next_observations, batch.next_noise)
        bonus = 0.0 if self.fault == "entropy" else alpha * drawn["log_probs"]
        return self.bootstrapped(batch, self.lower(batch.next_observations, drawn["actions"]) - bonus)

    def draw(self, observations, noise):
        """Returns actions, their log probabilities, and what their derivatives need."""
        layers = forward(self.actor, observations)
        means, log_stds = layers[-1][:, :NUM_DIMENSIONS], layers[-1][:, NUM_DIMENSIONS:]
        inside = (log_stds > LOG_STD_MIN) & (log_stds < LOG_STD_MAX)
        log_stds = np.clip(log_stds, LOG_STD_MIN, LOG_STD_MAX)
        spread = np.exp(log_stds) * noise
        choices = means + spread
        actions = np.tanh(choices)
        log_slopes = 2.0 * (math.log(2.0) - choices - np.logaddexp(0.0, -2.0 * choices))  # of 1 - actions**2, which may round to 0
        epsilon = self.conventions.log_det_epsilon
        squashing = np.logaddexp(log_slopes, math.log(epsilon)) if epsilon else log_slopes
        if self.fault == "squashing":
            squashing = np.zeros_like(squashing)
        log_probs = (-0.5 * noise**2 - log_stds - 0.5 * math.log(2.0 * math.pi) - squashing).sum(-1)
        found = {"layers": layers, "actions": actions, "log_probs": log_probs, "spread": spread, "inside": inside}
        return {**found, "slopes": np.exp(log_slopes), "share": np.exp(log_slopes - squashing)}

    def actor_loss_and_gradients(self, batch, alpha):
        drawn = self.draw(batch.observations, batch.noise)
        actions, slopes, size = drawn["actions"], drawn["slopes"], len(batch.rewards)
        both = self.values(self.critics, batch.observations, actions)
        values = np.stack([layers[-1][:, 0] for layers in both])
        lower = values.argmin(0)
        of_actions = np.zeros_like(actions)
        for index, (critic, layers) in enumerate(zip(self.critics, both, strict=True)):
            _, of_inputs = backward(critic, layers, (lower == index)[:, None].astype(np.float64))
            of_actions += of_inputs[:, NUM_INPUTS:]
        loss = (alpha * drawn["log_probs"] - values.min(0)).mean()
        growth = 2.0 * actions * drawn["share"]  # of log probabilities by actions before tanh
        if self.fault == "squashing":
            growth = np.zeros_like(growth)
        of_means = (alpha * growth - of_actions * slopes) / size
        of_log_stds = drawn["inside"] * (of_means * drawn["spread"] - alpha / size)
        gradients, _ = backward(self.actor, drawn["layers"], np.concatenate([of_means, of_log_stds], -1))
        return loss, drawn["log_probs"].mean(), gradients


class TD3Oracle(Oracle):
    """Twin delayed deep deterministic policy gradients (Fujimoto et al., 2018, arXiv:1802.09477)."""

    def __init__(self, config, actor, critics, conventions=Conventions(), fault=""):
        super().__init__(config, actor, critics, conventions, fault)
        self.target_actor, self.num_updates = list(self.actor), 0

    def parts(self):
        """Returns all weights by part."""
        critics, target_critics = [*itertools.chain(*self.critics)], [*itertools.chain(*self.target_critics)]
        return {"actor": self.actor, "critics": critics, "target actor": self.target_actor, "target": target_critics}

    def update(self, batch):
        """Learns from one minibatch; returns the losses by name, that of the actor only where it moves."""
        loss, gradients = self.critic_loss_and_gradients(batch, self.targets(batch))
        self.move_critics(gradients)
        self.num_updates += 1
        if self.num_updates % (1 if self.fault == "delay" else self.config.policy_delay):
            return {"critic_loss": loss}
        actor_loss, gradients = self.actor_loss_and_gradients(batch)
        self.actor = self.actor_adam.step(self.actor, gradients, self.rate)
        self.target_actor = self.follow(self.target_actor, self.actor)
        self.follow_critics()
        return {"critic_loss": loss, "actor_loss": actor_loss}

    def targets(self, batch):
        limit = np.inf if self.fault == "noise clip" else self.config.target_noise_clip
        noise = np.clip(self.config.target_noise * batch.next_noise, -limit, limit)
        noise = 0.0 if self.fault == "smoothing" else noise
        actions = np.tanh(forward(self.target_actor, batch.next_observations)[-1]) + noise
        bounded = np.clip(actions, -1.0, 1.0) if self.conventions.bounded_next_actions else actions
        return self.bootstrapped(batch, self.lower(batch.next_observations, bounded))

    def actor_loss_and_gradients(self, batch):
        layers = forward(self.actor, batch.observations)
        actions, size = np.tanh(layers[-1]), len(batch.rewards)
        critic = self.critics[0]
        of_critic = forward(critic, np.concatenate([batch.observations, actions], -1))
        _, of_inputs = backward(critic, of_critic, np.full((size, 1), -1.0 / size))
        gradients, _ = backward(self.actor, layers, of_inputs[:, NUM_INPUTS:] * (1.0 - actions**2))
        return -of_critic[-1].mean(), gradients


SHARED_FAULTS = ("learning rate", "tau", "minimum", "termination", "epsilon")
FAULTS = {"sac": (*SHARED_FAULTS, "entropy", "squashing", "target entropy"), "td3": (*SHARED_FAULTS, "delay", "smoothing", "noise clip")}
"""Mistakes that a comparison must show."""
