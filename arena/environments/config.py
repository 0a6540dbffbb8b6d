"""The name of an environment: a Gymnasium id, keyword arguments, and what an experiment puts around it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

MAX_NAME_CHARACTERS = 100
"""Largest number of characters of a name that is made of an id and arguments; file systems take 255 bytes for one folder."""
_KEPT_CHARACTERS = 40
"""Number of characters of a longer one that are kept in front of its digest."""


@dataclasses.dataclass(frozen=True)
class WrapperConfig:
    """A wrapper around an environment, as an experiment names it."""

    wrapper: str
    """Import path `package.module:Class`, or the name of a preset such as `atari` (`arena.environments.wrappers`)."""
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments of the wrapper; lists arrive as tuples."""

    @property
    def name(self) -> str:
        """Name within that of an environment: `FrameStackObservation`, or with arguments `FrameStackObservation.stack_size=4`."""
        return ".".join([self.wrapper.rpartition(":")[2], *(f"{key}={value}" for key, value in sorted(self.kwargs.items()))])


@dataclasses.dataclass(frozen=True)
class EnvConfig:
    """An environment as an experiment names it: a Gymnasium id, keyword arguments and wrappers, and perhaps a name."""

    id: str
    """Registered id, `CartPole-v1`, or `module:id`."""
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments passed to the environment."""
    label: str | None = None
    """Name that the user gives it (`name` in a file); None makes one of the id and the arguments."""
    wrappers: tuple[WrapperConfig, ...] = ()
    """Wrappers around the environment in training, evaluations and tournaments, the innermost first."""
    train_wrappers: tuple[WrapperConfig, ...] = ()
    """Further wrappers around those in training alone, such as clipping of rewards; they keep both spaces as they are."""

    text_encoder: str | None = None
    """Import path `package.module:function` of what makes a vector of a text among the observations; None makes a bag of words."""
    action_mask_key: str | None = None
    """Key of `info` under which the environment says which Discrete actions are allowed, `action_mask` usually; None if it does not."""

    @property
    def name(self) -> str:
        """Name that is safe in a path; environments that differ in arguments or wrappers have different names.

        A long one, of an environment with a whole map as argument, is cut short and ends with a digest of all that it is made of.
        """
        if self.label is not None:
            return self.label
        parts = [self.id.replace(":", "-"), *(f"{key}={value}" for key, value in sorted(self.kwargs.items()))]
        parts += [wrapper.name for wrapper in self.wrappers] + [f"train+{wrapper.name}" for wrapper in self.train_wrappers]
        parts += [f"{key}={value}" for key, value in self._what_is_asked().items()]
        whole = ",".join(part.replace("/", "-") for part in parts)
        if len(whole) <= MAX_NAME_CHARACTERS and whole.isprintable():
            return whole
        added = [[dataclasses.asdict(wrapper) for wrapper in wrappers] for wrappers in (self.wrappers, self.train_wrappers) if wrappers]
        asked = [self._what_is_asked()] if self._what_is_asked() else []
        digest = hashlib.sha256(json.dumps([self.id, self.kwargs, *added, *asked], sort_keys=True, default=repr).encode()).hexdigest()[:8]
        readable = "".join(character for character in whole if character.isalnum() or character in "-_.+=,")
        return f"{readable[:_KEPT_CHARACTERS].rstrip(',=')},{digest}"

    def _what_is_asked(self) -> dict[str, str]:
        asked = {"text_encoder": self.text_encoder, "action_mask_key": self.action_mask_key}
        return {key: value.rpartition(":")[2] for key, value in asked.items() if value is not None}

    @property
    def is_plain(self) -> bool:
        """Whether the environment is the registered one, without arguments and wrappers of the experiment's."""
        return not any(value for key, value in self.to_json().items() if key not in ("id", "label"))

    def in_training(self) -> Self:
        """Returns the environment that an agent trains on: with `train_wrappers` around the other wrappers."""
        return dataclasses.replace(self, wrappers=(*self.wrappers, *self.train_wrappers), train_wrappers=())

    @property
    def form(self) -> dict[str, Any]:
        """What a policy needs around the bare environment, as plain values: wrappers, encoder of texts, mask's key."""
        return {key: value for key, value in self.to_json().items() if key in ("wrappers", "text_encoder", "action_mask_key")}

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as plain values; those that only some environments have are left out where they are empty."""
        values = dataclasses.asdict(self)
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return {key: value for key, value in plain.items() if value or key in ("id", "kwargs", "label")}

    def to_entry(self) -> dict[str, Any]:
        """Returns the table by which the list `envs` of an experiment's file names the environment."""
        values = self.to_json()
        label = values.pop("label")
        named = {} if label is None else {"name": label}
        return {"id": values.pop("id"), **named, **{key: value for key, value in values.items() if value}}

    def __eq__(self, other: object) -> bool:
        """Returns whether both name one environment, whoever named it and whatever it is called."""
        return isinstance(other, EnvConfig) and {**vars(self), "label": None} == {**vars(other), "label": None}


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedEnv(EnvConfig):
    """An environment as a folder names it, which may be a stranger's: data, never the user's word.

    It can be made if its id is registered and its arguments are plain; anything else is refused (`arena.environments.word`).
    """
