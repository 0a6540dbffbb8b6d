"""The policies that are served: by name, in versions."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds
from arena.policies.file_check import read_bounded
from arena.policies.policy import PolicySignature
from arena.policies.quarantine import check_policy_file
from arena.serve.batching import Batcher
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts


@dataclasses.dataclass(frozen=True)
class Model:
    """One version of a policy."""

    name: str
    """Name that clients use."""
    version: str
    """Version: 1, 2, … in the order in which policies of one name are given."""
    signature: PolicySignature
    """Shapes and types that it takes and gives."""
    sha256: str
    """SHA-256 of the policy file."""
    batcher: Batcher
    """Requests to it."""


class Models:
    """All policies of a server.

    Args:
        models: Policies; the versions of one name in their order.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models: dict[str, dict[str, Model]] = {}
        for model in models:
            self._models.setdefault(model.name, {})[model.version] = model

    def __iter__(self) -> Iterator[Model]:
        """Yields all versions of all policies."""
        for versions in self._models.values():
            yield from versions.values()

    def close(self) -> None:
        """Ends the processes of all policies."""
        for model in self:
            model.batcher.close()

    def versions(self, name: str) -> list[str]:
        """Returns the versions of a policy; empty if there is none of that name."""
        return list(self._models.get(name, {}))

    def find(self, name: str | None = None, version: str | None = None) -> Model | None:
        """Returns a policy, or None: the only one if no name is given, and the last version if no version is."""
        names = list(self._models)
        chosen = names[0] if name is None and len(names) == 1 else name
        versions = self._models.get(chosen or "", {})
        return versions.get(version) if version else next(reversed(versions.values()), None)


def load_models(policies: Sequence[tuple[str, Path]], folder: Path, limits: Limits, metrics: ServerCounts) -> Models:
    """Returns the policies of files, each of which is tried first.

    Args:
        policies: Name and policy file of each; files of one name are its versions.
        folder: Private folder for copies: whatever happens to a file later changes nothing.
        limits: Limits of requests and calls.
        metrics: Counts.

    Raises:
        ArenaError: If a file is refused, or versions of one name take or give different things.
    """
    models: list[Model] = []
    try:
        for number, (name, path) in enumerate(policies):
            models.append(_loaded(name, path, folder / f"{number}.onnx", models, limits, metrics))
    except BaseException:
        Models(models).close()
        raise
    return Models(models)


def _loaded(name: str, path: Path, copy: Path, others: Sequence[Model], limits: Limits, metrics: ServerCounts) -> Model:
    content = read_bounded(path)
    copy.write_bytes(content)
    signature = check_policy_file(copy, shown_as=path).signature
    earlier = [model for model in others if model.name == name]
    if earlier and earlier[0].signature != signature:
        raise ArenaError(f"policy {path} is another version of {name!r}, and does not take or give what the first does: {signature}")
    version = str(len(earlier) + 1)
    load = functools.partial(BoundedPolicy, copy, shown_as=path, bounds=Bounds(call_seconds=limits.call_seconds))
    return Model(name, version, signature, hashlib.sha256(content).hexdigest(), Batcher(f"{name}/{version}", load, limits, metrics))
