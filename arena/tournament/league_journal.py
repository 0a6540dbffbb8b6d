"""`league.json`: who joined and left a league when, and how often its ranking was looked at; and who does not play on, and why.

A player that is removed, or whose file fails in a match, plays no further matches. Those that it has played stay, and count for the others.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from arena.formats.json import read_json_object, write_json
from arena.formats.validation import Whole, checked
from arena.tournament.faults import is_fault_of_file
from arena.tournament.match_records import PlayedGame, Record


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeagueJournal:
    """The content of `league.json`."""

    joined: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Player -> moment of joining, as ISO 8601."""
    looks: Whole = 0
    """Number of looks at the results after which games were chosen."""
    removed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Player -> moment of its removal, of those that have not joined again."""
    pardoned: Mapping[str, Whole] = dataclasses.field(default_factory=dict)
    """Player -> number of matches that its file failed in before it joined again: they suspend it no longer."""

    def absent(self, records: Iterable[Record]) -> dict[str, str]:
        """Returns who plays no further matches, with `removed on …` or `suspended: …` and the reason.

        Args:
            records: All matches of the league.
        """
        faults = file_faults(records)
        suspended = {
            player: f"suspended: {reasons[-1]}" for player, reasons in faults.items() if len(reasons) > self.pardoned.get(player, 0)
        }
        return {**suspended, **{player: f"removed on {moment[:10]}" for player, moment in self.removed.items()}}

    def after_return(self, players: Iterable[str], records: Iterable[Record]) -> "LeagueJournal":
        """Returns the journal after players have joined again: neither removed nor suspended for what was.

        Args:
            players: Names of the players.
            records: All matches of the league.
        """
        returned, faults = set(players), file_faults(records)
        removed = {player: moment for player, moment in self.removed.items() if player not in returned}
        pardoned = {**self.pardoned, **{player: len(reasons) for player, reasons in faults.items() if player in returned}}
        return dataclasses.replace(self, removed=removed, pardoned=pardoned)


def read_journal(path: Path) -> LeagueJournal:
    """Returns the journal of a league; an empty one if there is none.

    Raises:
        ArenaError: If the file isn't a journal; says which part.
    """
    document: Any = read_json_object(path) if path.exists() else {}
    journal: LeagueJournal = checked(LeagueJournal, document, str(path))
    return journal


def write_journal(path: Path, journal: LeagueJournal) -> None:
    """Writes the journal of a league."""
    write_json(path, dataclasses.asdict(journal))


def file_faults(records: Iterable[Record]) -> dict[str, list[str]]:
    """Returns the reasons of all matches that players lost because their files failed."""
    faults: dict[str, list[str]] = {}
    for record in records:
        if is_fault_of_file(record.reason):
            player = record.players[int(record.points)] if isinstance(record, PlayedGame) else record.player
            faults.setdefault(player, []).append(record.reason)
    return faults
