"""The limits of a policy's process, which it puts on itself before it opens the file; it cannot take them back.

Whatever a system does not have is left out: macOS does not keep to a limit of the address space, and only Linux ends a process with its
parent or takes its network away. The limits of time are the parent's and hold everywhere.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

MAX_FILES = 16
"""Max number of open files of a policy's process."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def limit_process(memory_bytes: int) -> None:
    """Limits this process: memory, no core dump, no file written, no further process or thread, no new rights.

    Args:
        memory_bytes: Max address space.
    """
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: MAX_FILES,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(limit, (allowed, allowed))
    if sys.platform == "linux":
        _c_library().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def end_with_parent(parent: int) -> None:
    """Lets this process be killed when the process that forked it is gone, however that ended.

    Args:
        parent: Id of that process.
    """
    if sys.platform == "linux":
        _c_library().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def leave_network() -> bool:
    """Takes the network away from this process and those that it forks, where the system permits that; returns whether it did.

    It must be called before the process has a second thread.
    """
    return sys.platform == "linux" and int(_c_library().unshare(_CLONE_NEWUSER | _CLONE_NEWNET)) == 0


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
