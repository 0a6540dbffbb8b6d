"""The openings of all games of a tournament, dealt to pairs of players as tasks."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from arena.environments.games import is_game
from arena.environments.word import names_without_word
from arena.rating.matches import Matches
from arena.tournament.entry.player import RANDOM
from arena.tournament.match_records import PlayedGame, Record
from arena.tournament.points import match_table
from arena.tournament.schedule.adaptive import Look, adaptive
from arena.tournament.schedule.lineups import Lineup, Pairings
from arena.tournament.schedule.openings import Opening, Openings
from arena.tournament.schedule.swiss import swiss
from arena.tournament.schedule.tasks import GamesTask, Task
from arena.tournament.tournament import Tournament

MAX_OPENINGS_PER_TASK = 64
"""Max number of openings in one task; twice as many games are in memory at once, in each process."""
MIN_OPENINGS_PER_LOOK = 10
"""Min number of openings that an open pair of the adaptive schedule plays before the next look."""


class GameDealer:
    """Deals the openings of all games of a tournament to pairs of players, as the schedules ask for them.

    Games that need the user's word have no openings here; whoever plays refuses them before.

    Args:
        tournament: The tournament to play.
    """

    def __init__(self, tournament: Tournament) -> None:
        self._tournament, self._rules = tournament, tournament.rules
        self._index = {player.name: place for place, player in enumerate(tournament.players)}
        self._entrants = np.array([tournament.entrants.index(player.entrant) for player in tournament.players])
        self._openings = {
            place: Openings(env.id, self._rules.seed, self._rules.opening_plies)
            for place, env in enumerate(tournament.envs)
            if is_game(env.id) and not names_without_word(env)  # a folder's own game is not made to read its matches
        }

    def round_robin(self) -> Iterator[GamesTask]:
        """Yields `Rules.games` of every pair of entrants in every game, spread over the pairs of their players."""
        tournament = self._tournament
        num_openings = math.ceil(self._rules.games / 2)
        for place in self._openings:
            env = tournament.envs[place].name
            for entrants in itertools.combinations(tournament.entrants, 2):
                players = [[each.name for each in tournament.players if each.entrant == name and each.plays(env)] for name in entrants]
                pairs = list(itertools.product(*players))
                for index, pair in enumerate(pairs):
                    per_pair = math.ceil(num_openings / len(pairs))
                    pool = num_openings if RANDOM in pair else self._openings[place].num_distinct(num_openings)
                    indices = [(index * per_pair + offset) % pool for offset in range(min(per_pair, pool))]
                    yield from self._tasks(place, pair, indices)

    def swiss(self, records: Sequence[Record]) -> Iterator[list[Task]]:
        """Yields log2(P) rounds, rounded up, of `Rules.games` for each pair."""
        max_players = max((len(lineup.players) for lineup in self._lineups()), default=0)
        for index in range(math.ceil(math.log2(max_players)) if max_players > 1 else 0):
            num_starts = math.ceil(self._rules.games / 2)
            tables = self._tables(records)
            pairings = swiss(tables, self._lineups(), self._entrants, round_index=index, num_starts=num_starts, seed=self._rules.seed)
            yield self.deal(pairings, records)

    def adaptive(self, records: Sequence[Record]) -> Iterator[list[Task]]:
        """Yields games where the ranking is open, until it is decided or as many were played as in a round robin."""
        budget = sum(len(task.matches) for task in self.round_robin())
        for number in itertools.count(1):
            found = self.look(records, number, budget)
            if not len(found.pairings):
                return
            budget -= len(found.pairings)
            yield self.deal(found.pairings, records)

    def look(self, records: Sequence[Record], look: int, budget: int) -> Look:
        """Returns what the adaptive schedule finds at one look, counted from one."""
        return adaptive(
            self._tables(records),
            self._lineups(),
            self._entrants,
            look=look,
            num_starts=MIN_OPENINGS_PER_LOOK,
            budget=budget,
            seed=self._rules.seed,
        )

    def deal(self, pairings: Pairings, records: Sequence[Record]) -> list[Task]:
        """Returns the pairings as tasks, without openings from which both players, neither of them random, have met before."""
        starts: dict[tuple[int, int, int], set[int]] = defaultdict(set)  # (env, players) -> openings; both seats of each are played
        for env, first, second, start in zip(pairings.env, pairings.first, pairings.second, pairings.start, strict=True):
            starts[int(env), int(min(first, second)), int(max(first, second))].add(int(start))
        players, played = self._tournament.players, {env: self._played(env, records) for env in {env for env, _, _ in starts}}
        tasks: list[Task] = []
        for (env, first, second), indices in starts.items():
            pair, openings = (players[first].name, players[second].name), self._openings[env]
            if RANDOM not in pair:
                num_distinct = openings.num_distinct(max(indices) + 1)
                had = played[env].get(frozenset(pair), set())
                indices = {index % num_distinct for index in indices if openings[index % num_distinct][1] not in had}
            tasks += self._tasks(env, pair, sorted(indices))
        return tasks

    def used_up(self, records: Sequence[Record]) -> Iterator[str]:
        """Yields a sentence for each game in which players have met from every opening that there is."""
        for place, openings in self._openings.items():
            played = {pair: len(had) for pair, had in self._played(place, records).items() if RANDOM not in pair}
            num_distinct = openings.num_distinct(max(played.values(), default=0) + 1)
            pairs = [" and ".join(sorted(pair)) for pair, count in played.items() if count >= num_distinct]
            if pairs:
                more = f" and {len(pairs) - 3} more pairs" if len(pairs) > 3 else ""
                plies = self._rules.opening_plies
                yield (
                    f"{self._tournament.envs[place].name}: {', '.join(pairs[:3])}{more} have met from all {num_distinct} openings "
                    f"of {plies} move{'s' * (plies != 1)}; further games would be the same again (--opening-plies gives others)"
                )

    def _lineups(self) -> list[Lineup]:
        """Returns who plays in each environment; nobody where duels have been played already."""
        return [
            Lineup(
                np.array([self._index[each.name] for each in self._tournament.players if each.plays(env.name)]),
                seated=True,
                num_distinct=self._openings[place].num_distinct,
                chance=frozenset({self._index[RANDOM]}),
            )
            if place in self._openings
            else Lineup(np.zeros(0, np.int64))
            for place, env in enumerate(self._tournament.envs)
        ]

    def _tables(self, records: Sequence[Record]) -> list[Matches]:
        return [match_table(records, env.name, self._index, self._tournament.entrant_of) for env in self._tournament.envs]

    def _played(self, place: int, records: Sequence[Record]) -> dict[frozenset[str], set[Opening]]:
        """Returns the openings from which each pair of players has met."""
        played: dict[frozenset[str], set[Opening]] = defaultdict(set)
        env = self._tournament.envs[place].name
        for game in (record for record in records if isinstance(record, PlayedGame) and record.env == env):
            played[frozenset(game.players)].add(game.moves[: game.num_opening_moves])
        return played

    def _tasks(self, place: int, pair: tuple[str, ...], indices: Sequence[int]) -> Iterator[GamesTask]:
        env, openings = self._tournament.envs[place], self._openings[place]
        players = [self._tournament.players[self._index[name]] for name in pair]
        for first in range(0, len(indices), MAX_OPENINGS_PER_TASK):
            part = indices[first : first + MAX_OPENINGS_PER_TASK]
            drawn = [openings[index] for index in part]
            yield GamesTask(
                match=f"{env.name}/{'~'.join(pair)}/{part[0]}",
                game_id=env.id,
                players=(pair[0], pair[1]),
                policies=(players[0].plays_with(env.name), players[1].plays_with(env.name)),
                openings=tuple(opening for _, opening in drawn),
                seeds=tuple(seed for seed, _ in drawn),
                move_seconds=self._rules.move_seconds,
                max_plies=self._rules.max_plies,
                failed=(players[0].failed.get(env.name, ""), players[1].failed.get(env.name, "")),
            )
