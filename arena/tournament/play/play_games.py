"""Games between two policies: many at once, batched for each policy, under rules that hold for policies of any origin.

Greedy policies would play one and the same game forever, so every game opens with a few random legal moves, the same opening once with
either player to move first. A player loses by an illegal move, by a call that fails, and by moves that take too long: the time of one
call divided by the positions in it.
"""

import time
from collections import defaultdict

import numpy as np

from arena.environments.games import Game
from arena.formats.readable import one_line
from arena.policies.bounded.player_processes import ServerGone
from arena.policies.policy import Policy
from arena.seeding import game_player_rng
from arena.tournament.faults import faults_of
from arena.tournament.match_records import NO_END, PlayedGame
from arena.tournament.play.load_policy import load_policy
from arena.tournament.schedule.openings import Opening
from arena.tournament.schedule.tasks import GamesTask


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
        pairs = zip(task.openings, task.seeds, strict=True)
        tables = [_Table(task.game_id, opening, seed, first, task.max_plies) for opening, seed in pairs for first in (0, 1)]
    spaces = tables[0].game.observation_space, tables[0].game.action_space
    pair = "~".join(task.players)
    rngs = [game_player_rng(pair, index, task.seeds) for index in (0, 1)]
    policies = [load_policy(path, spaces, rng, trusted=trusted) for path, rng in zip(task.policies, rngs, strict=True)]
    with faults_of(task.game_id):
        while any(not table.over for table in tables):
            for player, policy in enumerate(policies):
                waiting = [table for table in tables if not table.over and table.player == player]
                if waiting:
                    _move(policy, waiting, task.move_seconds)
        return [table.record(task, match) for table, match in zip(tables, task.matches, strict=True)]


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


def _move(policy: Policy, tables: list["_Table"], move_seconds: float) -> None:
    """Asks a policy once for its moves at all tables, and makes them; a failure or a late answer loses all of these games."""
    observations = np.stack([table.game.observation() for table in tables])
    start = time.perf_counter()
    try:
        actions = np.asarray(policy.act(observations))
        if actions.shape != (len(tables),) or not np.issubdtype(actions.dtype, np.integer):
            raise ValueError(f"actions of shape {actions.shape} and type {actions.dtype} for {len(tables)} positions")
    except ServerGone:
        raise
    except Exception as error:  # onnxruntime's errors share no base class of their own
        for table in tables:
            table.forfeit(f"failed: {one_line(error)}")
        return
    seconds = (time.perf_counter() - start) / len(tables)
    for table, action in zip(tables, actions.tolist(), strict=True):
        if seconds > move_seconds:
            table.forfeit(f"time-out: {seconds:.3g} s for a move, {move_seconds:g} allowed")
        else:
            table.move(action)


_spare: dict[str, list[Game]] = defaultdict(list)
"""Games of this process that are over, for use again: making one takes as long as ten moves."""


class _Table:
    """One game in progress: who sits where, and which moves were made."""

    def __init__(self, game_id: str, opening: Opening, seed: int, first: int, max_plies: int) -> None:
        self.game = _spare[game_id].pop() if _spare[game_id] else Game(game_id)
        self.game.reset(seed)
        self.first, self.seed, self.max_plies = first, seed, max_plies
        self.moves, self.num_opening_moves = list(opening), len(opening)
        self.reason, self.loser_seat = "", -1
        for action in opening:
            self.game.step(action)
        self.stop()

    @property
    def player(self) -> int:
        """Player to move, 0 or 1: an index into the task's players."""
        return self.game.seat ^ self.first

    @property
    def over(self) -> bool:
        """Whether the game has ended, by its own rules or by a broken one."""
        return self.game.over or bool(self.reason)

    def forfeit(self, reason: str) -> None:
        """Ends the game: the player to move loses."""
        self.reason, self.loser_seat = reason, self.game.seat

    def move(self, action: int) -> None:
        if not (0 <= action < len(self.game.action_mask) and self.game.action_mask[action]):
            self.forfeit(f"illegal move: {action} as move {len(self.moves) + 1}")
            return
        self.game.step(action)
        self.moves.append(action)
        self.stop()

    def stop(self) -> None:
        """Ends a game that has as many moves as it may have, as a tie."""
        if len(self.moves) >= self.max_plies and not self.game.over:
            self.reason = f"{NO_END}: {self.max_plies:,} moves"

    def record(self, task: GamesTask, match: str) -> PlayedGame:
        first, second = self.game.returns
        if not np.isfinite((first, second)).all():
            raise ValueError("it gave rewards that are not finite")
        points = 0.5 if first == second or self.reason else float(first > second)
        if self.loser_seat >= 0:
            points = float(self.loser_seat == 1)
        _spare[task.game_id].append(self.game)
        return PlayedGame(
            match=match,
            env=task.game_id,
            players=(task.players[self.first], task.players[1 - self.first]),
            seed=self.seed,
            points=points,
            returns=self.game.returns,
            moves=tuple(self.moves),
            num_opening_moves=self.num_opening_moves,
            reason=self.reason,
        )
