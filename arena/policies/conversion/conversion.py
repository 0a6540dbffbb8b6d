"""What all conversions share: the spaces in the common form, the activations, and the check of what was written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnx

from arena.environments.action_form import CHOICES, action_kind, common_actions
from arena.environments.choice_masks import observed_mask_misfit
from arena.environments.images import channels_last, looks_channels_first
from arena.environments.observation_form import is_masked, observation_form, observation_kind
from arena.environments.spaces import features_of
from arena.errors import ArenaError
from arena.formats.json import write_bytes
from arena.policies.file_check import check_policy_bytes
from arena.policies.metadata import PolicyMetadata, space_metadata, with_metadata
from arena.policies.onnx_graph import GraphWriter
from arena.policies.parity import random_observations, same_choices
from arena.policies.policy import OnnxPolicy, OnnxSession
from arena.seeding import probe_rng

Array = npt.NDArray[Any]

NUM_COMPARED = 256
"""Number of random observations on which a policy file is compared with the model that it was made from."""
TOLERANCE = 1e-4
"""Largest difference of scores, relative to one plus their size: float32 rounding of another library's operations."""


class NotConverted(ArenaError):
    """Raised for a model that cannot become a policy file; names the layer or operation."""


def refusal(what: str, reason: str) -> NotConverted:
    """Returns the error for a model that cannot be written; says which and why."""
    return NotConverted(f"{what} cannot become a policy file: {reason}")


class Conversion:
    """A policy file in the making.

    Args:
        what: Name of the model; begins errors.
        observation_space: Observations as the environment gives them; images may have their channels first.
        action_space: Actions as the environment takes them.

    Raises:
        ArenaError: If the arena does not take such spaces.
    """

    def __init__(self, what: str, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> None:
        self.what = what
        for answer, kinds in (
            (observation_kind(observation_space), ("flat", "image")),
            (action_kind(action_space), ("discrete", CHOICES, "box")),
        ):
            if answer not in kinds:
                raise ArenaError(f"{what}: {answer}")
        if reason := observed_mask_misfit(observation_space, action_space):
            raise ArenaError(f"{what}: {reason}")
        is_single = isinstance(observation_space, (gym.spaces.Discrete, gym.spaces.Box)) or is_masked(observation_space)
        if not is_single or not isinstance(action_space, (gym.spaces.Discrete, gym.spaces.Box)):
            raise ArenaError(
                f"{what}: observations are {observation_space} and actions are {action_space}; a model made elsewhere reads several parts, "
                "and makes several choices, in an order of its own: train it on one vector and Discrete or Box actions"
            )
        self.declared = str(observation_space), str(action_space)
        shape = observation_space.shape or ()
        if isinstance(observation_space, gym.spaces.Box) and len(shape) == 3 and looks_channels_first(shape):
            observation_space = channels_last(observation_space)
        self.observation_space = observation_form(observation_space).space
        actions, _ = common_actions(action_space)
        assert isinstance(actions, (gym.spaces.Discrete, gym.spaces.Box))
        self.action_space: gym.spaces.Discrete[Any] | gym.spaces.Box = actions
        self.graph = GraphWriter(self.observation_space, actions)

    @property
    def is_image(self) -> bool:
        """Whether observations are images `[H, W, C]`."""
        return len(self.observation_space.shape) == 3

    def activate(self, name: str, x: str) -> str:
        """Adds an activation function to the graph, and returns the name of its output.

        Raises:
            NotConverted: If it is not known.
        """
        node = self.graph.node
        if name in ("linear", "identity"):
            return x
        if name in _ACTIVATIONS:
            op_type, attributes = _ACTIVATIONS[name]
            return node(op_type, x, **attributes)
        if name in ("silu", "swish"):
            return node("Mul", x, node("Sigmoid", x))
        if name == "gelu":
            scaled = node("Erf", node("Div", x, np.float32(2**0.5)))
            return node("Mul", node("Mul", x, node("Add", scaled, np.float32(1.0))), np.float32(0.5))
        raise refusal(self.what, f"activation {name!r} is not known; {', '.join(sorted((*_ACTIVATIONS, 'gelu', 'linear', 'silu')))} are")

    def finish(self, scores: str, reference: Callable[[Array], Array], path: Path | str, *, squashed: bool, source: str) -> OnnxPolicy:
        """Checks the policy against the model, writes it with its metadata, and returns it.

        Args:
            scores: Name of the scores in the graph.
            reference: Scores `[N, A]` of the model itself for features `[N, *obs]`, without a mask.
            path: File to write.
            squashed: For Box actions, whether scores in [-1, 1] span the bounds.
            source: Library and model, for the metadata.

        Raises:
            NotConverted: If the policy's scores or choices are not those of the model.
            ArenaError: If the file would be refused.
        """
        try:
            model = self.graph.model(scores, squashed=squashed)
        except onnx.checker.ValidationError as error:
            raise refusal(self.what, f"its operations do not fit together: {error}") from error
        return self.write(model, reference, path, source=source)

    def write(self, model: onnx.ModelProto, reference: Callable[[Array], Array], path: Path | str, *, source: str) -> OnnxPolicy:
        """Checks a model that takes and gives what a policy does, and writes it; arguments and errors as for `finish`."""
        observations, actions = space_metadata(self.observation_space, self.action_space, declared=self.declared)
        metadata = PolicyMetadata(observations=observations, actions=actions, source=source)
        content = model.SerializeToString()
        check_policy_bytes(content, self.what)
        session = OnnxSession(content, self.what, is_checked=False)
        session.signature.check(self.observation_space, self.action_space, where=self.what)
        self._compare(session, reference)
        write_bytes(Path(path), with_metadata(content, metadata, self.what))
        return OnnxPolicy(Path(path))

    def _compare(self, session: OnnxSession, reference: Callable[[Array], Array]) -> None:
        observations = random_observations(self.observation_space, NUM_COMPARED, probe_rng())
        actions, scores = session.run(["actions", "action_scores"], observations)
        wanted = np.asarray(reference(features_of(self.observation_space, observations)), np.float32)
        if wanted.shape != scores.shape:
            raise refusal(
                self.what, f"it gives {wanted.shape} for {len(observations)} observations, where {scores.shape} are the action scores"
            )
        allowed = scores > -1e29  # not those that a mask forbids
        worst = float((np.abs(scores - wanted) / (1.0 + np.abs(wanted)))[allowed].max())
        if not worst <= TOLERANCE:
            raise refusal(self.what, f"what was written differs from it by {worst:.2g} on random observations")
        if isinstance(self.action_space, gym.spaces.Discrete):
            chosen = np.where(allowed, wanted, -np.inf).argmax(-1)
            if not same_choices(actions, scores, chosen, tolerance=TOLERANCE).all():
                raise refusal(self.what, "what was written chooses other actions on random observations")


_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "elu": ("Elu", {}),
    "selu": ("Selu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "exponential": ("Exp", {}),
}
