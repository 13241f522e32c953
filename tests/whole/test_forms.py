"""Forms through a whole server: Go's TestParseFormCleanup, and what forms cost who sends too much."""

from __future__ import annotations

import os

import pytest

from holdfast import formdata
from holdfast.testing import serving, settle
from tests.whole.modes import every_mode

HEADERS = {"Content-Type": "multipart/form-data; boundary=b"}


def field(name, content, filename=""):
    more = f'; filename="{filename}"' if filename else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


BODY = field("a", b"1") + field("f", b"x" * 200_000, "x.txt") + field("g", b"y" * 100_000, "y.txt") + b"--b--"


def spools():
    """Descriptors of temporary files that have no name any more."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if "(deleted)" in target:
            found.append(target)
    return found


linux = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are listed in /proc")


@linux
@every_mode
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "raises"])
async def test_temporary_files_are_gone_when_the_exchange_is_over(mode, fails):
    files = []
    open_then = []

    async def handler(w, r):
        form = await r.form(max_memory=0)
        files.extend([form.file("f"), form.file("g")])
        open_then.append(len(spools()))
        assert await files[0].read() == b"x" * 200_000
        if fails:
            raise RuntimeError("the handler fails")
        await w.write(await files[1].read(3))

    before = len(spools())
    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers=HEADERS, body=BODY)
        assert (response.status, response.body[:3]) == (500, b"Int") if fails else (200, b"yyy")
        assert open_then == [before + 1]  # one for both
        assert len(spools()) == before
        with pytest.raises(ValueError, match="closed"):
            await files[0].read()


@every_mode
async def test_parts_are_there_before_the_body_is_whole(mode):
    async def handler(w, r):
        w.controller.enable_full_duplex()
        async for part in r.multipart():
            await w.write(f"{part.name}={len(await part.read())};")
            await w.flush()

    async with serving(handler, mode) as (client, _):
        peer = await client.connect()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {HEADERS['Content-Type']}\r\n"
        await peer.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY))
        half = BODY.index(b"y" * 100)
        await peer.send(BODY[:half])
        await settle()
        early = await peer.arrived()
        assert early.endswith(b"f=200000;\r\n")
        await peer.send(BODY[half:])
        assert b"g=100000;" in await peer.read_exactly(len("b\r\ng=100000;"))


@every_mode
async def test_a_connection_is_kept_after_a_form(mode):
    async def handler(w, r):
        form = await r.form()
        await w.write(str(len(form)))

    async with serving(handler, mode) as (client, server):
        for _ in range(2):
            response = await client.post("/?q=1", headers=HEADERS, body=[BODY, b"\r\nan epilogue"])
            assert response.body == b"2"
        assert server.stats().connections_accepted == 1


@every_mode
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(BODY[:-1], 400, id="cut"),
        pytest.param(field("a", b"x" * 300_000) + b"--b--", 413, id="too large"),
        pytest.param(field("a", b"") * 1001 + b"--b--", 413, id="too many parts"),
        pytest.param(b"--b\r\n" + b"A:\r\n" * 100 + b"\r\n\r\n--b--", 400, id="too many fields"),
    ],
)
async def test_what_is_refused_is_answered_for(mode, body, status, monkeypatch):
    monkeypatch.setattr(formdata, "MAX_FORM_BYTES", 200_000)

    async def handler(w, r):
        await r.form()

    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers=HEADERS, body=body)
        assert (response.status, response.header("Connection")) == (status, "close")


@every_mode
async def test_a_plain_function_reads_forms(mode):
    def handler(w, r):
        if r.path == "/parts":
            for part in r.multipart():
                w.write(f"{part.name} {part.filename} {len(b''.join(part))};")
        else:
            form = r.form(max_memory=150_000)
            w.write(f"{form['a']} {form.file('f').file.read(1)!r} {form.file('g').file.read(1)!r}")

    async with serving(handler, mode) as (client, _):
        response = await client.post("/", headers=HEADERS, body=BODY)
        assert response.body == b"1 b'x' b'y'"
        response = await client.post("/parts", headers=HEADERS, body=BODY)
        assert response.body == b"a  1;f x.txt 200000;g y.txt 100000;"
