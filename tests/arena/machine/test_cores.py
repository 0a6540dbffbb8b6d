import os

import pytest

from arena.machine.cores import available_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform binds no process to cores")
def test_available_cores_follow_the_process():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert available_cores() == len(before)
