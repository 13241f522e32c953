import asyncio

from holdfast.server.admission import Admission


class FakeExchange:
    def __init__(self):
        self.status, self.body, self.ended = 0, b"", False

    def start(self, status, fields, *, length):
        self.status, self.length = status, length

    def write(self, data):
        self.body += data

    def end(self):
        self.ended = True


def test_one_more_than_the_limit_is_told_503_and_the_next_after_one_has_ended_is_let_through():
    async def main():
        release, answered = asyncio.Event(), []

        async def front(exchange):
            await release.wait()
            answered.append(exchange)

        door = Admission(front, 2)
        first, second, third, fourth = (FakeExchange() for _ in range(4))
        async with asyncio.TaskGroup() as group:
            group.create_task(door.serve_exchange(first))
            group.create_task(door.serve_exchange(second))
            await asyncio.sleep(0)
            await door.serve_exchange(third)
            release.set()
        await door.serve_exchange(fourth)
        assert answered == [first, second, fourth]
        assert (third.status, third.length, third.ended) == (503, len(third.body), True)

    asyncio.run(main())


def test_a_handler_that_fails_gives_its_place_back():
    async def main():
        async def front(exchange):
            raise RuntimeError

        door = Admission(front, 1)
        for _ in range(3):
            exchange = FakeExchange()
            try:
                await door.serve_exchange(exchange)
            except RuntimeError:
                pass
            assert exchange.status == 0

    asyncio.run(main())
