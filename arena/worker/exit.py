"""The end of a worker process, without the second that the interpreter takes to free what a framework has left (docs/startup.md).

The interpreter's own end deletes modules and objects by the hundred thousand, although the end of the process frees them anyway. `os._exit`
skips that, and everything else. What must not be skipped are two steps that CPython has no public function for: `threading._shutdown` waits
for threads and tells the executors of `concurrent.futures` to end theirs, and `atexit._run_exitfuncs` calls the registered functions. Both
are tested on the versions in `TESTED_VERSIONS`; on any other version, `leave` ends the process in the ordinary way.
"""

import atexit
import contextlib
import ctypes
import os
import sys
import threading
from typing import NoReturn

LEAVE_SECONDS = 10.0
"""Longest time that a worker waits for its threads and exit functions, once all that it leaves is written."""
TESTED_VERSIONS = ((3, 11), (3, 12), (3, 13))
"""Versions of CPython whose private functions are known to do what this module needs."""


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code, fast where that is known to be safe.

    Threads are waited for, exit functions are called, and everything printed is written, by Python and by C libraries; but a file that was
    left open loses what was not flushed. Threads and exit functions that take longer than `LEAVE_SECONDS` are left as they are.
    """
    limit = threading.Timer(LEAVE_SECONDS, _leave_at_once, [code])
    limit.daemon = True
    limit.start()
    if not is_fast_exit_known():
        sys.exit(code)
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        _flush()
    finally:
        os._exit(code)


def _leave_at_once(code: int) -> None:
    """Ends the process although threads or exit functions are at work; names the threads on standard error."""
    waiting = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"left after {LEAVE_SECONDS:g} s without the end of {', '.join(waiting) or 'an exit function'}\n")
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def is_fast_exit_known() -> bool:
    """Returns whether this interpreter is one of those that `leave` was tested on, and has what it needs."""
    is_tested = sys.implementation.name == "cpython" and sys.version_info[:2] in TESTED_VERSIONS
    return is_tested and hasattr(threading, "_shutdown") and hasattr(atexit, "_run_exitfuncs")
