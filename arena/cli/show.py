"""`arena show`: what a policy file takes and gives, and where it says that it comes from."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from arena.cli.policy_arguments import GivenPolicy, given_policies
from arena.errors import ArenaError
from arena.formats.readable import settings, shown_score
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.file_check import read_bounded
from arena.policies.metadata import PolicyMetadata, SpaceMetadata, read_metadata
from arena.policies.policy import PolicySignature
from arena.terminal.output import Mode, Output


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownPolicy:
    """Everything that `arena show` tells of a policy file."""

    given: GivenPolicy
    num_bytes: int
    sha256: str
    signature: PolicySignature
    metadata: PolicyMetadata | None
    note: str
    """Remark on the metadata: that there are none, or what is wrong with them; empty if all is well."""

    def to_json(self) -> dict[str, Any]:
        """Returns all of it, fit for JSON."""
        signature = {key: str(value) if key.endswith("dtype") else value for key, value in dataclasses.asdict(self.signature).items()}
        return {
            "policy": self.given.name,
            "path": str(self.given.path),
            "num_bytes": self.num_bytes,
            "sha256": self.sha256,
            "signature": signature,
            "metadata": None if self.metadata is None else dataclasses.asdict(self.metadata),
            "note": self.note,
        }


def show(arguments: Sequence[str], *, mode: Mode) -> None:
    """Prints what policies are, each loaded in a process of its own, since it may be a stranger's.

    Args:
        arguments: Policies.
        mode: What is printed; as JSON, one object for each policy.
    """
    output = Output(mode)
    for given in given_policies(arguments):
        shown = look_at(given)
        output.record(shown.to_json())
        output.say(given.name, style="bold")
        for title, text in rows_of(shown):
            output.say(f"  {title:18}{text}")


def look_at(given: GivenPolicy) -> ShownPolicy:
    """Returns what a policy file is.

    Raises:
        ArenaError: If the file isn't a policy; says what is wrong.
    """
    content = read_bounded(given.path)
    with BoundedPolicy(given.path) as policy:
        signature = policy.signature
    try:
        metadata = read_metadata(content, f"policy {given.path}")
        note = "the file has no metadata of the arena" if metadata is None else _disagreement(metadata, signature)
    except ArenaError as error:
        metadata, note = None, str(error)
    sha256 = hashlib.sha256(content).hexdigest()
    return ShownPolicy(given=given, num_bytes=len(content), sha256=sha256, signature=signature, metadata=metadata, note=note)


def rows_of(shown: ShownPolicy) -> list[tuple[str, str]]:
    """Returns what people are told: titles, and what there is to say."""
    metadata, rows = shown.metadata, [("file", f"{shown.given.path}, {shown.num_bytes:,} bytes"), ("SHA-256", shown.sha256)]
    rows.append(("signature", f"takes {shown.signature}"))
    if metadata is not None:
        rows += _rows_of_metadata(metadata)
    return [*rows, ("note", shown.note)] if shown.note else rows


def _rows_of_metadata(metadata: PolicyMetadata) -> list[tuple[str, str]]:
    rows = [("observations", _space(metadata.observations)), ("actions", _space(metadata.actions))]
    if metadata.preprocessing:
        rows.append(("before its layers", ", ".join(metadata.preprocessing)))
    if metadata.source:
        rows.append(("made with", metadata.source))
    if agent := metadata.agent:
        named = "" if agent.name == agent.id else f", named {agent.name}"
        rows.append(("agent", f"{agent.id}{named} ({agent.framework}, {agent.algorithm})"))
    if env := metadata.env:
        package = f" of {env.distribution} {env.version}" if env.distribution else ""
        arguments = f" with {settings(env.arguments)}" if env.arguments else ""
        rows.append(("environment", f"{env.id}{package}{arguments}"))
        if env.wrappers:
            rows.append(("wrappers", ", ".join(env.wrappers)))
    if training := metadata.training:
        told = f"seed {training.seed} of experiment seed {training.experiment_seed}, taken after {training.env_steps:,} env steps"
        rows.append(("training", told))
        rows.append(("run's inputs", f"SHA-256 {training.inputs_sha256}"))
        if score := training.score:
            shown = shown_score(score.mean, score.std, num_cut=score.num_cut, num_episodes=score.num_episodes)
            rows.append(("score", f"{shown} over {score.num_episodes} episodes"))
    return rows


def _space(space: SpaceMetadata) -> str:
    mask = f", the last {space.mask_size} say which actions are allowed" if space.mask_size else ""
    names = f": {', '.join(space.names)}" if space.names else ""
    return f"{' '.join(space.declared.split())}{mask}{names}"


def _disagreement(metadata: PolicyMetadata, signature: PolicySignature) -> str:
    """Returns a sentence where the metadata are of other shapes than the network; empty if they agree."""
    observations, actions = metadata.observations, metadata.actions
    said = observations.shape, observations.dtype, actions.shape, actions.num_actions
    is_so = signature.observation_shape, str(signature.observation_dtype), signature.action_shape, signature.num_scores
    return "" if said == is_so else "the metadata are of another network: their shapes are not those of the signature"
