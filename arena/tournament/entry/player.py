"""Players and entrants.

A *player* is one policy for each environment that it plays. An *entrant* is what is ranked: one agent, whose players are its training
seeds, or a single policy. A player of several environments is the same agent, trained with the same seed on each.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.program import Program

RANDOM = "random"
"""Name of the player that draws uniformly from the allowed actions; its rating is the zero of the scale."""


PlaysWith = Path | Program | None
"""What plays: a policy file, a program, or, if it is None, uniformly random choices."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Player:
    """One player: a policy for each environment that it plays."""

    name: str
    """Unique name: `keras-dqn/seed-0`, or the entrant's name where the entrant has one policy."""
    entrant: str
    """Name of the entrant that the player belongs to."""
    policies: Mapping[str, AdmittedPolicy]
    """Environment name -> policy; empty for the random player, who plays everywhere."""
    runs: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    """Environment name -> run folder, for policies that came with one."""
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment name -> status and reason of a run that failed (`arena.statistics.outcomes`): the player has no policy there, loses all
    its matches, and ties with others that failed."""
    origins: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Environment name -> what was trained: `agent` (its id), `hyperparameters`, `budget` and `env` of the run."""

    program: Program | None = None
    """Program of the user's own that plays everywhere, in place of policies."""

    @property
    def is_trained(self) -> bool:
        """Whether the player comes from training, whose seeds can fail; random play and programs do not."""
        return self.entrant != RANDOM and self.program is None

    def plays(self, env_name: str) -> bool:
        """Returns whether the player takes part on the environment: with a policy, or as a run that failed there."""
        return self.entrant == RANDOM or self.program is not None or env_name in self.policies or env_name in self.failed

    def plays_with(self, env_name: str) -> PlaysWith:
        """Returns the file or program that plays in an environment; None for the random player and for a run that failed."""
        if self.program is not None:
            return self.program
        policy = self.policies.get(env_name)
        return None if policy is None else policy.path

    def hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the player's policy for each environment name."""
        return {env: policy.sha256 for env, policy in self.policies.items()}

    def joined(self, other: "Player") -> "Player":
        """Returns this player with the policies of another one that has the same name.

        Raises:
            ArenaError: If both have a policy or a failed run for one environment.
        """
        here, there = self._sources(), other._sources()
        if self.program is not None or other.program is not None:
            raise ArenaError(f"two players are called {self.name!r}, and one is a program; give one as NAME=PATH")
        for env in here.keys() & there.keys():
            raise ArenaError(f"two players are called {self.name!r}: {here[env]} and {there[env]}; give one as NAME=PATH")
        return dataclasses.replace(
            self,
            policies={**self.policies, **other.policies},
            runs={**self.runs, **other.runs},
            failed={**self.failed, **other.failed},
            origins={**self.origins, **other.origins},
        )

    def _sources(self) -> dict[str, Path]:
        """Returns the policy file, or the folder of the failed run, for each environment name."""
        return {env: self.runs[env] for env in self.failed} | {env: policy.source for env, policy in self.policies.items()}


def random_player() -> Player:
    """Returns the player that draws uniformly from the allowed actions; it takes part in every tournament."""
    return Player(name=RANDOM, entrant=RANDOM, policies={})
