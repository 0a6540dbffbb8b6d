"""The name of an environment: a Gymnasium id and keyword arguments."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

MAX_NAME_CHARACTERS = 100
"""Largest number of characters of a name that is made of an id and arguments; file systems take 255 bytes for one folder."""
_KEPT_CHARACTERS = 40
"""Number of characters of a longer one that are kept in front of its digest."""


@dataclasses.dataclass(frozen=True)
class EnvConfig:
    """An environment as an experiment names it: a Gymnasium id, the keyword arguments of `gymnasium.make`, and perhaps a name."""

    id: str
    """Registered id, `CartPole-v1`, or `module:id`."""
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments passed to the environment."""
    label: str | None = None
    """Name that the user gives it (`name` in a file); None makes one of the id and the arguments."""

    @property
    def name(self) -> str:
        """Name that is safe in a path; environments that differ in arguments have different names.

        A long one, of an environment with a whole map as argument, is cut short and ends with a digest of id and arguments.
        """
        if self.label is not None:
            return self.label
        parts = [self.id.replace("/", "-").replace(":", "-")]
        parts += [f"{key}={value}".replace("/", "-") for key, value in sorted(self.kwargs.items())]
        whole = ",".join(parts)
        if len(whole) <= MAX_NAME_CHARACTERS and whole.isprintable():
            return whole
        digest = hashlib.sha256(json.dumps([self.id, self.kwargs], sort_keys=True, default=repr).encode()).hexdigest()[:8]
        readable = "".join(character for character in whole if character.isalnum() or character in "-_.+=,")
        return f"{readable[:_KEPT_CHARACTERS].rstrip(',=')},{digest}"

    def __eq__(self, other: object) -> bool:
        """Returns whether both name one environment, whoever named it."""
        return isinstance(other, EnvConfig) and (self.id, self.kwargs) == (other.id, other.kwargs)


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedEnv(EnvConfig):
    """An environment as a folder names it, which may be a stranger's: data, never the user's word.

    It can be made if its id is registered and its arguments are plain; anything else is refused (`arena.environments.word`).
    """
