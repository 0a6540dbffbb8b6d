"""The file `decision.json`: what `seeds = "until-decided"` has decided, by which rule, on which returns."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pydantic
from annotated_types import Ge, Gt, Lt

from arena.errors import ArenaError
from arena.formats.json import read_json_object
from arena.formats.validation import Finite, Whole, checked

DECISION_NAME = "decision.json"
"""Name of the file, in the experiment's folder."""
_FORBID = pydantic.ConfigDict(extra="forbid")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecidedRule:
    """The rule, as `arena.experiment.experiment.UntilDecided` gives it."""

    __pydantic_config__: ClassVar = _FORBID

    group_size: Annotated[Whole, Ge(1)]
    """Seeds added to every agent still compared, between two looks."""
    max_seeds: Annotated[Whole, Ge(2)]
    """Largest number of seeds of an agent."""
    alpha: Annotated[Finite, Gt(0), Lt(1)]
    """Largest probability of any wrong claim."""
    equal_within: Annotated[Finite, Gt(0), Lt(0.5)] | None = None
    """Distance from an even chance within which two agents count as equal; None if no pair is declared equal, as in files without it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecidedPair:
    """The verdict on two agents."""

    __pydantic_config__: ClassVar = _FORBID

    agent: str
    """Name of the first agent."""
    other: str
    """Name of the second agent."""
    verdict: Literal["better", "worse", "equal", "undecided"]
    """Verdict on the first agent against the second."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionDocument:
    """The content of `decision.json`."""

    __pydantic_config__: ClassVar = _FORBID

    rule: DecidedRule
    """Rule by which seeds were added."""
    agents: tuple[str, ...]
    """Names of the agents."""
    envs: tuple[str, ...]
    """Names of the environments."""
    finished: bool
    """Whether no more seeds are to be added."""
    look: Whole
    """Looks taken so far."""
    pairs: tuple[DecidedPair, ...]
    """Verdicts on all pairs."""
    returns: Mapping[str, Mapping[str, tuple[Finite, ...]]]
    """Agent -> environment -> the number of each seed by which runs were compared."""

    @property
    def num_seeds(self) -> dict[str, int]:
        """Agent -> seeds that it took."""
        return {agent: min(map(len, by_env.values()), default=0) for agent, by_env in self.returns.items()}

    @property
    def question(self) -> dict[str, Any]:
        """The rule and what it was asked about, as plain values."""
        return {"rule": dataclasses.asdict(self.rule), "agents": list(self.agents), "envs": list(self.envs)}


def read_decision(path: Path) -> DecisionDocument:
    """Returns the content of a `decision.json`.

    Raises:
        ArenaError: if it holds something else than this program writes; names the file and the key.
    """
    document: DecisionDocument = checked(DecisionDocument, read_json_object(path), f"{path}: it isn't a decision of this version")
    unknown = [name for pair in document.pairs for name in (pair.agent, pair.other) if name not in document.agents]
    if lacking := [agent for agent in document.agents if agent not in document.returns]:
        raise ArenaError(f"{path}: returns has none of {lacking[0]!r}")
    if unknown:
        raise ArenaError(f"{path}: pairs name {unknown[0]!r}, which is none of the agents")
    return document
