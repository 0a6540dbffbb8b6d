import asyncio
import contextlib

import numpy as np
import pytest

from arena.errors import ArenaError
from arena.serve.batching import Overloaded
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts


def row(*numbers: float):
    return np.array([numbers], np.float32)


async def asked(batcher, *requests):
    """Returns what becomes of requests that wait at the same time."""
    waiting = [asyncio.create_task(batcher.ask(each)) for each in requests]
    await asyncio.sleep(0)
    task = asyncio.create_task(batcher.run())
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return answers


def test_requests_that_wait_together_are_one_call(make_batcher, loaded):
    metrics = ServerCounts()
    requests = [row(index, 0, -1) for index in range(5)] + [np.ones((3, 3), np.float32)]
    answers = asyncio.run(asked(make_batcher(Limits(), metrics), *requests))
    assert loaded[0].batches == [8]
    assert [answer.actions.tolist() for answer in answers] == [[0], [0], [1], [1], [1], [1, 1, 1]]
    assert answers[4].action_scores.tolist() == [[-3.0, 3.0]]
    assert 'arena_observations_total{policy="sums/1"} 8' in metrics.text({})
    assert not loaded[0].is_alive  # closed at the end


def test_a_call_holds_no_more_observations_than_it_may(make_batcher, loaded):
    limits = Limits(batch_observations=4)
    answers = asyncio.run(asked(make_batcher(limits, ServerCounts()), np.ones((10, 3), np.float32), row(0, 0, 0)))
    assert loaded[0].batches == [4, 4, 2, 1]
    assert answers[0].actions.tolist() == [1] * 10


def test_a_request_that_breaks_the_policy_hurts_no_other(make_batcher, loaded):
    metrics = ServerCounts()
    answers = asyncio.run(asked(make_batcher(Limits(), metrics), row(1, 0, 0), row(13, 0, 0), row(-1, 0, 0)))
    assert isinstance(answers[1], ArenaError)
    assert [answers[index].actions.tolist() for index in (0, 2)] == [[1], [0]]
    assert len(loaded) == 3
    assert 'arena_restarts_total{policy="sums/1"} 2' in metrics.text({})


def test_requests_beyond_those_that_may_wait_are_told_so(make_batcher):
    async def flood():
        batcher = make_batcher(Limits(max_waiting=2), ServerCounts())
        waiting = [asyncio.create_task(batcher.ask(row(1, 0, 0))) for _ in range(2)]
        await asyncio.sleep(0)
        assert batcher.num_waiting == 2
        with pytest.raises(Overloaded):
            await batcher.ask(row(1, 0, 0))
        for task in waiting:
            task.cancel()

    asyncio.run(flood())


def test_what_waits_when_the_server_stops_is_answered(make_batcher):
    async def stop():
        batcher = make_batcher(Limits(batch_observations=1), ServerCounts())
        waiting = [asyncio.create_task(batcher.ask(row(1, 0, 0))) for _ in range(3)]
        await asyncio.sleep(0)
        task = asyncio.create_task(batcher.run())
        await asyncio.sleep(0)
        task.cancel()
        return [(await each).actions.tolist() for each in waiting]

    assert asyncio.run(stop()) == [[1]] * 3
