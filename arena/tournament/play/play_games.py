"""Games between two policies: many at once, batched for each policy, under rules that hold for policies of any origin.

Greedy policies would play one and the same game forever, so every game opens with a few random legal moves, the same opening once with
either player to move first. A player loses by an illegal move, by a call that fails, and by moves that take too long: the time of one
call divided by the positions in it.
"""

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.environments.config import EnvConfig
from arena.environments.game_batch import SingleGames, make_games
from arena.formats.readable import one_line
from arena.policies.bounded.player_processes import ServerGone
from arena.policies.policy import Policy
from arena.seeding import game_player_rng
from arena.tournament.entry.env_spaces import Spaces, env_spaces
from arena.tournament.faults import faults_of
from arena.tournament.match_records import NO_END, PlayedGame
from arena.tournament.play.load_policy import load_policy
from arena.tournament.schedule.tasks import GamesTask

Array = npt.NDArray[Any]


def play_games(task: GamesTask, *, trusted: bool = False) -> list[PlayedGame]:
    """Plays all games of the task, and returns them in the order of their ids.

    Args:
        task: The task.
        trusted: Whether all policy files are the caller's own, and play in this process without bounds.

    Raises:
        ArenaError: If the game itself fails.
    """
    if any(task.failed):
        return _unplayed(task)
    with faults_of(task.game_id):
        tables = _Tables(task)
        spaces = _spaces(task.game_id)
    pair = "~".join(task.players)
    policies = []
    for index, source in enumerate(task.policies):
        rng = None if isinstance(source, Path) else game_player_rng(pair, index, task.seeds)
        policies.append(load_policy(source, spaces, rng, trusted=trusted))
    with faults_of(task.game_id):
        while np.count_nonzero(tables.over) < len(tables.over):
            for player, policy in enumerate(policies):
                waiting = np.flatnonzero(~tables.over & (tables.players == player))
                if len(waiting):
                    _move(policy, tables, waiting, task.move_seconds)
        return tables.records()


@functools.cache
def _spaces(game_id: str) -> Spaces:
    return env_spaces(EnvConfig(game_id))


def _unplayed(task: GamesTask) -> list[PlayedGame]:
    """Returns the games against a failed run, which end with their openings: it loses, and two failed runs tie."""
    points = 0.5 * (1 + bool(task.failed[1]) - bool(task.failed[0]))  # of the task's first player
    reason = "; ".join(f"{player} {why}" for player, why in zip(task.players, task.failed, strict=True) if why)
    seats = [(opening, seed, first) for opening, seed in zip(task.openings, task.seeds, strict=True) for first in (0, 1)]
    games = []
    for match, (opening, seed, first) in zip(task.matches, seats, strict=True):
        of_first = points if first == 0 else 1.0 - points
        games.append(
            PlayedGame(
                match=match,
                env=task.game_id,
                players=(task.players[first], task.players[1 - first]),
                seed=seed,
                points=of_first,
                returns=(2.0 * of_first - 1.0, 1.0 - 2.0 * of_first),
                moves=tuple(opening),
                num_opening_moves=len(opening),
                reason=reason,
            )
        )
    return games


def _move(policy: Policy, tables: "_Tables", waiting: Array, move_seconds: float) -> None:
    """Asks a policy once for its moves at all waiting tables, and makes them; a failure or a late answer loses all of these games."""
    observations = tables.games.observations(waiting)
    start = time.perf_counter()
    try:
        actions = np.asarray(policy.act(observations))
        if actions.shape != (len(waiting),) or actions.dtype.kind not in "iu":
            raise ValueError(f"actions of shape {actions.shape} and type {actions.dtype} for {len(waiting)} positions")
    except ServerGone:
        raise
    except Exception as error:  # onnxruntime's errors share no base class of their own
        tables.forfeit(waiting, [f"failed: {one_line(error)}"] * len(waiting))
        return
    seconds = (time.perf_counter() - start) / len(waiting)
    if seconds > move_seconds:
        tables.forfeit(waiting, [f"time-out: {seconds:.3g} s for a move, {move_seconds:g} allowed"] * len(waiting))
    else:
        tables.move(waiting, actions)


class _Tables:
    """All games of a task in progress: who sits where, and which moves were made.

    Args:
        task: The task; each opening is played twice, with either player to move first.
    """

    def __init__(self, task: GamesTask) -> None:
        self._task = task
        seats = [(opening, seed, first) for opening, seed in zip(task.openings, task.seeds, strict=True) for first in (0, 1)]
        self._openings = [opening for opening, _, _ in seats]
        self._seeds = [seed for _, seed, _ in seats]
        self._first = np.array([first for _, _, first in seats])  # [N] player who has the first move
        self.games = make_games(task.game_id, self._seeds)
        """The games."""
        self._num_moves = np.zeros(len(seats), np.int64)
        self._made: list[tuple[Array, Array]] = [(np.zeros(0, np.int64),) * 2]  # places and moves of each step
        self._reasons: dict[int, str] = {}
        self._loser_seats: dict[int, int] = {}
        self.over = np.zeros(len(seats), np.bool_)
        """Whether each game has ended, by its own rules or by a broken one, `[N]`."""
        for ply in range(max(map(len, self._openings))):
            places = [place for place, opening in enumerate(self._openings) if len(opening) > ply]
            actions = np.array([self._openings[place][ply] for place in places])
            self.games.step(np.array(places), actions)
            self._note(np.array(places), actions)
        self._stop(np.arange(len(seats)))

    @property
    def players(self) -> Array:
        """Player to move at each table, 0 or 1, `[N]`: indices into the task's players."""
        return np.asarray(self.games.seats ^ self._first)

    def forfeit(self, places: Array, reasons: Sequence[str]) -> None:
        """Ends games: the players to move lose."""
        for place, reason in zip(places.tolist(), reasons, strict=True):
            self._reasons[place], self._loser_seats[place] = reason, int(self.games.seats[place])
        self.over[places] = True

    def move(self, places: Array, actions: Array) -> None:
        """Makes moves; whoever makes an illegal one loses."""
        legal = self.games.legal(places, actions)
        if np.count_nonzero(legal) < len(legal):
            wrong = places[~legal]
            numbers = (self._num_moves[wrong] + 1).tolist()
            self.forfeit(
                wrong,
                [f"illegal move: {action} as move {number}" for action, number in zip(actions[~legal].tolist(), numbers, strict=True)],
            )
            places, actions = places[legal], actions[legal]
        if len(places):
            self.games.put(places, actions)
            self._note(places, actions)
            self._stop(places)

    def records(self) -> list[PlayedGame]:
        """Returns what was played, when all games are over."""
        if not np.isfinite(self.games.returns).all():
            raise ValueError("it gave rewards that are not finite")
        places, actions = (np.concatenate(parts) for parts in zip(*self._made, strict=True))
        in_order = actions[np.argsort(places, kind="stable")].tolist()  # by games
        ends = np.cumsum(self._num_moves).tolist()
        moves = [in_order[first:end] for first, end in zip([0, *ends], ends, strict=False)]
        returns = self.games.returns.tolist()
        if isinstance(self.games, SingleGames):
            self.games.give_back()
        return [self._record(place, match, moves[place], returns[place]) for place, match in enumerate(self._task.matches)]

    def _note(self, places: Array, actions: Array) -> None:
        self._made.append((places, actions))
        self._num_moves[places] += 1

    def _stop(self, places: Array) -> None:
        """Notes which games are over, and ends those that have as many moves as they may have, as ties."""
        over = self.games.over[places]
        self.over[places] = over
        if len(self._made) >= self._task.max_plies:
            for place in places[(self._num_moves[places] >= self._task.max_plies) & ~over].tolist():
                self._reasons[place] = f"{NO_END}: {self._task.max_plies:,} moves"
                self.over[place] = True

    def _record(self, place: int, match: str, moves: list[int], returns: list[float]) -> PlayedGame:
        task, reason, first = self._task, self._reasons.get(place, ""), int(self._first[place])
        points = 0.5 if returns[0] == returns[1] or reason else float(returns[0] > returns[1])
        if place in self._loser_seats:
            points = float(self._loser_seats[place] == 1)
        return PlayedGame(
            match=match,
            env=task.game_id,
            players=(task.players[first], task.players[1 - first]),
            seed=self._seeds[place],
            points=points,
            returns=(returns[0], returns[1]),
            moves=tuple(moves),
            num_opening_moves=len(self._openings[place]),
            reason=reason,
        )
