"""Metadata of a policy file: which agent, environment and training are behind it, as bounded JSON in an entry of the file.

Two equal runs write equal files: nothing here depends on the time, the machine or the folder. What a file says of itself is a claim, which
anyone can write; nothing that plays a policy relies on it, except that a policy is refused where the sizes of its choices, by its metadata,
are not those of the environment.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import onnx
import pydantic
from onnx import numpy_helper

from arena.environments.choices import head_sizes, num_scores
from arena.environments.spaces import MaskedBox, network_inputs
from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.formats.json import finite, parse_json, write_bytes
from arena.formats.validation import Finite, Whole, sentence, validate
from arena.policies.file_check import MAX_FILE_BYTES
from arena.policies.file_entries import METADATA_KEY, read_entry, with_entry

METADATA_FORMAT = 1
"""Version of the form of the metadata."""
MAX_ARGUMENT_CHARACTERS = 2_000
"""Largest size of the environment's arguments as JSON; larger ones are left out."""
MAX_BOUNDS = 256
"""Largest number of features whose bounds are listed one by one; of more, the lowest and the highest bound are kept."""
_LAYERS = frozenset(("Conv", "Gemm", "MatMul"))
"""Operators with which the layers of a network begin."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentMetadata:
    """Agent that was trained."""

    id: str
    """Agent id, or `package.module:SPEC`."""
    name: str
    """Name in its experiment."""
    framework: str
    """Framework's name for people."""
    algorithm: str
    """Algorithm: `dqn`, `ppo`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvMetadata:
    """Environment that the policy was trained on."""

    id: str
    """Gymnasium id, with its version."""
    arguments: Mapping[str, Any] | None = None
    """Keyword arguments of the environment; None if they are too large to be kept."""
    distribution: str | None = None
    """Installed package that provides it; None for a module that no package provides."""
    version: str | None = None
    """Version of that package."""
    entry_point: str | None = None
    """Code that makes the environment."""
    form: Mapping[str, Any] | None = None
    """Wrappers with arguments, encoder of texts and key of a mask, as the experiment names them; None for none, or too large ones."""
    wrappers: tuple[str, ...] = ()
    """Classes around the environment, from the outermost, without the arena's own."""
    max_episode_steps: Whole | None = None
    """Env steps after which the environment truncates an episode; None without a limit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpaceMetadata:
    """Observations or actions in the common form, one of them: without the batch axis."""

    declared: str
    """Space as the environment declares it."""
    shape: tuple[Whole, ...]
    """Shape; empty for actions of one choice, `[C]` for those of C independent choices."""
    dtype: str
    """NumPy type."""
    low: tuple[Finite | None, ...] = ()
    """Lower bounds; one for all if there are many or all are equal; None where there is no bound. Empty for discrete actions."""
    high: tuple[Finite | None, ...] = ()
    """Upper bounds, as `low`."""
    num_actions: Whole | None = None
    """Number of action scores: one for each action of one choice, each value of each of several, or each number of a Box. None for
    observations."""
    choices: tuple[Whole, ...] | None = None
    """Number of values of each independent choice; None for actions of one choice, for Box actions, for observations, and in files of
    versions that did not write it."""
    mask_size: Whole | None = None
    """Number of flags of allowed actions at the end of an observation; None without a mask."""
    names: tuple[str, ...] | None = None
    """Names of the features, or of the actions; None where they are not known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreMetadata:
    """Result of the final evaluation."""

    mean: Finite
    """Mean return."""
    std: Finite
    """Standard deviation of the return over episodes."""
    num_episodes: Whole
    """Number of episodes."""
    num_cut: Whole = 0
    """Number of episodes cut by the evaluation's own limit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingMetadata:
    """Training that the policy comes from."""

    seed: Whole
    """Training seed."""
    experiment_seed: Whole
    """Experiment seed, which decides the initial states of evaluations."""
    env_steps: Whole
    """Env steps of training when the policy was taken."""
    selection_return: Finite
    """Mean return in the selection evaluation that chose the policy."""
    inputs_sha256: str
    """SHA-256 of the run's inputs: equal inputs are the same run."""
    score: ScoreMetadata | None = None
    """Final evaluation, on seeds used for nothing else; None before it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolicyMetadata:
    """Everything that a policy file says of where it comes from. A policy that was made elsewhere has no agent, environment or training."""

    observations: SpaceMetadata
    """Observations that it takes."""
    actions: SpaceMetadata
    """Actions that it gives."""
    agent: AgentMetadata | None = None
    """Agent that was trained."""
    env: EnvMetadata | None = None
    """Environment of the training."""
    training: TrainingMetadata | None = None
    """Training itself."""
    preprocessing: tuple[str, ...] = ()
    """Operators of the file before its first layer, such as a division by 255: callers give observations as the environment does."""
    source: str | None = None
    """Library that a policy made elsewhere comes from; None for one that the arena trained."""


def space_metadata(
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    *,
    declared: tuple[str, str] | None = None,
    names: tuple[tuple[str, ...] | None, tuple[str, ...] | None] = (None, None),
) -> tuple[SpaceMetadata, SpaceMetadata]:
    """Returns the metadata of the observations and of the actions of an environment in the common form.

    Args:
        observation_space: Observation space.
        action_space: Action space.
        declared: Both spaces as the environment declares them; None takes those given here.
        names: Names of features and of actions (`arena.environments.feature_names`).
    """
    assert isinstance(observation_space, gym.spaces.Box)
    of_observations, of_actions = declared or (str(observation_space), str(action_space))
    read, masked = network_inputs(observation_space), isinstance(observation_space, MaskedBox)
    observations = SpaceMetadata(
        declared=of_observations,
        shape=observation_space.shape,
        dtype=str(observation_space.dtype),
        low=_bounds(read.low, np.min),
        high=_bounds(read.high, np.max),
        mask_size=observation_space.num_actions if isinstance(observation_space, MaskedBox) and masked else None,
        names=names[0],
    )
    if isinstance(action_space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)):
        count = num_scores(action_space)
        actions = SpaceMetadata(
            declared=of_actions,
            shape=action_space.shape or (),
            dtype="int64",
            num_actions=count,
            choices=head_sizes(action_space) or None,
            names=names[1],
        )
    else:
        assert isinstance(action_space, gym.spaces.Box)
        low, high = _bounds(action_space.low, np.min), _bounds(action_space.high, np.max)
        count = int(np.prod(action_space.shape))
        actions = SpaceMetadata(
            declared=of_actions, shape=action_space.shape, dtype="float32", low=low, high=high, num_actions=count, names=names[1]
        )
    return observations, actions


def with_metadata(content: bytes, metadata: PolicyMetadata, where: str) -> bytes:
    """Returns the content of a policy file with its metadata, and with the operators before its first layer among them.

    Args:
        content: Content of a policy file that is trusted: it is parsed.
        metadata: The metadata.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is no ONNX file, or the metadata are too large.
    """
    described = dataclasses.replace(metadata, preprocessing=_preprocessing(content))
    value = {"format": METADATA_FORMAT, **dataclasses.asdict(described)}
    text = json.dumps(finite(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return with_entry(content, METADATA_KEY, text, where)


def write_metadata(path: Path, metadata: PolicyMetadata) -> None:
    """Writes metadata into a policy file of one's own, atomically; earlier metadata are replaced. Raises as `with_metadata`."""
    content = read_file(path, max_bytes=MAX_FILE_BYTES)
    write_bytes(path, with_metadata(content, metadata, f"policy {path}"))


def read_metadata(content: bytes, where: str) -> PolicyMetadata | None:
    """Returns the metadata in the content of a policy file, which may be a stranger's; None if there are none.

    Args:
        content: Content of the file.
        where: Name of the file; begins errors.

    Raises:
        ArenaError: If the content is no ONNX file, or its metadata are not what the arena writes.
    """
    text = read_entry(content, METADATA_KEY, where)
    if text is None:
        return None
    value = parse_json(text, f"{where}: its metadata")
    if not isinstance(value, dict) or value.get("format") != METADATA_FORMAT:
        raise ArenaError(f"{where}: its metadata are not of format {METADATA_FORMAT}, which this version of arena-rl reads")
    try:
        metadata: PolicyMetadata = validate(PolicyMetadata, {key: item for key, item in value.items() if key != "format"})
    except pydantic.ValidationError as error:
        raise ArenaError(f"{where}: its metadata: {sentence(error)}") from error
    return metadata


def kept_arguments(arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the arguments of an environment as metadata keep them; None if they are too large, or no values of JSON."""
    try:
        text = json.dumps(finite(dict(arguments)))
    except (TypeError, ValueError):
        return None
    kept: Mapping[str, Any] = json.loads(text)
    return kept if len(text) <= MAX_ARGUMENT_CHARACTERS else None


def _bounds(values: np.ndarray[Any, Any], outermost: Any) -> tuple[float | None, ...]:
    flat = np.asarray(values, np.float64).reshape(-1)
    if len(flat) > MAX_BOUNDS or (flat == flat[0]).all():
        flat = np.array([outermost(flat)])
    return tuple(float(value) if np.isfinite(value) else None for value in flat)


def _preprocessing(content: bytes) -> tuple[str, ...]:
    """Returns the operators before the first layer, those with one number as an argument with that number."""
    graph = onnx.load_model_from_string(content).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    described: list[str] = []
    for node in graph.node:
        if node.op_type in _LAYERS:
            break
        numbers = [numpy_helper.to_array(weights[name]) for name in node.input if name in weights]
        described.append(" ".join([node.op_type, *(f"{float(number.item()):g}" for number in numbers if number.size == 1)]))
    return tuple(described)
