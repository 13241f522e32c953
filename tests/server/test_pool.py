import asyncio
from contextvars import ContextVar

import pytest

from holdfast.net.tasks import current, spawn
from holdfast.server.pool import EachItsTask, Pool
from holdfast.testing import settle
from holdfast.testing.waiting import within

name: ContextVar[str] = ContextVar("name", default="none")


class Job:
    """Work that says when it begins, waits until it is let go, and says how it ended."""

    def __init__(self, log, label, error=None):
        self.log = log
        self.label = label
        self.error = error
        self.go = asyncio.Event()
        self.worker = None

    async def serve(self):
        self.log.append(f"{self.label} begins")
        self.worker = current()
        try:
            await self.go.wait()
            if self.error is not None:
                raise self.error
        except asyncio.CancelledError:
            self.log.append(f"{self.label} cancelled")
            raise
        self.log.append(f"{self.label} ends")

    def fault(self, error):
        self.log.append(f"{self.label} failed: {error}")


@pytest.fixture
def log():
    return []


async def test_no_more_work_is_done_at_once_than_there_are_workers_first_come_first_served(log):
    pool = Pool(2)
    jobs = [Job(log, n) for n in range(5)]
    for job in jobs:
        pool.put(job)
    await settle()
    assert log == ["0 begins", "1 begins"]
    assert repr(pool) == "<Pool of 2, 2 at work, 3 requests wait>"
    jobs[1].go.set()
    await settle()
    assert log[2:] == ["1 ends", "2 begins"]
    for job in jobs:
        job.go.set()
    await settle()
    assert [line for line in log if "begins" in line] == [f"{n} begins" for n in range(5)]
    assert repr(pool) == "<Pool of 2, 0 at work, 0 requests wait>"
    await pool.close()


async def test_workers_are_begun_when_needed_and_used_again(log):
    pool = Pool(8)
    for n in range(20):
        job = Job(log, n)
        job.go.set()
        pool.put(job)
        await settle()
    assert repr(pool) == "<Pool of 8, 0 at work, 0 requests wait>"
    assert len(asyncio.all_tasks()) == 2  # a worker and this one
    await pool.close()


async def test_what_is_dropped_while_it_waits_is_not_done(log):
    pool = Pool(1)
    first, second, third = (Job(log, n) for n in range(3))
    for job in (first, second, third):
        pool.put(job)
    await settle()
    assert pool.drop(second)
    assert not pool.drop(second)
    assert not pool.drop(first)
    first.go.set()
    third.go.set()
    await settle()
    assert log == ["0 begins", "0 ends", "2 begins", "2 ends"]
    await pool.close()


async def test_failed_work_costs_no_worker(log):
    pool = Pool(1)
    for label, error in [("a", LookupError("on purpose")), ("b", None)]:
        job = Job(log, label, error)
        job.go.set()
        pool.put(job)
    await settle()
    assert log == ["a begins", "a failed: on purpose", "b begins", "b ends"]
    await pool.close()


async def test_an_interrupt_ends_the_work_and_not_the_worker(log):
    pool = Pool(1)
    first, second = Job(log, 0), Job(log, 1)
    pool.put(first)
    pool.put(second)
    await settle()
    pool.interrupt(first.worker)
    pool.interrupt(first.worker)
    await settle()
    assert log == ["0 begins", "0 cancelled", "1 begins"]
    assert second.worker is first.worker
    assert not second.worker.cancelling()
    second.go.set()
    await settle()
    assert log[-1] == "1 ends"
    await pool.close()


async def test_an_interrupt_that_found_no_wait_does_not_hit_the_next(log):
    pool = Pool(1)

    class Hasty(Job):
        async def serve(self):
            pool.interrupt(current())  # nothing is awaited after it

    pool.put(Hasty(log, 0))
    second = Job(log, 1)
    pool.put(second)
    await settle()
    assert log == ["1 begins"]
    second.go.set()
    await settle()
    assert log == ["1 begins", "1 ends"]
    await pool.close()


async def test_closing_ends_every_worker_also_one_that_was_interrupted(log):
    pool = Pool(3)
    jobs = [Job(log, n) for n in range(4)]
    for job in jobs:
        pool.put(job)
    await settle()
    pool.interrupt(jobs[0].worker)
    await within(pool.close(), "the pool to close")
    assert sorted(log) == sorted([*(f"{n} begins" for n in range(3)), *(f"{n} cancelled" for n in range(3))])
    assert len(asyncio.all_tasks()) == 1


async def test_a_worker_can_be_cancelled_by_who_ends_the_loop(log):
    pool = Pool(1)
    job = Job(log, 0)
    pool.put(job)
    await settle()
    job.worker.cancel()
    await settle()
    assert job.worker.cancelled()


async def test_the_end_of_the_present_work_can_be_waited_for(log):
    pool = Pool(1)
    first, second = Job(log, 0), Job(log, 1)
    pool.put(first)
    pool.put(second)
    await settle()
    done = pool.until_done(first.worker)
    assert done is pool.until_done(first.worker)
    first.go.set()
    await settle()
    assert done.done()
    assert not pool.until_done(second.worker).done()
    await pool.close()


@pytest.mark.parametrize("make", [lambda: Pool(1), EachItsTask], ids=["pool", "each-its-task"])
async def test_work_sees_neither_the_context_of_who_put_it_nor_that_of_other_work(make, log):
    workers = make()

    class Naming(Job):
        async def serve(self):
            self.log.append(name.get())
            name.set("work")
            await asyncio.sleep(0)
            self.log.append(name.get())

    async def put():
        name.set("putter")
        workers.put(Naming(log, 0))

    await spawn(put())
    await settle()
    await spawn(put())
    await settle()
    assert log == ["none", "work"] * 2
    await workers.close()


async def test_each_its_task_does_all_at_once_and_is_closed(log):
    workers = EachItsTask()
    jobs = [Job(log, n) for n in range(3)]
    for job in jobs:
        workers.put(job)
    assert not workers.drop(jobs[0])
    await settle()
    assert len(log) == 3
    jobs[0].go.set()
    await settle()
    assert workers.until_done(jobs[0].worker).done()
    workers.interrupt(jobs[1].worker)
    await settle()
    assert log[3:] == ["0 ends", "1 cancelled"]
    await workers.close()
    assert log[5:] == ["2 cancelled"]


async def test_a_fault_in_a_task_is_told(log):
    workers = EachItsTask()
    job = Job(log, 0, LookupError("on purpose"))
    job.go.set()
    workers.put(job)
    await settle()
    assert log == ["0 begins", "0 failed: on purpose"]


async def test_a_worker_that_its_handler_cancels_is_replaced(log):
    class CancelsItself(Job):
        async def serve(self):
            current().cancel()
            await super().serve()

    pool = Pool(1)
    for job in (CancelsItself(log, 0), CancelsItself(log, 1), last := Job(log, 2)):
        pool.put(job)
    await settle()
    assert log == ["0 begins", "0 cancelled", "1 begins", "1 cancelled", "2 begins"]
    last.go.set()
    await settle()
    assert repr(pool) == "<Pool of 1, 0 at work, 0 requests wait>"
    await pool.close()
    pool.put(Job(log, 3))
    await settle()
    assert "3 begins" not in log
