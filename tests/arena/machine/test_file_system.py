from pathlib import Path

import pytest

from arena.machine import file_system
from arena.machine.file_system import lock_limits

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2,local_lock=none
31 22 0:41 / /old rw shared:3 - nfs server:/old rw,vers=3,nolock,local_lock=all
32 22 0:42 / /scratch rw - lustre mgs:/scratch rw,flock
33 22 0:43 / /fast rw - lustre mgs:/fast rw,localflock
34 22 0:44 / /home/me/my\040bucket rw - fuse.s3fs bucket rw
35 22 0:45 / /share rw - cifs //server/share rw,nobrl
36 33 0:46 / /fast rw - tmpfs tmpfs rw
"""


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(TABLE)
    monkeypatch.setattr(file_system, "MOUNTS", file)
    return file


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("/var/logs", None),
        ("/home/me/logs", None),
        ("/old/logs", "nfs at /old (local_lock=all, nolock)"),
        ("/older/logs", None),
        ("/scratch/logs", None),
        ("/home/me/my bucket/logs", "fuse.s3fs at /home/me/my bucket"),
        ("/share", "cifs at /share (nobrl)"),
        ("/fast/logs", None),
    ],
)
def test_a_file_system_is_named_where_it_keeps_locks_to_one_machine(path: str, limits: str | None):
    assert lock_limits(Path(path)) == limits


def test_a_mount_that_nothing_covers_counts(table: Path):
    table.write_text("".join(TABLE.splitlines(keepends=True)[:-1]))
    assert lock_limits(Path("/fast/logs")) == "lustre at /fast (localflock)"


def test_a_system_without_the_table_limits_nothing(table: Path):
    table.unlink()
    assert lock_limits(Path("/old/logs")) is None
