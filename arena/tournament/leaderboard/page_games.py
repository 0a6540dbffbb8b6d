"""The policies that a leaderboard's page holds, so that they play there, and a person against them: offline, in one file."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from arena.errors import ArenaError
from arena.export.graph import read_graph
from arena.export.javascript_format import DECODER, write_function
from arena.policies.file_check import read_bounded
from arena.tournament.entry.player import RANDOM, Player
from arena.tournament.tournament import Tournament

RULES_IN_THE_PAGE = ("connect_four_v3", "tictactoe_v3")
"""Games whose rules `arena/html/templates/games.js` has."""
DYNAMICS_IN_THE_PAGE = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1")
"""Environments whose dynamics `arena/html/templates/control.js` has."""
MAX_NETWORK_BYTES = 400_000
"""Largest size of one policy in a page."""
MAX_PAGE_BYTES = 3_000_000
"""Largest size of all policies in a page; those of the entrants that rank lowest are left out."""


@dataclasses.dataclass(frozen=True)
class Opponent:
    """Somebody to play against."""

    name: str
    """Name that people see."""
    network: int | None
    """Number of its policy among `PageGames.networks`; None for the random player."""


@dataclasses.dataclass(frozen=True)
class PageGame:
    """A game that can be played in the page."""

    id: str
    """Id of the game."""
    name: str
    """Its name in the tournament."""
    opponents: tuple[Opponent, ...]
    """Opponents, best ranks first."""


@dataclasses.dataclass(frozen=True)
class PageGames:
    """Everything with which a person plays in a page."""

    games: tuple[PageGame, ...] = ()
    """Games; empty if the tournament has none that a page can play."""
    duels: tuple[PageGame, ...] = ()
    """Environments that entrants play side by side; empty if the tournament has none whose dynamics are in the page."""
    networks: tuple[str, ...] = ()
    """Policies as JavaScript functions; nothing of a policy file is in them but numbers."""
    notes: tuple[str, ...] = ()
    """Sentences about policies that are left out."""

    def document(self) -> list[dict[str, Any]]:
        """Returns the games as JSON."""
        return [dataclasses.asdict(game) for game in self.games]

    def duels_document(self) -> list[dict[str, Any]]:
        """Returns the environments of live duels as JSON."""
        return [dataclasses.asdict(env) for env in self.duels]

    def script(self) -> Markup:
        """Returns the script that defines `arenaNetworks`."""
        functions = ",\n".join(self.networks)
        return Markup(
            f'"use strict";\n{DECODER}\nconst arenaNetworks = [\n{functions}\n];\n'
        )  # our own code and numbers, no text of a file


def page_games(tournament: Tournament, order: Sequence[str]) -> PageGames:
    """Returns what of a tournament can be played in a page, with a policy of each entrant: its first by name.

    Args:
        tournament: The tournament.
        order: Entrants, best ranks first.
    """
    collected = _Collected()
    games, duels = (
        tuple(
            PageGame(env.id, env.name, tuple(opponents))
            for env in tournament.envs
            if env.id in known
            and env.is_plain
            and (known is RULES_IN_THE_PAGE or tournament.rules.max_episode_steps is None)  # the page plays to the environment's own end
            and (opponents := collected.opponents(tournament.players, order, env.name))
        )
        for known in (RULES_IN_THE_PAGE, DYNAMICS_IN_THE_PAGE)
    )
    return PageGames(games, duels, tuple(collected.networks), tuple(collected.notes))


class _Collected:
    """The policies of a page so far."""

    def __init__(self) -> None:
        self.networks: list[str] = []
        self.notes: list[str] = []
        self._room = MAX_PAGE_BYTES

    def opponents(self, players: Sequence[Player], order: Sequence[str], env_name: str) -> list[Opponent]:
        found = []
        for entrant in order:
            if entrant == RANDOM:
                found.append(Opponent(RANDOM, None))
                continue
            theirs = sorted((player for player in players if player.entrant == entrant and env_name in player.policies), key=_name)
            if theirs and (network := self._added(theirs[0], env_name)) is not None:
                found.append(Opponent(theirs[0].name, network))
        return found

    def _added(self, player: Player, env_name: str) -> int | None:
        path = player.policies[env_name].path
        try:
            function = write_function(read_graph(read_bounded(path), player.name))
        except ArenaError as error:
            self.notes.append(f"{player.name} is not in the page to play {env_name}: {error}.")
            return None
        if len(function) > min(MAX_NETWORK_BYTES, self._room):
            self.notes.append(f"{player.name} is not in the page to play {env_name}: it takes {len(function):,} bytes.")
            return None
        self._room -= len(function)
        self.networks.append(function)
        return len(self.networks) - 1


def _name(player: Player) -> str:
    return player.name
