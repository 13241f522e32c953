"""What peers, time and handlers may do to a server, at random: the programs of test_server.py."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

__all__ = ["BODIES", "PROGRAMS", "Act", "Asked", "Program", "Step"]

Step = tuple[Any, ...]  # of a handler: its name, and what it takes
Act = tuple[Any, ...]  # of the program: likewise


class Asked(NamedTuple):
    """A request."""

    method: str = "GET"
    version: str = "1.1"
    extra: str = ""  # field lines
    body: str = ""  # a key of BODIES
    script: tuple[Step, ...] = ()


class Program(NamedTuple):
    """All that happens in one run."""

    acts: tuple[Act, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    traced: bool = False

    @property
    def may_cut(self) -> bool:
        """Whether the server may cut a connection whose peer reads and whose handlers end."""
        scripts = [step for act in self.acts if act[0] == "ask" for step in act[2].script]
        return (
            "write_timeout" in dict(self.settings)
            or ("shut down",) in self.acts
            or ("shed",) in self.acts  # a request that crosses this close resets the connection
            or any(step[0] == "write by" for step in scripts)
        )


# What may follow a head; the second value says whether it is in order.
BODIES: dict[str, tuple[str, bytes, bool]] = {
    "": ("", b"", True),
    "small": ("Content-Length: 5\r\n", b"abcde", True),
    "large": ("Content-Length: 100000\r\n", bytes(100_000), True),
    "huge": ("Content-Length: 400000\r\n", bytes(400_000), True),
    "chunks": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", True),
    "trailers": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\nX-T: v\r\n\r\n", True),
    "large chunks": (
        "Transfer-Encoding: chunked\r\n",
        (b"4000\r\n" + bytes(0x4000) + b"\r\n") * 6 + b"0\r\n\r\n",
        True,
    ),
    "bad size": ("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\nzz\r\n", False),
    "bad end": ("Transfer-Encoding: chunked\r\n", b"3\r\nabcde\r\n0\r\n\r\n", False),
    "bad trailer": ("Transfer-Encoding: chunked\r\n", b"0\r\nContent-Length: 3\r\n\r\n", False),
    "long trailers": ("Transfer-Encoding: chunked\r\n", b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n", False),
    "both": ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n", False),
    "short": ("Content-Length: 50\r\n", b"abcde", False),
}
EXTRA = ["", "", "", "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"]
EXTRA += ["Expect: a-miracle\r\n", "Connection: Upgrade\r\nUpgrade: chat\r\n"]
GARBAGE = [
    b"\r\n",
    b"\0\x16\x03\x01",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"G",
    b"\r",
    b"GET /",
]
GARBAGE += [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", b"A" * 70_000]

# What may come in place of a TLS handshake.
KNOCKS = [
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x16\x03\x01\x00\x05abcde",
    b"SSH-2.0-x\r\n",
]

STEPS = st.one_of(
    st.tuples(
        st.sampled_from(["read", "read some", "flush", "turn", "hang", "interim", "trailer", "close body"])
    ),
    st.tuples(
        st.sampled_from(["raise", "abort", "cancelled", "cancel me", "exit", "duplex", "say close", "detach"])
    ),
    st.tuples(st.just("write"), st.sampled_from([0, 1, 1500, 3000, 200_000])),
    st.tuples(st.just("status"), st.sampled_from([101, 200, 204, 304, 404, 500])),
    st.tuples(st.just("declare"), st.sampled_from([0, 1, 1500, 4000])),
    st.tuples(st.just("pass"), st.sampled_from([0.4, 3.0, 40.0])),
    st.tuples(st.just("hijack"), st.sampled_from(["close", "abort", "talk", "leave"])),
    st.tuples(st.sampled_from(["read by", "write by"]), st.sampled_from([0.0, 1.0, None])),
)
SIMPLE = st.sampled_from(
    [
        (),
        (("write", 1500),),
        (("turn",), ("write", 1)),
        (("pass", 0.4), ("write", 3000)),
        (("write", 3000), ("flush",), ("pass", 0.4), ("write", 3000)),
        (("write", 1), ("flush",), ("raise",)),
        (("pass", 0.4), ("raise",)),
        (("declare", 4000), ("write", 1500), ("flush",)),
    ]
)
SCRIPTS = st.one_of(SIMPLE, st.lists(STEPS, max_size=5).map(tuple))
ORDERLY = st.builds(
    Asked,
    method=st.sampled_from(["GET", "HEAD"]),
    version=st.just("1.1"),
    extra=st.just(""),
    body=st.just(""),
    script=SIMPLE,
)
REQUESTS = st.builds(
    Asked,
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "POST", "OPTIONS", "CONNECT"]),
    version=st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    extra=st.sampled_from(EXTRA),
    body=st.sampled_from(sorted(BODIES) + [""] * 8),
    script=SCRIPTS,
)
# Each peer's act begins with its number.
PEERS = st.integers(0, 1)
TIMES = [0.0, 0.4, 0.6, 1.0, 2.0, 9.9, 10.1, 29.9, 31.0, 59.0, 61.0, 75.5]
ACTS = st.one_of(
    st.tuples(st.just("burst"), PEERS, st.lists(ORDERLY, min_size=2, max_size=5).map(tuple)),
    st.tuples(st.just("ask"), PEERS, REQUESTS, st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5, 0.05])),
    st.tuples(st.just("ask"), PEERS, REQUESTS, st.just(1.0)),
    st.tuples(st.sampled_from(["rest", "eof", "abort", "stop reading", "read", "cut", "rest"]), PEERS),
    st.tuples(st.just("garbage"), PEERS, st.sampled_from(GARBAGE)),
    st.tuples(st.just("pass"), st.sampled_from(TIMES)),
    st.tuples(
        st.sampled_from(
            ["settle", "settle", "release", "shed", "refuse keep-alive", "keep-alive", "shut down"]
        )
    ),
    st.tuples(st.just("turns"), st.integers(1, 6)),
    st.tuples(st.just("knock"), st.sampled_from(KNOCKS), st.sampled_from(["stay", "close", "abort"])),
)
SETTINGS = st.sampled_from(
    [
        (),
        (),
        (("read_timeout", 5.0), ("write_timeout", 7.0)),
        (("max_requests_per_connection", 2),),
        (("max_connection_age", 20.0),),
        (("max_pipelined", 2), ("pool_size", 1)),
        (("pool_size", 1),),
        (("idle_timeout", 3.0), ("body_read_timeout", None), ("min_body_rate", 1000.0)),
        (("default_headers", (("Server", "x"), ("Connection", "keep-alive"))),),
    ]
)
PROGRAMS = st.builds(
    Program, acts=st.lists(ACTS, min_size=1, max_size=14).map(tuple), settings=SETTINGS, traced=st.booleans()
)
