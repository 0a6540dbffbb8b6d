"""The end of a worker process: fast, and nothing is lost."""

import subprocess
import sys

import pytest

LEAVE = r"""
import atexit, concurrent.futures, ctypes, sys, threading, time
from arena.worker import exit
if "unknown" in sys.argv:
    exit.TESTED_VERSIONS = ()
    assert not exit.is_fast_exit_known()
else:
    assert exit.is_fast_exit_known()
atexit.register(lambda: print("at exit"))
pool = concurrent.futures.ThreadPoolExecutor()
pool.submit(lambda: (time.sleep(0.1), sys.stdout.write("by a pool\n")))
ctypes.CDLL(None).printf(b"by C ")
print("by Python")
threading.Thread(target=lambda: (time.sleep(0.2), sys.stdout.write("by a thread\n"))).start()
exit.leave(3)
"""


@pytest.mark.worker
@pytest.mark.parametrize("interpreter", ["tested", "unknown"])
def test_threads_pools_exit_functions_and_output_end_as_they_should(interpreter: str) -> None:
    command = [sys.executable, "-c", LEAVE, interpreter]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    printed = {line for line in done.stdout.replace("by C ", "by C\n").split("\n") if line}
    assert printed == {"by C", "by Python", "by a pool", "by a thread", "at exit"}
    assert done.stderr == ""


ENDLESS = r"""
import atexit, sys, threading, time
from arena.worker import exit
exit.LEAVE_SECONDS = 0.1
print("written")
if "thread" in sys.argv:
    threading.Thread(target=time.sleep, args=(3600,), name="endless").start()
else:
    atexit.register(time.sleep, 3600)
exit.leave(3)
"""


@pytest.mark.worker
@pytest.mark.parametrize(("kind", "name"), [("thread", "endless"), ("exit function", "an exit function")])
def test_a_thread_or_an_exit_function_that_never_ends_is_left(kind: str, name: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDLESS, kind], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 3
    assert done.stdout == "written\n"
    assert done.stderr == f"left after 0.1 s without the end of {name}\n"
