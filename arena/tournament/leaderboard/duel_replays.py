"""The replays of chosen duels: their episodes are played again with frames, as many as a page may hold."""

from collections.abc import Sequence

import numpy as np

from arena.environments.rendering import CannotRender
from arena.environments.word import names_without_word
from arena.formats.readable import count
from arena.tournament.leaderboard.episode_recording import record_episode
from arena.tournament.leaderboard.match_replays import DuelReplay, Pane
from arena.tournament.leaderboard.replay_selection import DuelChoice
from arena.tournament.match_records import Episodes
from arena.tournament.play.play_episodes import duel_policy
from arena.tournament.tournament import Tournament

MAX_FRAME_BYTES = 4_000_000
"""Max size of all frames in one page; duels that would exceed it are left out, and the page says so."""


def record_duels(
    tournament: Tournament, choices: Sequence[DuelChoice], max_frame_bytes: int = MAX_FRAME_BYTES
) -> tuple[list[DuelReplay], list[str]]:
    """Plays the chosen duels again with frames; returns them, and sentences about those that are left out.

    Environments and programs that need the user's word are passed over.
    """
    recorder = _Recorder(tournament)
    replays: list[DuelReplay] = []
    dark: dict[str, str] = {}
    num_left_out, num_bytes = 0, 0
    for choice in choices:
        if choice.env.name in dark or names_without_word(choice.env) or recorder.needs_word(choice):
            continue
        if num_bytes > max_frame_bytes:
            num_left_out += 1
            continue
        try:
            replay = recorder.replay(choice)
        except CannotRender as error:
            dark[choice.env.name] = str(error)
            continue
        num_bytes += sum(len(pane.sheet) for pane in replay.panes)
        replays.append(replay)
    notes = [f"{env} has no replays: {reason}." for env, reason in dark.items()]
    if num_left_out:
        notes.append(f"{count(num_left_out, 'duel')} were left out to keep the page small; arena leaderboard --match shows any.")
    return replays, notes


class _Recorder:
    """Records each episode once, whoever else it is shown beside."""

    def __init__(self, tournament: Tournament) -> None:
        self._players = {player.name: player for player in tournament.players}
        self._panes: dict[tuple[str, str, int], Pane] = {}

    def replay(self, choice: DuelChoice) -> DuelReplay:
        first, second = (self._pane(choice, record) for record in choice.episodes)
        recorded = [record.returns[choice.episode] for record in choice.episodes]
        same = np.allclose([pane.returns[-1] for pane in (first, second)], recorded, rtol=0, atol=0.01)
        outcome = choice.outcome if same else f"{choice.outcome} Played again for this page, an episode went another way."
        players = (choice.episodes[0].player, choice.episodes[1].player)
        return DuelReplay(env=choice.env.name, players=players, outcome=outcome, why=choice.why, panes=(first, second))

    def needs_word(self, choice: DuelChoice) -> bool:
        """Returns whether a player of the duel is a program that the user did not name."""
        programs = [self._players[record.player].program for record in choice.episodes]
        return any(program is not None and not program.allowed for program in programs)

    def _pane(self, choice: DuelChoice, record: Episodes) -> Pane:
        key = (choice.env.name, record.player, choice.episode)
        if key not in self._panes:
            source = self._players[record.player].plays_with(choice.env.name)
            policy = duel_policy(source, choice.env, record.player, record.seed)
            self._panes[key] = record_episode(
                policy,
                choice.env,
                player=record.player,
                num_episodes=len(record.returns),
                seed=record.seed,
                episode=choice.episode,
                num_steps=record.lengths[choice.episode],
            )
        return self._panes[key]
