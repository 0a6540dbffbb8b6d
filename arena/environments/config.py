"""The name of an environment: a Gymnasium id and keyword arguments."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class EnvConfig:
    """An environment as an experiment names it: a Gymnasium id and the keyword arguments of `gymnasium.make`."""

    id: str
    """Registered id, `CartPole-v1`, or `module:id`."""
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments passed to the environment."""

    @property
    def name(self) -> str:
        """Name that is safe in a path; environments that differ in arguments have different names."""
        parts = [self.id.replace("/", "-").replace(":", "-")]
        parts += [f"{key}={value}".replace("/", "-") for key, value in sorted(self.kwargs.items())]
        return ",".join(parts)

    def __eq__(self, other: object) -> bool:
        """Returns whether both name one environment, whoever named it."""
        return isinstance(other, EnvConfig) and (self.id, self.kwargs) == (other.id, other.kwargs)


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedEnv(EnvConfig):
    """An environment as a folder names it, which may be a stranger's: data, never the user's word.

    It can be made if its id is registered and its arguments are plain; anything else is refused (`arena.environments.word`).
    """
