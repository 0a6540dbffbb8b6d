"""File systems whose locks reach no other machine, found in Linux's table of mounts. `docs/clusters.md` says what each does."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""The table of mounts (proc_pid_mountinfo(5)); other systems than Linux have none."""
LOCAL_OPTIONS = {
    "nfs": {"nolock", "local_lock=all", "local_lock=flock"},
    "nfs4": {"nolock", "local_lock=all", "local_lock=flock"},
    "lustre": {"localflock"},
    "cifs": {"nobrl"},
    "smb3": {"nobrl"},
}
"""Options with which a network file system keeps locks to the machine (nfs(5), mount.lustre(8), mount.cifs(8)), by its type."""
LOCAL_TYPES = frozenset({"fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.goofys", "fuse.mountpoint-s3", "fuse.blobfuse2"})
"""Network file systems in user space that answer no locks, so that the kernel of each machine keeps its own."""
_ESCAPED = re.compile(r"\\(\d{3})")


def lock_limits(path: Path) -> str | None:
    """Returns the network file system of `path`, with the option that limits its locks to this machine; None for any other.

    Args:
        path: a file or folder, which need not exist.
    """
    try:
        table = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    target, found = path.resolve(), None
    for line in table.splitlines():
        mount, _, source = line.partition(" - ")
        fields, (kind, _, options) = mount.split(), (*source.split(" "), "", "", "")[:3]
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if target.is_relative_to(point) and (found is None or len(point.parts) >= len(found[0].parts)):  # of two, the later one covers
            found = point, kind, {*fields[5].split(","), *options.split(",")}
    return None if found is None else _limits(*found)


def _limits(point: Path, kind: str, options: set[str]) -> str | None:
    limiting = sorted(options & LOCAL_OPTIONS.get(kind, set()))
    if limiting:
        return f"{kind} at {point} ({', '.join(limiting)})"
    return f"{kind} at {point}" if kind in LOCAL_TYPES else None
