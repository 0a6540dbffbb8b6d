"""The Swiss schedule: players of like scores meet, for tournaments of many players. The same arguments give the same matches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arena.rating.matches import Matches
from arena.seeding import swiss_rng
from arena.tournament.schedule.lineups import Lineup, Pairings, concatenated, seated_pairings, times_met

Array = npt.NDArray[Any]


def swiss(
    tables: Sequence[Matches], lineups: Sequence[Lineup], entrants: Array, *, round_index: int, num_starts: int, seed: int
) -> Pairings:
    """Returns one round: in each environment every player meets one of like score whom it has not met.

    With P players, none meets another again before round P / 2, if all are of different entrants. With an odd number one sits out: the
    lowest of those who have played most. Players of one entrant are not paired while others are free.

    Args:
        tables: All matches so far, one table for each environment.
        lineups: Who plays, for each environment.
        entrants: Entrant of each player, `int64 [P]`.
        round_index: Number of the round, counted from zero; decides the starts.
        num_starts: Number of starts that each pair plays.
        seed: Seed that breaks ties of scores.
    """
    parts = []
    for env, (table, lineup) in enumerate(zip(tables, lineups, strict=True)):
        rng = swiss_rng(seed, round_index, env)
        pairs = _round_pairs(table, rng.permutation(lineup.players), entrants)
        starts = round_index * num_starts + np.arange(num_starts)
        first, second = (np.repeat(pairs[:, side], num_starts) for side in (0, 1))
        parts.append(seated_pairings(env, lineup, first, second, np.tile(starts, len(pairs))))
    return concatenated(parts)


def _round_pairs(table: Matches, players: Array, entrants: Array) -> Array:
    """Returns the pairs `[B, 2]` of one round; `players` come in the order that breaks ties."""
    num_players = len(entrants)
    met = times_met(table, num_players)
    cost = met + (entrants[:, None] == entrants[None]) * (met.sum() + 1)  # players of one entrant meet only if no other is left
    played = met.sum(-1)
    points = np.bincount(table.first, table.points, num_players) + np.bincount(table.second, 1 - table.points, num_players)
    score = np.divide(points, played, out=np.full(num_players, 0.5), where=played > 0)  # sitting out changes no score
    order = players[np.argsort(-score[players], kind="stable")].tolist()
    if len(order) % 2:
        max_played = max(played[player] for player in order)
        order.remove(next(player for player in reversed(order) if played[player] == max_played))
    pairs = []
    while order:
        player = order.pop(0)
        opponent = min(order, key=lambda other: (cost[player, other], order.index(other)))
        order.remove(opponent)
        pairs.append([player, opponent])
    _avoid_second_meetings(pairs, cost)
    kept = [pair for pair in pairs if entrants[pair[0]] != entrants[pair[1]]]
    return np.array(kept, np.int64).reshape(-1, 2)


def _avoid_second_meetings(pairs: list[list[int]], cost: Array) -> None:
    """Swaps opponents with the nearest pair that makes a second meeting unnecessary.

    After r rounds two players who meet again have met at most 2 (r - 1) others between them, and a swap fails only on two of those: one
    exists as long as r < P / 2.
    """
    for index in range(len(pairs)):
        a, b = pairs[index]
        if not cost[a, b]:
            continue
        for other in sorted(range(len(pairs)), key=lambda place: abs(place - index)):
            c, d = pairs[other]
            swaps = [swap for swap in (((a, c), (b, d)), ((a, d), (b, c))) if not cost[swap[0]] and not cost[swap[1]]]
            if other != index and swaps:
                pairs[index], pairs[other] = [*swaps[0][0]], [*swaps[0][1]]
                break
