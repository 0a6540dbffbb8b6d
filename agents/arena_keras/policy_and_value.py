"""The networks of PPO: a policy and a value for each observation, from two networks or from one that both share but for its last layer."""

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from arena.policies.onnx_network import Conv, Dense
from arena_keras.config import KerasPPOConfig
from arena_keras.distributions import Distribution
from arena_keras.networks import Network, forbid

Array = npt.NDArray[Any]

POLICY_SCALE = 0.01
"""Factor of the initial kernel of the policy's last layer: actions begin nearly alike (Andrychowicz et al., 2021, arXiv:2006.05990)."""


class PolicyAndValue:
    """The outputs of a policy and the values of observations, as functions of one list of parameters.

    The list has the parameters of the policy's network, those of the distribution, and those of the value's network. With
    `share_layers` the first network has one output more, the value, and there is no second one.

    Args:
        observation_space: Space of one environment, as `Network` takes it.
        distribution: Distribution over actions that the policy's outputs describe.
        config: Sizes, activation, `share_layers` and `initial_weights`.

    Raises:
        ArenaError: If `conv_layers` do not fit the image.
    """

    def __init__(self, observation_space: gym.spaces.Box, distribution: Distribution, config: KerasPPOConfig) -> None:
        self._space, self._distribution, self._rule = observation_space, distribution, config.initial_weights
        self.num_outputs = distribution.num_outputs
        """Outputs of the policy."""
        if config.share_layers:
            self._policy, self._value = Network(observation_space, self.num_outputs + 1, config), None
        else:
            self._policy = Network(observation_space, self.num_outputs, config, scores_actions=True)
            self._value = Network(observation_space, 1, config)

    def initial_parameters(self, rng: np.random.Generator) -> list[Array]:
        """Draws the parameters, the policy's first."""
        extra = self._distribution.extra_parameters()
        if self._value is not None:
            policy = self._policy.initial_parameters(rng, rule=self._rule, last_kernel_scale=POLICY_SCALE)
            return policy + extra + self._value.initial_parameters(rng, rule=self._rule)
        shared = self._policy.initial_parameters(rng, rule=self._rule)
        scales = np.full(self.num_outputs + 1, POLICY_SCALE, np.float32)
        scales[-1] = 1.0
        shared[-2] = shared[-2] * scales
        return shared + extra

    def extra(self, parameters: list[Any]) -> list[Any]:
        """Returns the parameters of the distribution."""
        return self._split(parameters)[1]

    def outputs(self, parameters: list[Any], observations: Any) -> Any:
        """Returns the policy's outputs `[N, A]` for `observations` `[N, *obs]`."""
        policy, _, _ = self._split(parameters)
        outputs = self._policy(policy, observations)
        return outputs if self._value is not None else forbid(self._space, observations, outputs[:, :-1])

    def values(self, parameters: list[Any], observations: Any) -> Any:
        """Returns values `[N]` for `observations` `[N, *obs]`."""
        policy, _, value = self._split(parameters)
        return self._policy(policy, observations)[:, -1] if self._value is None else self._value(value, observations)[:, 0]

    def __call__(self, parameters: list[Any], observations: Any) -> tuple[Any, Any]:
        """Returns `outputs` and `values`."""
        if self._value is not None:
            return self.outputs(parameters, observations), self.values(parameters, observations)
        both = self._policy(self._split(parameters)[0], observations)
        return forbid(self._space, observations, both[:, :-1]), both[:, -1]

    def policy_layers(self, parameters: list[Array]) -> list[Dense | Conv]:
        """Returns the layers of a `PolicyNetwork` that gives the policy's outputs."""
        policy, _, _ = self._split(parameters)
        return self._policy.policy_layers(policy if self._value is not None else _columns(policy, slice(0, -1)))

    def value_layers(self, parameters: list[Array]) -> list[Dense | Conv]:
        """Returns the layers of a `PolicyNetwork` that gives the value."""
        policy, _, value = self._split(parameters)
        return self._policy.policy_layers(_columns(policy, slice(-1, None))) if self._value is None else self._value.policy_layers(value)

    def _split(self, parameters: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Returns the parameters of the policy's network, of the distribution, and of the value's network."""
        first = self._policy.num_parameters
        last = len(parameters) - (0 if self._value is None else self._value.num_parameters)
        return parameters[:first], parameters[first:last], parameters[last:]


def _columns(parameters: list[Array], columns: slice) -> list[Array]:
    """Returns parameters whose last layer has some of its outputs alone."""
    *rest, kernel, bias = parameters
    return [*rest, np.ascontiguousarray(kernel[:, columns]), np.ascontiguousarray(bias[columns])]
