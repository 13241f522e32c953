"""Every number that protects us, each with its reason.

A number here is a default or a fixed bound; where it can be set, the setting on
``Server`` has the same name in lower case.  Sizes are in bytes, times in seconds.
"""

from __future__ import annotations

from typing import Final

# --- the head of a message -------------------------------------------------------------------

# Request line and fields together.  Go allows 1 MiB, nginx 32 KiB, most proxies 64 KiB or less.
# 64 KiB carries every real cookie jar, and bounds what an unread head can hold on a connection.
MAX_HEADER_BYTES: Final = 64 << 10

# Field lines of one message, trailers included (Go's DefaultMaxHeaderValueCount).
MAX_HEADER_COUNT: Final = 500

# Empty lines skipped before a request that follows a POST (Go; RFC 9112 2.2 asks for one).
MAX_BLANK_LINES: Final = 2

# --- bodies ----------------------------------------------------------------------------------

# One chunk-size line with its extensions (Go's read buffer).
MAX_CHUNK_LINE: Final = 4096

# Framing bytes beyond the payload a chunked body may run up: `excess += len(line) + 2;
# excess -= 16 + 2 * size` (Go).  Tiny chunks with long extensions are an attack, not a body.
MAX_CHUNK_EXCESS: Final = 16 << 10

# The trailer section of a chunked body.
MAX_TRAILER_BYTES: Final = 4096

# What a handler may leave unread of a request body before the connection closes instead (Go).
MAX_DRAIN_BYTES: Final = 256 << 10

# Received body bytes kept for a handler that does not read; past it the socket is not read.
BODY_HIGH_WATER: Final = 64 << 10

# --- writing ---------------------------------------------------------------------------------

# A response this small gets its Content-Length by itself (Go's bufferBeforeChunkingSize).
RESPONSE_BUFFER: Final = 2048

# Unsent bytes on a connection past which `write` waits for the peer, and where it goes on.
WRITE_HIGH_WATER: Final = 64 << 10
WRITE_LOW_WATER: Final = 16 << 10

# Bytes that the kernel takes for a peer beyond what is on its way.  Left to itself it takes up to 4 MiB:
# 500 readers that stop would hold 1.5 GiB, and a slow one would seem to take nothing for minutes.
KERNEL_UNSENT: Final = 128 << 10

# Of a file, in one turn of the loop: read where it has to be read, else handed from the kernel to the
# kernel, which takes some 50 microseconds.  Two in memory are what a file on its way costs a connection.
FILE_PIECE: Final = 256 << 10

# A file this small is read and leaves with its head, in one write; past it `sendfile` costs less.
FILE_IN_ONE_WRITE: Final = 64 << 10

# Writes of one response in a row that never had to wait, before the other connections get a turn.
WRITES_PER_TURN: Final = 8

# Pieces of a response that are joined to be one write; more than this is not copied for it.
JOINED_WRITE: Final = 64 << 10

# Of a handler's traceback in the log (Go).
MAX_TRACEBACK: Final = 64 << 10

# --- pipelining ------------------------------------------------------------------------------

# Requests of one connection that may run side by side in `pipeline="concurrent"`.
MAX_PIPELINED: Final = 16

# Received bytes kept behind the current request before the socket is not read any more.
MAX_READ_AHEAD: Final = 64 << 10

# --- clocks ----------------------------------------------------------------------------------

TLS_HANDSHAKE_TIMEOUT: Final = 10.0  # as Go's client; a handshake is three round trips
READ_HEADER_TIMEOUT: Final = 10.0  # first byte of a head to its last
BODY_READ_TIMEOUT: Final = 30.0  # gap between two pieces of a body
WRITE_STALL_TIMEOUT: Final = 60.0  # the peer takes nothing of what we send
IDLE_TIMEOUT: Final = 75.0  # longer than the 60 s of common load balancers: they close first
LINGER_TIMEOUT: Final = 0.5  # half-closed, waiting for the peer to read our last answer (Go)
SHUTDOWN_TIMEOUT: Final = 30.0  # what orchestrators commonly grant
LAST_CALL: Final = 5.0  # before the end of a shutdown's grace, or a fifth of it: handlers are told to stop
# At the command's shutdown a connection that was used so lately is not closed at once: it is likely to
# carry a request again, which a FIN would cross on its way.  Its next answer says close.
IDLE_GRACE: Final = 1.0
NEW_GRACE: Final = 5.0  # at shutdown, a connection that never spoke is given this (Go)

# Least bytes per second of a request body that is being waited for, after the grace: the floor
# that per-read timeouts lack.  One byte a second costs no honest client anything.
MIN_BODY_RATE: Final = 1.0
MIN_BODY_RATE_GRACE: Final = 30.0

# --- TLS -------------------------------------------------------------------------------------

# Bytes of a ClientHello looked at for the name asked for.  Real ones have 0.3 to 2 KiB; OpenSSL would
# take 128 KiB.
MAX_CLIENT_HELLO: Final = 16 << 10

# --- accepting -------------------------------------------------------------------------------

BACKLOG: Final = 2048  # uvicorn's; the kernel lowers it to somaxconn
ACCEPT_BACKOFF_MIN: Final = 0.005  # Go's first and last delay after a temporary accept error
ACCEPT_BACKOFF_MAX: Final = 1.0
SHED_AT_ONCE: Final = 32  # idle connections closed each time descriptors run out
ACCEPT_BURST: Final = 16  # connections taken per wake-up, so that workers share and requests run
KEEPALIVE_PERIOD: Final = 15.0  # TCP keep-alive probes (Go)

# --- blocking work ---------------------------------------------------------------------------

THREADS: Final = 40  # for handlers that block, and WSGI applications (anyio's and Starlette's number)

# --- memories on the hot path ----------------------------------------------------------------

# Entries in each of the line memories; past it, it starts anew.  All of them full of the longest lines hold
# 10 MiB in a process, of which peers can fill 2, and 2 MiB in each server: 13 where 120 fields are empty.
REMEMBERED_LINES: Final = 1024
REMEMBERED_LENGTH: Final = 256  # bytes; longer lines are parsed each time
# Bytes of the last request's fields that an idle connection keeps: 2.6 KiB in objects for a browser's, 41 KiB
# for as many fields as fit in.
REMEMBERED_BLOCK: Final = 1024

# --- parsing values --------------------------------------------------------------------------

MAX_COOKIES: Final = 3000  # in one message (Go)
MAX_QUERY_PARAMS: Final = 10_000  # (Go)
MAX_RANGES: Final = 200  # in one Range header; more, and the header is ignored (Go)
MAX_FORM_BYTES: Final = 10 << 20  # urlencoded bodies (Go)
MAX_FORM_MEMORY: Final = 32 << 20  # of a multipart form; bigger files go to disk (Go)
MAX_FORM_PARTS: Final = 1000  # parts of one multipart body (Go)
MAX_PART_HEADER_BYTES: Final = 8 << 10  # of one part: a name, a file name of any length, a type
MAX_PART_HEADER_COUNT: Final = 32  # field lines of one part; browsers send two

# --- worker processes ------------------------------------------------------------------------

WORKER_YOUNG: Final = 5.0  # a worker that dies sooner after it was ready died of itself, not of a request
START_DEATHS: Final = 3  # young deaths in a row before all workers were ready once: the start has failed
RESPAWN_DELAY_MIN: Final = 0.5  # before the second worker in a row is replaced; the first is at once
RESPAWN_DELAY_MAX: Final = (
    10.0  # a crash loop costs one start in so long, and mends itself when the cause goes
)
KILL_GRACE: Final = 2.0  # beyond its own deadline a draining worker is not draining any more
