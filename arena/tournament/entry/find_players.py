"""The players of a tournament: those of policy files, run folders and whole experiments, and the uniformly random player."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.seeding import probe_rng
from arena.tournament.entry.admission import Admission, AdmittedPolicy
from arena.tournament.entry.entrants import check_entrants, checked_entrant
from arena.tournament.entry.env_spaces import Spaces, env_spaces
from arena.tournament.entry.kept_policies import kept_policies
from arena.tournament.entry.player import RANDOM, Player, random_player
from arena.tournament.entry.player_arguments import program_of, split_argument
from arena.tournament.entry.program import find_program
from arena.tournament.entry.run_players import run_players


@dataclasses.dataclass(frozen=True, kw_only=True)
class Participants:
    """Everyone who takes part, and who could not."""

    players: tuple[Player, ...]
    """All players, the random one first."""
    left_out: tuple[str, ...] = ()
    """Runs of the given folders without an outcome or a policy, each with the reason."""

    def joined(self, other: "Participants") -> "Participants":
        """Returns the participants of both; raises as `find_players` where a player or an entrant would be two things."""
        players = _by_name([*self.players, *(player for player in other.players if player.entrant != RANDOM)])
        check_entrants(players)
        return Participants(players=tuple(players), left_out=(*self.left_out, *other.left_out))


def find_players(arguments: Sequence[str], envs: Sequence[EnvConfig], admission: Admission, allow: Collection[str] = ()) -> Participants:
    """Returns the players that `arguments` name, and the random one.

    Args:
        arguments: A policy file, a run folder, a folder of runs, the `snapshots` of a run, each of which is an entrant, or `random`;
            `NAME=PATH` names the entrant. `NAME=module:callable` is a program, which is imported.
        envs: Everything that is played.
        admission: Admits the policies of the players; none is opened before it has been tried.
        allow: Import paths and files that runs may name, where they were trained on something else than is played.

    Raises:
        ArenaError: If a path is missing, a policy is refused or does not fit, a run is of another environment or has no policy, a name
            cannot stand in the ids of matches, two players have one name, or an entrant would be two things.
    """
    spaces = {env.name: env_spaces(env) for env in envs}
    entries: list[_Entry] = []
    left_out: list[str] = []
    for argument in arguments:
        if argument == RANDOM:
            continue
        if (named := program_of(argument)) is not None:
            entries.append(_Entry(_program_player(*named, spaces), (), None))
            continue
        name, path = split_argument(argument)
        if not path.is_dir():
            entrant = checked_entrant(name or path.stem, path)
            entries.append(_Entry(Player(name=entrant, entrant=entrant, policies={}), tuple(spaces), path))
            continue
        if policies := kept_policies(path):
            entries += [_kept_entry(name or policies.agent, env_steps, file, spaces) for env_steps, file in policies.by_env_steps]
            continue
        found, reasons = run_players(path, name, spaces, allow)
        left_out += reasons
        for run in found:
            player = Player(
                name=run.player,
                entrant=run.entrant,
                policies={},
                runs={run.env_name: run.run},
                failed={run.env_name: run.failure} if run.failure else {},
                origins={run.env_name: run.origin},
            )
            entries.append(_Entry(player, (run.env_name,), run.policy))
    admitted = admission.admit(entry.policy for entry in entries if entry.policy is not None)
    for entry in entries:
        if entry.policy is None:
            continue
        signature = admission.signature(admitted[entry.policy])
        for env_name in entry.env_names:
            signature.check(*spaces[env_name], where=f"{env_name}: policy {entry.policy}")
    players = _by_name([random_player(), *(entry.player_with(admitted) for entry in entries)])
    if len(players) < 2:
        raise ArenaError("a tournament needs at least one player besides the random one")
    check_entrants(players)
    return Participants(players=tuple(players), left_out=tuple(left_out))


def _program_player(name: str, program: str, spaces: Mapping[str, Spaces]) -> Player:
    """Returns the player of a program, which is made once for all that is played, so that a bad one is refused before any match."""
    found = find_program(program)
    for of_env in spaces.values():
        found.policy(of_env, probe_rng())
    return Player(name=name, entrant=name, policies={}, program=found)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One policy file of a player, before it is admitted, or its failed run."""

    player: Player
    """The player, without its policy."""
    env_names: tuple[str, ...]
    """Names of the environments that the policy plays."""
    policy: Path | None
    """The policy file; None for a failed run."""

    def player_with(self, admitted: Mapping[Path, AdmittedPolicy]) -> Player:
        if self.policy is None:
            return self.player
        return dataclasses.replace(self.player, policies=dict.fromkeys(self.env_names, admitted[self.policy]))


def _kept_entry(name: str, env_steps: int, file: Path, envs: Iterable[str]) -> _Entry:
    entrant = checked_entrant(f"{name}@{env_steps}", file)
    return _Entry(Player(name=entrant, entrant=entrant, policies={}), tuple(envs), file)


def _by_name(players: Iterable[Player]) -> list[Player]:
    """Returns the players in the order of their first appearance, those of one name joined."""
    found: dict[str, Player] = {}
    for player in players:
        found[player.name] = found[player.name].joined(player) if player.name in found else player
    return list(found.values())
