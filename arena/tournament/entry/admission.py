"""The one way of a policy file into a tournament or league, since a file or a run folder may come from a stranger.

Each file is read once, hashed once, and copied from memory to a private directory under its hash. The copy is tried in quarantine, and only
the copy is used from then on. Whatever happens to the file meanwhile changes nothing.
"""

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.file_check import read_bounded
from arena.policies.policy import OnnxPolicy, PolicySignature
from arena.policies.quarantine import check_policy_files


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdmittedPolicy:
    """A policy that passed all checks, as a copy that is named by its content; only the copy is played."""

    path: Path
    """Path of the copy."""
    sha256: str
    """SHA-256 of the copy's content, in hexadecimal digits."""
    source: Path
    """File that the copy was made from, for messages; the copy itself once a folder has been read again."""


class Admission:
    """Admits policy files, and keeps their copies in a private directory until a tournament's folder has taken them.

    Use it in a `with` statement; the private directory is deleted at its end.

    Args:
        known: Copies of policies that were admitted earlier, by their SHA-256. They are not tried again.
        trusted: Whether all policy files are the caller's own: they are read, checked and opened in this process, and not tried.
    """

    def __init__(self, known: Mapping[str, Path] | None = None, *, trusted: bool = False) -> None:
        self._copies, self._trusted = dict(known or {}), trusted
        self._signatures: dict[str, PolicySignature] = {}
        self._directory = tempfile.TemporaryDirectory(prefix="arena-policies-")

    def __enter__(self) -> "Admission":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._directory.cleanup()

    def admit(self, sources: Iterable[Path]) -> dict[Path, AdmittedPolicy]:
        """Reads, hashes, copies and tries policy files; returns the admitted policy of each.

        Raises:
            ArenaError: If a file cannot be read or is refused; says which and why.
        """
        admitted: dict[Path, AdmittedPolicy] = {}
        new: dict[str, AdmittedPolicy] = {}
        for source in dict.fromkeys(sources):
            content = read_bounded(source)
            sha256 = hashlib.sha256(content).hexdigest()
            path = self._copies.get(sha256) or Path(self._directory.name, f"{sha256}.onnx")
            admitted[source] = AdmittedPolicy(path=path, sha256=sha256, source=source)
            if sha256 not in self._copies and sha256 not in new:
                _write(path, content)
                new[sha256] = admitted[source]
        signatures = self._try(list(new.values()))
        for policy, signature in zip(new.values(), signatures, strict=True):
            self._copies[policy.sha256] = policy.path
            self._signatures[policy.sha256] = signature
        return admitted

    def _try(self, policies: Sequence[AdmittedPolicy]) -> list[PolicySignature]:
        """Refuses files that are no policies; returns the shapes of the others."""
        if self._trusted:
            return [OnnxPolicy(policy.path, shown_as=policy.source).signature for policy in policies]
        trials = check_policy_files([policy.path for policy in policies], [policy.source for policy in policies])
        return [trial.signature for trial in trials]

    def signature(self, policy: AdmittedPolicy) -> PolicySignature:
        """Returns the shapes of a policy that this object admitted: those found in quarantine, or read from a known copy."""
        if policy.sha256 not in self._signatures:
            with BoundedPolicy(policy.path, shown_as=policy.source) as loaded:
                self._signatures[policy.sha256] = loaded.signature
        return self._signatures[policy.sha256]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ArenaError(f"cannot copy a policy to {path}: {error.strerror}") from error
