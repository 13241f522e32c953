"""A connection on a transport that keeps what it is told, for the tests of its three layers."""

from holdfast import limits
from holdfast.net.clock import FakeClock
from holdfast.net.tasks import cancel, spawn
from holdfast.server.server import Server
from holdfast.testing import settle

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


class FakeTransport:
    """Notes what is written and asked; its peer takes everything at once."""

    def __init__(self):
        self.written = b""
        self.calls = []
        self.unsent = 0

    def write(self, data):
        self.written += data

    def get_write_buffer_size(self):
        return self.unsent

    def set_write_buffer_limits(self, high, low):
        assert (high, low) == (limits.WRITE_HIGH_WATER, limits.WRITE_LOW_WATER)

    def get_extra_info(self, name, default=None):
        return {"peername": ("192.0.2.1", 50000), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def is_closing(self):
        return bool({"close", "abort"} & set(self.calls))

    def __getattr__(self, name):
        return lambda: self.calls.append(name)


class Bench:
    """A connection whose task runs ``handler``."""

    def __init__(self, handler, *, sock=None, **settings):
        self.clock = FakeClock()
        self.server = Server(handler, **settings)
        self.server.use_clock(self.clock)
        self.conn = self.server.adopt(sock)
        self.transport = FakeTransport()

    async def __aenter__(self):
        self.conn.connection_made(self.transport)
        self.conn.task = spawn(self.conn.run())
        return self

    async def __aexit__(self, *exc):
        await cancel(self.conn.task)

    @property
    def state(self):
        return self.conn.life.state.name

    async def receive(self, data):
        self.conn.data_received(data)
        await settle()


async def hello(w, r):
    await w.write(b"hello")
