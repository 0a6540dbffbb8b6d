"""Packing: the policies of finished runs become one archive, with their metadata, a card and a licence."""

import collections
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.formats.archives import MAX_FILES, write_archive
from arena.formats.json import finite
from arena.formats.system_errors import refuse_unwritable
from arena.policies.file_check import MAX_FILE_BYTES, check_policy_bytes
from arena.policies.metadata import read_metadata
from arena.run_folder.record import RunRecord
from arena.sharing.card import PackedPolicy, licence_text, model_card, scores_of
from arena.sharing.curve import curve_svg

CARD, MANIFEST, LICENCE = "README.md", "pack.json", "LICENSE"
"""Names of the card, of the list of policies, and of the licence's text in an archive."""
MAX_POLICIES = (MAX_FILES - 3) // 2
"""Largest number of policies of an archive: each has a picture of its learning curve."""
PACK_FORMAT = 1
"""Version of the form of `pack.json`."""


def write_pack(records: Sequence[RunRecord], path: Path, licence: str | None = None) -> list[PackedPolicy]:
    """Writes an archive of the policies of runs, and returns what is in it; equal runs make equal archives.

    Args:
        records: Runs that have finished.
        path: Archive to write, `.zip`; it must not exist.
        licence: Name of the licence, or path of a file with its text.

    Raises:
        ArenaError: If a run has not finished or has no policy, or there is something at the path already.
    """
    if path.suffix != ".zip":
        raise ArenaError(f"{path}: the name of an archive must end with .zip")
    if path.exists():
        raise ArenaError(f"{path} is there already; delete it, or give another name")
    refuse_unwritable(path)
    if len(records) > MAX_POLICIES:
        raise ArenaError(f"{len(records):,} policies are more than the {MAX_POLICIES:,} that an archive may hold")
    policies = _distinct([_packed(record) for record in records])
    name, text = licence_text(licence)
    contents = {CARD: model_card(policies, name).encode(), MANIFEST: _manifest(policies, name)}
    curves = {policy.curve_file: curve for policy in policies if (curve := curve_svg(policy.record)) is not None}
    contents |= {policy.file: policy.content for policy in policies} | curves | ({LICENCE: text} if text is not None else {})
    write_archive(path, contents)
    return policies


def _packed(record: RunRecord) -> PackedPolicy:
    result, files = record.result, record.files
    if result is None or result.status != "finished":
        raise ArenaError(f"{record.path} has not finished{f' ({result.status})' if result else ''}; only finished runs are packed")
    try:
        content = files.folder.read(files.policy.name, max_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise ArenaError(f"cannot read {files.policy}: {error.strerror}") from error
    where = f"policy {files.policy}"
    check_policy_bytes(content, where)
    name = record.run.name.replace("/", "-").replace(" ", "-")
    return PackedPolicy(name=name, record=record, content=content, metadata=read_metadata(content, where))


def _distinct(policies: list[PackedPolicy]) -> list[PackedPolicy]:
    """Returns the policies, those of one name numbered."""
    counts, seen, found = collections.Counter(policy.name for policy in policies), collections.Counter[str](), []
    for policy in policies:
        seen[policy.name] += 1
        numbered = policy.name if counts[policy.name] == 1 else f"{policy.name}-{seen[policy.name]}"
        found.append(dataclasses.replace(policy, name=numbered))
    return found


def _manifest(policies: Sequence[PackedPolicy], licence: str) -> bytes:
    rows = []
    for policy in policies:
        scores, run = scores_of(policy.record), policy.record.run
        rows.append(
            {
                "name": policy.name,
                "file": policy.file,
                "sha256": hashlib.sha256(policy.content).hexdigest(),
                "agent": run.agent.agent,
                "env": {"id": run.env.id, "arguments": dict(run.env.kwargs)},
                "seed": run.seed,
                "score": None if scores is None else {"mean": dataclasses.asdict(scores[0]), "iqm": dataclasses.asdict(scores[1])},
            }
        )
    value = {"format": PACK_FORMAT, "licence": licence, "policies": rows}
    return (json.dumps(finite(value), indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
