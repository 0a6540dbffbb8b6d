"""Proximal policy optimisation in float64 NumPy, written from the papers; it shares no code with the agents that it judges.

It plays the script below with the agents' own random numbers, and computes their updates with gradients written out by hand.
"""

import dataclasses
import math

import numpy as np

NUM_ROLLOUTS, NUM_ENVS, LENGTH, NUM_INPUTS = 6, 4, 16, 5
NUM_STEPS = NUM_ROLLOUTS * LENGTH


@dataclasses.dataclass
class Script:
    """What the environments do, whatever the actions are: `S` vector steps of `N` environments.

    With `next_step`, the row after the end of an episode only resets its environment (Gymnasium's `AutoresetMode.NEXT_STEP`); without it
    the environment is reset within the step that ends the episode (`SAME_STEP`).
    """

    next_step: bool
    observations: np.ndarray  # [S + 1, N, D]
    final: np.ndarray  # [S, N, D], the true next observations where an episode ends and `next_step` is false
    rewards: np.ndarray  # [S, N]
    terminated: np.ndarray  # [S, N]
    truncated: np.ndarray  # [S, N]

    @property
    def valid(self):
        """Rows that are env steps, `[S, N]`."""
        valid = np.ones_like(self.terminated)
        if self.next_step:
            valid[1:] = ~(self.terminated | self.truncated)[:-1]
        return valid

    @property
    def next_observations(self):
        """The true next observations `[S, N, D]`."""
        ended = (self.terminated | self.truncated)[..., None] & (not self.next_step)
        return np.where(ended, self.final, self.observations[1:])


def make_script(*, next_step):
    rng = np.random.default_rng(5)
    observations = rng.normal(size=(NUM_STEPS + 1, NUM_ENVS, NUM_INPUTS)).astype(np.float32)
    final = rng.normal(size=(NUM_STEPS, NUM_ENVS, NUM_INPUTS)).astype(np.float32)
    rewards = rng.normal(0.5, 1.0, (NUM_STEPS, NUM_ENVS)).astype(np.float32)
    terminated = rng.random((NUM_STEPS, NUM_ENVS)) < 0.1
    truncated = (rng.random((NUM_STEPS, NUM_ENVS)) < 0.15) & ~terminated
    script = Script(next_step, observations, final, rewards, terminated, truncated)
    if next_step:
        for t in range(1, NUM_STEPS):  # a row that only resets has no reward and no end
            reset = ~script.valid[t]
            rewards[t][reset], terminated[t][reset], truncated[t][reset] = 0.0, False, False
    return script


class Oracle:
    """One agent's training on the script.

    Args:
        config: shared settings of PPO.
        weights: initial ones: kernels and biases of the policy, log deviations of a Gaussian policy, kernels and biases of the value.
        script: what the environments do.
        agent: `keras-ppo` or `rllib-ppo`; they order their random draws and minibatches differently, and four more things (below).
        seed: the agent's.
        fault: a mistake to make, to see whether a test notices it.
    """

    def __init__(self, config, weights, script, agent, seed, fault=""):
        self.config, self.script, self.keras, self.fault = config, script, agent == "keras-ppo", fault
        self.weights = [np.asarray(array, np.float64) for array in weights]
        size = 2 * (len(config.hidden_sizes) + 1)
        self.policy, self.extra, self.value = slice(size), slice(size, len(weights) - size), slice(len(weights) - size, len(weights))
        self.gaussian = len(weights) > 2 * size
        words = [int(word) for word in np.random.SeedSequence(seed).generate_state(3)]
        self.draws = np.random.default_rng(words[1])
        self.shuffles = self.draws if self.keras else np.random.default_rng(words[2])
        self.first, self.second = ([np.zeros_like(array) for array in self.weights] for _ in range(2))
        self.num_updates = self.env_steps = self.vector_steps = 0

    def rollout(self):
        """Collects a rollout and learns from it; returns the losses of its updates by name."""
        rows = slice(self.vector_steps, self.vector_steps + LENGTH)
        self.vector_steps += LENGTH
        observations, valid = self.script.observations[rows].astype(np.float64), self.script.valid[rows]
        outputs = self.forward(self.policy, observations)[-1]  # [T, N, A]
        choices = np.stack([self.draw(step) for step in outputs])  # [T, N, ...]
        log_probs = self.log_probs(outputs, choices)[0]  # [T, N]
        values = self.forward(self.value, observations)[-1][..., 0]  # [T, N]
        advantages = self.advantages(rows, values)
        fields = [observations, choices, log_probs, advantages, advantages + values]
        fields = [field.reshape(LENGTH * NUM_ENVS, *field.shape[2:]) for field in fields]
        decay_steps = self.env_steps + (np.count_nonzero(valid) if self.fault == "schedule" else 0)
        rate = self.config.learning_rate * (1.01 if self.fault == "learning rate" else 1.0)
        if self.config.anneal_steps:
            rate *= max(0.0, 1.0 - decay_steps / self.config.anneal_steps)
        self.env_steps += np.count_nonzero(valid)
        places = np.flatnonzero(valid)
        if not self.keras:  # RLlib standardises over the rollout, Keras' agent over each minibatch
            standard = fields[3][places]
            fields[3] = (fields[3] - standard.mean()) / max(1e-4, standard.std())
        return [self.update([field[batch] for field in fields], rate) for batch in self.minibatches(places)]

    def draw(self, outputs):
        """Returns choices `[N, ...]` for one vector step's `outputs` `[N, A]`."""
        if self.gaussian:
            [log_std] = self.weights[self.extra]
            return outputs + np.exp(log_std) * self.draws.standard_normal(outputs.shape, np.float32)
        return (outputs + self.draws.gumbel(size=outputs.shape)).argmax(-1)

    def advantages(self, rows, values):
        script, config = self.script, self.config
        following = self.forward(self.value, script.next_observations[rows])[-1][..., 0]
        terminated, truncated = script.terminated[rows], script.truncated[rows]
        if self.fault == "truncation":
            terminated = terminated | truncated
        advantages = np.zeros_like(values)
        for n in range(NUM_ENVS):
            for t in reversed(range(LENGTH)):
                bootstrap = 0.0 if terminated[t, n] else config.discount * following[t, n]
                advantages[t, n] = script.rewards[rows][t, n] + bootstrap - values[t, n]
                if t + 1 < LENGTH and not (terminated[t, n] or truncated[t, n]):
                    advantages[t, n] += config.discount * config.gae_lambda * advantages[t + 1, n]
        return advantages

    def minibatches(self, places):
        config = self.config
        if self.keras:  # each epoch's permutation, begun again until whole minibatches of the largest rollout are full
            count = math.ceil(LENGTH * NUM_ENVS / config.batch_size) * config.batch_size
            epochs = [self.shuffles.permutation(places) for _ in range(config.num_epochs)]
            epochs = [epoch[np.arange(count) % len(epoch)] for epoch in epochs]
        else:  # minibatches run over the ends of epochs
            epochs = [places[self.shuffles.permutation(len(places))] for _ in range(config.num_epochs)]
        rows = np.concatenate(epochs)
        return rows[: len(rows) // config.batch_size * config.batch_size].reshape(-1, config.batch_size)

    def update(self, batch, rate):
        losses, gradients = self.losses_and_gradients(batch)
        norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
        limit = self.config.max_gradient_norm
        scale = 1.0 if self.fault == "clipping" else min(1.0, limit / norm)
        self.adam([scale * gradient for gradient in gradients], rate)
        return {**losses, "gradient_norm": norm}

    def losses_and_gradients(self, batch):
        """Returns the losses of a minibatch by name, and the gradients of `total`, in the order of `weights`."""
        observations, choices, old_log_probs, advantages, returns = batch
        config, size = self.config, len(advantages)
        if self.keras and self.fault != "normalisation":
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        layers, value_layers = self.forward(self.policy, observations), self.forward(self.value, observations)
        log_probs, entropies, of_log_probs, of_entropies = self.log_probs(layers[-1], choices)
        ratios = np.exp(log_probs - old_log_probs)
        bounded = np.clip(ratios, 1.0 - config.clip_ratio, 1.0 + config.clip_ratio)
        surrogates = np.minimum(ratios * advantages, bounded * advantages)
        errors = value_layers[-1][:, 0] - returns
        losses = {"policy": -surrogates.mean(), "value": (errors**2).mean(), "entropy": entropies.mean()}
        losses["total"] = losses["policy"] + config.value_coefficient * losses["value"] - config.entropy_coefficient * losses["entropy"]
        free = ratios * advantages <= bounded * advantages  # rows whose ratio is not held by its bound
        of_choices = -(ratios * advantages * free) / size  # [B], derivatives of the loss by log probabilities
        bonus = 0.0 if self.fault == "entropy" else config.entropy_coefficient / size
        upstream = [a * of_choices.reshape(-1, 1) - bonus * b for a, b in zip(of_log_probs, of_entropies, strict=True)]
        gradients = self.backward(self.policy, layers, upstream[0])
        gradients += [part.sum(0) for part in upstream[1:]]
        gradients += self.backward(self.value, value_layers, (2.0 * config.value_coefficient / size * errors)[:, None])
        return losses, gradients

    def log_probs(self, outputs, choices):
        """Returns log probabilities and entropies `[...]`, and their derivatives by `outputs` (and log deviations), `[..., A]` each."""
        if self.gaussian:
            [log_std] = self.weights[self.extra]
            noise = (choices - outputs) / np.exp(log_std)
            log_probs = (-0.5 * noise**2 - log_std - 0.5 * math.log(2.0 * math.pi)).sum(-1)
            entropies = np.full_like(log_probs, (log_std + 0.5 * math.log(2.0 * math.pi * math.e)).sum())
            return log_probs, entropies, [noise / np.exp(log_std), noise**2 - 1.0], [np.zeros_like(noise), np.ones_like(noise)]
        shifted = outputs - outputs.max(-1, keepdims=True)
        every = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        chosen = np.eye(outputs.shape[-1])[choices]
        entropies = -(np.exp(every) * every).sum(-1)
        of_entropies = -np.exp(every) * (every + entropies[..., None])
        return (every * chosen).sum(-1), entropies, [chosen - np.exp(every)], [of_entropies]

    def forward(self, part, observations):
        """Returns the outputs of every layer of a tanh network, the inputs first."""
        weights, layers = self.weights[part], [np.asarray(observations, np.float64)]
        for index in range(0, len(weights), 2):
            x = layers[-1] @ weights[index] + weights[index + 1]
            layers.append(x if index == len(weights) - 2 else np.tanh(x))
        return layers

    def backward(self, part, layers, upstream):
        weights, gradients = self.weights[part], []
        for index in reversed(range(0, len(weights), 2)):
            below = layers[index // 2]
            gradients = [below.T @ upstream, upstream.sum(0), *gradients]
            upstream = (upstream @ weights[index].T) * (1.0 - below**2)
        return gradients

    def adam(self, gradients, rate):
        """Keras adds epsilon to the root of the uncorrected second moment, PyTorch to that of the corrected one."""
        self.num_updates += 1
        self.first = [0.9 * m + 0.1 * g for m, g in zip(self.first, gradients, strict=True)]
        self.second = [0.999 * v + 0.001 * g**2 for v, g in zip(self.second, gradients, strict=True)]
        root = np.sqrt(1.0 - 0.999**self.num_updates)
        uncorrected = self.keras != (self.fault == "epsilon")
        epsilon = self.config.adam_epsilon / (root if uncorrected else 1.0)
        step = rate / (1.0 - 0.9**self.num_updates)
        moments = zip(self.weights, self.first, self.second, strict=True)
        self.weights = [w - step * m / (np.sqrt(v) / root + epsilon) for w, m, v in moments]


FAULTS = ("learning rate", "schedule", "truncation", "clipping", "entropy", "epsilon")
"""Mistakes that every case must show; `normalisation` is the Keras agent's alone."""
