"""Tries the policies of players before anything else opens them: a file or a run folder may come from a stranger."""

from collections.abc import Sequence

from arena.errors import ArenaError
from arena.policies.quarantine import check_policy_files
from arena.tournament.folder import TournamentFolder, file_hash
from arena.tournament.players import policy_files


def try_policies(arguments: Sequence[str], folder: TournamentFolder) -> frozenset[str]:
    """Puts the policies that `arguments` name into quarantine, but not those that the folder holds: these have been there.

    Args:
        arguments: as for `find_players`.
        folder: of the tournament or league that the players are to join.

    Returns:
        The SHA-256 of every policy that passed.

    Raises:
        ArenaError: if a path is missing or a policy is refused; says why.
    """
    known = folder.known_policies()
    new = {path: file_hash(path) for path in policy_files(arguments)}
    check_policy_files([path for path, sha256 in new.items() if sha256 not in known])
    return known | frozenset(new.values())


def refuse_untried(arguments: Sequence[str], tried: frozenset[str]) -> None:
    """Refuses policies that are not among those that were tried: a file was changed, or a run has finished, meanwhile. Opens none."""
    for path in policy_files(arguments):
        if file_hash(path) not in tried:
            raise ArenaError(f"policy {path} changed while it was tried; give it again")
