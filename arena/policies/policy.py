"""Policies: one ONNX file each, no framework. A policy acts; it is data, and loading it runs none of its author's code.

The file's interface: input `observations` `[N, *obs]`; outputs `actions` `[N, *act]` (greedy; int64, or float32 within the
bounds) and `action_scores` `float32 [N, A]` (values or logits of discrete actions, unscaled actions of a Box).
"""

import dataclasses
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import onnxruntime

from arena.environments.action_form import MAX_VALUES
from arena.environments.choices import head_sizes, num_scores, uniform_actions
from arena.environments.spaces import MaskedBox
from arena.errors import ArenaError
from arena.formats.json import parse_json
from arena.policies.file_check import check_policy_bytes, read_bounded
from arena.policies.file_entries import MAX_ENTRY_BYTES, METADATA_KEY

Array = npt.NDArray[Any]

_ONNX_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64, "tensor(double)": np.float64}


class Policy(Protocol):
    """Anything that acts: a policy file, the uniformly random policy, or an object of your own with this method."""

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns actions `[N, *act]` for `observations` `[N, *obs]`; only those allowed by `action_masks` `bool [N, A]`."""


@dataclasses.dataclass(frozen=True)
class PolicySignature:
    """The shapes and types that a policy file takes and gives, without the batch axis."""

    observation_shape: tuple[int, ...]
    """Shape of one observation."""
    observation_dtype: Any
    """NumPy type of observations."""
    action_shape: tuple[int, ...]
    """Shape of one action; empty for actions of one choice, `[C]` for those of C independent choices."""
    action_dtype: Any
    """NumPy type of actions; an integer type for those of one choice or several."""
    num_scores: int
    """Number of action scores for one observation."""
    choices: tuple[int, ...] = ()
    """Number of values of each independent choice; empty for one choice, for Box actions, and where a file's metadata do not name them."""

    def check(self, observation_space: gym.Space[Any], action_space: gym.Space[Any], *, where: str) -> None:
        """Refuses environments that the policy cannot play.

        Args:
            observation_space: Observation space of the environment.
            action_space: Action space of the environment.
            where: Name of the policy; begins the error.

        Raises:
            ArenaError: If the policy does not fit; names its shapes and the environment's spaces.
        """
        wanted = PolicySignature.of_spaces(observation_space, action_space)
        takes = self.observation_shape, self.observation_dtype
        gives = self.action_shape, np.issubdtype(self.action_dtype, np.integer), self.num_scores
        wanted_gives = wanted.action_shape, np.issubdtype(wanted.action_dtype, np.integer), wanted.num_scores
        is_cut_otherwise = bool(self.choices) and self.choices != wanted.choices
        if takes != (wanted.observation_shape, wanted.observation_dtype) or gives != wanted_gives or is_cut_otherwise:
            raise ArenaError(f"{where} cannot play here: it takes {self}; the environment asks for a policy that takes {wanted}")

    @classmethod
    def of_spaces(cls, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> "PolicySignature":
        """Returns the signature of the policies that fit an environment in the common form."""
        shape, dtype = observation_space.shape or (), np.dtype(observation_space.dtype)
        if isinstance(action_space, gym.spaces.Discrete):
            return cls(shape, dtype, (), np.dtype(np.int64), int(action_space.n))
        if isinstance(action_space, gym.spaces.MultiDiscrete):
            sizes = head_sizes(action_space)
            return cls(shape, dtype, action_space.shape, np.dtype(np.int64), num_scores(action_space), sizes)
        actions = action_space.shape or ()
        return cls(shape, dtype, actions, np.dtype(np.float32), int(np.prod(actions)) if actions else 0)

    def __str__(self) -> str:
        """Returns what the policy takes and gives: `observations float32 [4] and gives one of 2 actions`."""
        is_discrete = np.issubdtype(self.action_dtype, np.integer) and not self.action_shape
        gives = f"one of {self.num_scores} actions" if is_discrete else f"actions {self.action_dtype} {list(self.action_shape)}"
        scores = f" of {self.num_scores} scores" if not is_discrete and self.action_shape != (self.num_scores,) else ""
        sizes = f", {' + '.join(map(str, self.choices))}" if self.choices else ""
        return f"observations {self.observation_dtype} {list(self.observation_shape)} and gives {gives}{scores}{sizes}"


class OnnxSession:
    """The content of a policy file, ready to answer on one thread.

    Args:
        content: Content of the file.
        where: Name of the policy; begins errors.
        is_checked: Whether the static check of `arena.policies.file_check` comes first.

    Raises:
        ArenaError: If the content isn't a policy; says what is wrong.
    """

    def __init__(self, content: bytes, where: str, *, is_checked: bool = True) -> None:
        if is_checked:
            check_policy_bytes(content, where)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ArenaError(f"{where} is not a usable policy: {error}") from error
        self.signature = _signature(where, self._session)

    def run(self, outputs: list[str], observations: Array) -> list[Array]:
        """Returns the named outputs, `actions` or `action_scores`, for `observations` `[N, *obs]`."""
        return [np.asarray(output) for output in self._session.run(outputs, {"observations": observations})]


def _signature(where: str, session: onnxruntime.InferenceSession) -> PolicySignature:
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}
    if set(inputs) != {"observations"} or not {"actions", "action_scores"} <= set(outputs):
        raise ArenaError(f"{where} must map 'observations' to 'actions' and 'action_scores'; it maps {sorted(inputs)} to {sorted(outputs)}")
    observations, actions, scores = inputs["observations"], outputs["actions"], outputs["action_scores"]
    for node, rank in ((observations, 2), (actions, 1), (scores, 2)):
        batch_is_free = len(node.shape) >= rank and not isinstance(node.shape[0], int)
        if node.type not in _ONNX_TYPES or not batch_is_free or not all(isinstance(size, int) for size in node.shape[1:]):
            raise ArenaError(f"{where}: {node.name!r} is {node.type} {node.shape}, expected a free batch axis and fixed others")
    return PolicySignature(
        tuple(observations.shape[1:]),
        np.dtype(_ONNX_TYPES[observations.type]),
        tuple(actions.shape[1:]),
        np.dtype(_ONNX_TYPES[actions.type]),
        scores.shape[1],
        _named_choices(session) if len(actions.shape) == 2 and actions.type == "tensor(int64)" else (),
    )


def _named_choices(session: onnxruntime.InferenceSession) -> tuple[int, ...]:
    """Returns the sizes of choices that a file's metadata name; empty if they name none, or are not what the arena writes."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
    if not 0 < len(text) <= MAX_ENTRY_BYTES:
        return ()
    try:
        sizes = parse_json(text, METADATA_KEY)["actions"]["choices"]
    except (ArenaError, LookupError, TypeError):
        return ()
    is_written_so = isinstance(sizes, list) and len(sizes) <= MAX_VALUES and all(type(size) is int for size in sizes)
    return tuple(sizes) if is_written_so else ()


class OnnxPolicy:
    """A policy file that plays in this process; `arena.policies.bounded` plays what may be a stranger's.

    Args:
        path: The ONNX file.
        shown_as: Path to name in errors instead, for a copy of another file.

    Raises:
        ArenaError: If the file isn't a policy; says what is wrong.
    """

    def __init__(self, path: Path, *, shown_as: Path | None = None) -> None:
        self.path = path
        self._session = OnnxSession(read_bounded(path), f"policy {shown_as or path}")
        self.signature = self._session.signature

    def __repr__(self) -> str:
        """Returns the path, and what the policy takes and gives."""
        taken, given = self.signature, self.signature.action_shape or "discrete"
        return f"OnnxPolicy({str(self.path)!r}, observations {taken.observation_shape} {taken.observation_dtype}, actions {given})"

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns greedy actions `[N, *act]` for `observations` `[N, *obs]`.

        Args:
            observations: Observations in the shape and type of `signature`.
            action_masks: Allowed actions, `bool [N, A]`; the best allowed action is taken. Discrete actions only.
        """
        if action_masks is not None:
            return best_allowed(self.scores(observations), action_masks)
        return self._session.run(["actions"], observations)[0]

    def scores(self, observations: Array) -> Array:
        """Returns action scores `float32 [N, A]` for `observations` `[N, *obs]`."""
        return self._session.run(["action_scores"], observations)[0]


def best_allowed(scores: Array, action_masks: Array) -> Array:
    """Returns the allowed action of the highest score, `int64 [N]`.

    Args:
        scores: Action scores, `float32 [N, A]`.
        action_masks: Allowed actions, `bool [N, A]`.
    """
    return np.asarray(np.where(action_masks, scores, -np.inf).argmax(-1))


class UniformPolicy:
    """Plays uniformly random actions: the zero point of every comparison.

    Args:
        action_space: Action space of one environment.
        rng: Random numbers to draw from.
        observation_space: Observation space of one environment; if it is a `MaskedBox`, its mask decides which actions are allowed.
    """

    def __init__(self, action_space: gym.Space[Any], rng: np.random.Generator, observation_space: gym.Space[Any] | None = None) -> None:
        self._space, self._rng, self._observation_space = action_space, rng, observation_space

    def act(self, observations: Array, *, action_masks: Array | None = None) -> Array:
        """Returns random actions `[N, *act]`, among those allowed."""
        count, space = len(observations), self._space
        if action_masks is None and isinstance(self._observation_space, MaskedBox):
            _, action_masks = self._observation_space.split(observations)
        if isinstance(space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)):
            return uniform_actions(space, self._rng, count, action_masks)
        assert isinstance(space, gym.spaces.Box)
        return self._rng.uniform(space.low, space.high, (count, *space.shape)).astype(np.float32)
