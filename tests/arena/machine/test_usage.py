import time

from arena.machine.usage import UsageSampler


def test_usage_sees_work_and_memory():
    sampler = UsageSampler()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    busy = sampler.sample()
    time.sleep(0.2)
    idle = sampler.sample()
    assert busy.cpu_percent > idle.cpu_percent
    assert busy.rss_bytes > 2**20
