"""A tournament: players x environments under rules."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from arena.agent.hyperparameters import Count
from arena.environments.config import EnvConfig
from arena.formats.validation import Whole
from arena.tournament.entry.player import Player

MAX_PLIES = 10_000
"""Default number of moves after which a game that has not ended is a tie: some games need not end."""
ScheduleName = Literal["round-robin", "swiss", "adaptive"]
"""Name of a schedule of games."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules under which a tournament is played."""

    schedule: ScheduleName = "round-robin"
    """Schedule that says who meets whom in games. Duels need none: all players play the same starts, so all pairs meet."""
    episodes: Count = 100
    """Number of episodes of each player on each environment; every two players thereby meet in as many duels."""
    games: Annotated[int, Ge(2)] = 100
    """Number of games of each pair of entrants in each game, spread over their players and rounded up; each side moves first in half."""
    opening_plies: Whole = 4
    """Number of random legal moves with which each game begins; two lead to 49 positions of connect four, four to 1,120."""
    max_plies: Count = MAX_PLIES
    """Number of moves, the opening's included, after which a game that has not ended is a tie."""
    move_seconds: Annotated[float, Gt(0)] = 1.0
    """Longest time for a move or an action: the time of a policy's call divided by the positions or observations in it."""
    max_episode_steps: Count | None = None
    """Length at which an episode is cut that its environment has not ended; None takes the limit of the runs that play."""
    seed: Whole = 0
    """Seed of starts, openings and the random player."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tournament:
    """Players x environments under rules, and the folder that keeps the matches."""

    path: Path
    """Folder of the tournament."""
    players: tuple[Player, ...]
    """All players, the random one first."""
    envs: tuple[EnvConfig, ...]
    """Environments and games that are played."""
    rules: Rules
    """Rules that all matches follow."""
    left_out: tuple[str, ...] = ()
    """Runs without an outcome or a policy, each with the reason; failed runs take part (`Player.failed`)."""
    command: str = ""
    """Command line that played it, for people who want to repeat it."""
    versions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Package -> version, of the packages that decide what is played; empty before the tournament has a folder."""

    @property
    def entrants(self) -> tuple[str, ...]:
        """Names of all entrants in the order in which they were given, the random player first."""
        return tuple(dict.fromkeys(player.entrant for player in self.players))

    @property
    def entrant_of(self) -> dict[str, str]:
        """Player -> entrant."""
        return {player.name: player.entrant for player in self.players}

    @property
    def policy_files(self) -> dict[str, Path]:
        """SHA-256 -> file, of the policies of all players whose files exist."""
        policies = [policy for player in self.players for policy in player.policies.values()]
        return {policy.sha256: policy.path for policy in policies if policy.path.exists()}
