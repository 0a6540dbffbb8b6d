"""The matches of one environment: its pairs, its scores and its own table."""

import dataclasses
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.config import EnvConfig
from arena.environments.games import is_game
from arena.environments.impossible import impossible_return
from arena.environments.references import Reference, catalogue
from arena.rating.win_matrix import win_matrix
from arena.run_folder.record import RunRecord
from arena.statistics.estimate import Estimate
from arena.statistics.mean_intervals import difference_interval, difference_note, mean_interval, variance_saved
from arena.statistics.outcomes import comparable_returns, failed_return
from arena.statistics.proportions import share_of_points
from arena.statistics.score_scale import UNBOUNDED
from arena.tournament.entry.player import RANDOM
from arena.tournament.match_records import Episodes, PlayedGame, Record, is_cut
from arena.tournament.points import duel_points, match_table
from arena.tournament.standings.ranking import CONFIDENCE
from arena.tournament.standings.reward_curves import RewardCurve, read_reward_curve, returns_at_equal
from arena.tournament.standings.standings import EnvScore, EnvStandings, PairStanding
from arena.tournament.tournament import Tournament

Array = npt.NDArray[Any]


class EnvMatches:
    """All matches on one environment, by player and by entrant.

    Args:
        tournament: The tournament.
        env: The environment.
        records: All records of the tournament.
        entrants: Entrant of each player, `int64 [P]`.
        runs: Records of the run folders that can be read; without learning curves if empty.
    """

    def __init__(
        self,
        tournament: Tournament,
        env: EnvConfig,
        records: Sequence[Record],
        entrants: Array,
        runs: Mapping[Path, RunRecord] | None = None,
    ) -> None:
        self._runs = runs or {}
        self.name, self.is_game = env.name, is_game(env.id)
        self.games = [record for record in records if isinstance(record, PlayedGame) and record.env == self.name]
        self.episodes = {record.player: record for record in records if isinstance(record, Episodes) and record.env == self.name}
        index = {player.name: place for place, player in enumerate(tournament.players)}
        self.table = match_table(records, self.name, index, tournament.entrant_of)
        """All matches as arrays."""
        reference = catalogue().reference_for(env)
        self._bounds = reference.scale.bounds if reference else UNBOUNDED
        self.impossible = _impossible(self.name, reference, self.episodes.values())
        """Sentence about a return that no episode can have; empty if all are possible."""
        self._tournament, self._entrants = tournament, entrants
        self._players = [player for player in tournament.players if player.plays(self.name)]
        self._failed_players = {player.name for player in self._players if self.name in player.failed}

    def run_returns(self) -> Array | None:
        """Returns the number by which runs are compared, `float64 [P]`: the mean return of each player, failed ones below all others.

        NaN for players that did not play; None for a game.
        """
        if self.is_game:
            return None
        found = np.full(len(self._tournament.players), np.nan)
        played = [place for place, player in enumerate(self._tournament.players) if player.name in self.episodes]
        episodes = [self.episodes[self._tournament.players[place].name] for place in played]
        failed = np.array([bool(each.reason) for each in episodes])
        means = np.array([np.nan if each.reason else np.mean(each.returns) for each in episodes], np.float64)
        found[played] = comparable_returns(means, failed, self._failed_return())
        return found

    def pairs(self, entrants: Sequence[str]) -> list[PairStanding]:
        """Returns all pairs that met, in the order of `entrants`."""
        wins = win_matrix([self.table], self._entrants, level=CONFIDENCE)
        distinct = self._distinct_games()
        found = []
        for one, other in itertools.combinations(entrants, 2):
            i, j = self._tournament.entrants.index(one), self._tournament.entrants.index(other)
            if wins.num_matches[i, j]:
                returns = self._returns_of(one), self._returns_of(other)
                comparable = not self.is_game and all(len(values) for values in returns)
                found.append(
                    PairStanding(
                        env=self.name,
                        entrants=(one, other),
                        num_matches=int(wins.num_matches[i, j]),
                        points=float(wins.share[i, j]),
                        runs_won=None if self.is_game else self._runs_won(one, other),
                        tie_rate=float(wins.num_ties[i, j] / wins.num_matches[i, j]),
                        num_distinct_games=len(distinct[frozenset((one, other))]) if self.is_game else None,
                        return_difference=self._difference((one, other), *returns) if comparable else None,
                        variance_saved=variance_saved(*returns) if comparable else None,
                    )
                )
        return found

    def standings(self) -> EnvStandings:
        """Returns the environment's own table."""
        entrants = list(dict.fromkeys(player.entrant for player in self._players))
        curves = {entrant: self._curves(entrant) for entrant in entrants}
        failures = {entrant: [self._failed_return()] * self._num_failed(entrant) for entrant in entrants}
        steps, by_steps = returns_at_equal(curves, lambda curve: curve.env_steps, failures)
        seconds, by_seconds = returns_at_equal(curves, lambda curve: curve.train_seconds, failures)
        scores = [
            EnvScore(entrant=entrant, score=score, at_equal_steps=by_steps.get(entrant), at_equal_seconds=by_seconds.get(entrant))
            for entrant in entrants
            if (score := self._score(entrant)) is not None
        ]
        played = [game for game in self.games if self._failed_players.isdisjoint(game.players)]
        return EnvStandings(
            env=self.name,
            kind="game" if self.is_game else "duel",
            scores=tuple(sorted(scores, key=lambda score: -score.score.value)),
            equal_steps=None if steps is None else int(steps),
            equal_seconds=seconds,
            num_games=len(played),
            num_cut_games=sum(is_cut(game) for game in played),
            num_distinct_games=len({game.moves for game in played}),
            first_mover_points=float(np.mean([game.points for game in played])) if played else None,
            reasons=self._faults(),
        )

    def _difference(self, entrants: tuple[str, str], first: Array, second: Array) -> Estimate:
        """Returns the mean difference of two entrants' returns, with an interval that no two possible returns leave.

        The interval is marked where agents with few training seeds are compared; random play and programs have no seeds that could fail.
        """
        low, high = self._bounds
        found = difference_interval(first, second, confidence=CONFIDENCE).clipped((low - high, high - low))
        trained = {player.entrant for player in self._players if player.is_trained}
        num_seeds = [len(returns) for entrant, returns in zip(entrants, (first, second), strict=True) if entrant in trained]
        note = difference_note(min(num_seeds)) if num_seeds and found.low is not None else ""
        return dataclasses.replace(found, note=found.note or note)

    def _distinct_games(self) -> dict[frozenset[str], set[tuple[int, ...]]]:
        """Returns the distinct games of each pair of entrants, by their moves."""
        entrant_of = self._tournament.entrant_of
        distinct: dict[frozenset[str], set[tuple[int, ...]]] = defaultdict(set)
        for game in self.games:
            distinct[frozenset(entrant_of[player] for player in game.players)].add(game.moves)
        return distinct

    def _returns_of(self, entrant: str) -> Array:
        """Returns the duel returns of an entrant's players, `[K, E]`; a failed run or policy takes `_failed_return` in all episodes."""
        found = [self.episodes[player.name] for player in self._players if player.entrant == entrant and player.name in self.episodes]
        failed = np.full(max((len(episodes.returns) for episodes in self.episodes.values()), default=0), self._failed_return())
        return np.array([failed if episodes.reason else episodes.returns for episodes in found], np.float64)

    def _failed_return(self) -> float:
        """Returns the return that a failed run or policy takes: the worst mean return here, random play's included."""
        means = {player: float(np.mean(episodes.returns)) for player, episodes in self.episodes.items() if not episodes.reason}
        worst = failed_return(means.values(), means.get(RANDOM))
        return 0.0 if worst is None else worst

    def _runs_won(self, one: str, other: str) -> float | None:
        """Returns the share of pairs of runs in which `one` has the higher mean return, ties half; a failed policy loses."""
        first, second = (self._mean_returns(entrant) for entrant in (one, other))
        if not (len(first) and len(second)):
            return None
        pairs = np.stack(np.meshgrid(first, second, indexing="ij")).reshape(2, -1)  # [2, K * K]
        return float(duel_points(pairs).mean())

    def _mean_returns(self, entrant: str) -> Array:
        """Returns the mean duel return of each of an entrant's players `[K]`; minus infinity for a policy that failed."""
        found = [self.episodes[player.name] for player in self._players if player.entrant == entrant and player.name in self.episodes]
        return np.array([-np.inf if episodes.reason else np.mean(episodes.returns) for episodes in found], np.float64)

    def _curves(self, entrant: str) -> list[RewardCurve]:
        players = [player for player in self._players if player.entrant == entrant and self.name not in player.failed]
        runs = [player.runs[self.name] for player in players if self.name in player.runs]
        return [read_reward_curve(self._runs.get(run)) for run in runs]

    def _num_failed(self, entrant: str) -> int:
        return sum(player.entrant == entrant and player.name in self._failed_players for player in self._players)

    def _score(self, entrant: str) -> Estimate | None:
        if not self.is_game:
            returns = self._returns_of(entrant)
            return mean_interval(returns, confidence=CONFIDENCE).clipped(self._bounds) if len(returns) else None
        players = np.concatenate([self.table.first, self.table.second])
        own = self._entrants[players] == self._tournament.entrants.index(entrant)
        if not own.any():
            return None
        assert self.table.start is not None
        points = np.concatenate([self.table.points, 1.0 - self.table.points])
        return share_of_points(points[own], players[own], np.tile(self.table.start, 2)[own], confidence=CONFIDENCE)

    def _faults(self) -> tuple[tuple[str, str, int], ...]:
        """Returns (player, kind of fault, count), ordered by player."""
        failed = self._failed_players
        faults = [
            (_loser(game), game.reason) for game in self.games if game.reason and not is_cut(game) and failed.isdisjoint(game.players)
        ]
        faults += [(each.player, each.reason) for each in self.episodes.values() if each.reason and each.player not in failed]
        counted = Counter((player, reason.partition(":")[0]) for player, reason in faults)
        return tuple((player, kind, count) for (player, kind), count in sorted(counted.items()))


def _loser(game: PlayedGame) -> str:
    return " and ".join(game.players) if game.points == 0.5 else game.players[int(game.points)]


def _impossible(env: str, reference: Reference | None, played: Iterable[Episodes]) -> str:
    for episodes in played:
        if words := impossible_return(reference, episodes.returns):
            return (
                f"{env} is left out of these standings: an episode of {episodes.player} {words}. So what was played is not the environment "
                "whose reference scores are known; give it an id of its own, or uninstall what registered it under this one, and play again"
            )
    return ""
