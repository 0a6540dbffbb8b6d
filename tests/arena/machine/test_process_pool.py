import os
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from arena.machine.process_pool import ProcessPool

pytestmark = pytest.mark.worker


def test_results_come_in_the_order_of_the_arguments_and_the_processes_end():
    with ProcessPool(2) as pool:
        assert list(pool.map(abs, [-3, 2, -1])) == [3, 2, 1]
        [process] = set(pool.map(os.getpgid, [0]))
    assert process == os.getpgid(0)


def test_a_process_that_hangs_is_killed():
    begun = time.monotonic()
    with ProcessPool(1) as pool:
        assert next(pool.map(time.sleep, [0, 3_600])) is None
    assert time.monotonic() - begun < 600


def test_a_process_that_dies_is_told():
    with ProcessPool(1) as pool, pytest.raises(BrokenProcessPool):
        list(pool.map(os._exit, [3]))
