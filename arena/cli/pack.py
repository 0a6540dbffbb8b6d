"""`arena pack`: the policies of runs as one archive with a card."""

from collections.abc import Sequence
from pathlib import Path

from arena.cli.policy_arguments import given_policies
from arena.errors import ArenaError
from arena.formats.readable import count
from arena.sharing.pack import write_pack
from arena.terminal.output import Mode, Output


def pack(arguments: Sequence[str], path: Path, licence: str | None, *, mode: Mode) -> None:
    """Packs the policies of runs, and prints what is in the archive.

    Args:
        arguments: Run or experiment folders.
        path: Archive to write.
        licence: Name of the licence, or path of a file with its text.
        mode: What is printed; as JSON, one object for each policy.

    Raises:
        ArenaError: If an argument is a policy file, or a run cannot be packed.
    """
    output, given = Output(mode), given_policies(arguments)
    files = [str(policy.path) for policy in given if policy.record is None]
    if files:
        raise ArenaError(f"{files[0]} is a policy file, which is shared as it is; pack folders of runs")
    packed = write_pack([policy.record for policy in given if policy.record is not None], path, licence)
    for policy in packed:
        output.record({"policy": policy.name, "file": policy.file, "run": str(policy.record.path), "archive": str(path)})
    named = count(len(packed), "policy") if len(packed) == 1 else f"{len(packed):,} policies"
    output.say(f"{named} packed in {path} ({path.stat().st_size:,} bytes)")
    if licence is None:
        output.say("No licence is stated; name one with --licence, so that others know what they may do")
