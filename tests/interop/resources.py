"""What the programs of these tests talk to: one resource for each thing a client can get wrong with us."""

from __future__ import annotations

from asyncio import Event

from holdfast import ServeMux, redirect

mux = ServeMux()

# The second event of /events waits until somebody asks for /release.
released = Event()


@mux.handle("GET /hello")
async def hello(w, r):
    await w.write("hello\n")


@mux.handle("GET /peer")
async def peer(w, r):
    """Which connection this is: two requests with one answer came on the same."""
    await w.write(r.remote_addr)


@mux.handle("GET /big")
async def big(w, r):
    for _ in range(int(r.query["mib"][0])):
        await w.write(MIB)


MIB = bytes(range(256)) * 4096


@mux.handle("GET /chunks")
async def chunks(w, r):
    for number in range(3):
        await w.write(f"chunk {number}\n")
        await w.flush()


@mux.handle("POST /echo")
async def echo(w, r):
    w.headers["Content-Type"] = "application/octet-stream"
    w.headers["Body-Framing"] = "chunked" if r.content_length < 0 else f"length {r.content_length}"
    await w.write(await r.body.read())


@mux.handle("POST /received")
async def received(w, r):
    """What arrived, beside the body itself."""
    size = 0
    async for piece in r.body:
        size += len(piece)
    await w.write_json(
        {
            "size": size,
            "length": r.content_length,
            "trailers": dict(r.trailers.items()),
            "peer": r.remote_addr,
        }
    )


@mux.handle("POST /refuse")
async def refuse(w, r):
    """The answer to a body that nobody reads."""
    w.write_header(413)
    await w.write("too much\n")


@mux.handle("POST /form")
async def form(w, r):
    filled = await r.form()
    files = {name: (await filled.file(name).read()).decode() for name in filled.files}
    await w.write_json({"name": filled["name"], "files": files})


@mux.handle("POST /moved")
async def moved(w, r):
    await r.body.read()
    redirect(w, r, "/echo", 307)


@mux.handle("GET /target/{rest...}")
async def target(w, r):
    await w.write(r.target)


@mux.handle("GET /hints")
async def hints(w, r):
    await w.write_informational(103, {"Link": "</style.css>; rel=preload"})
    await w.write("the page\n")


@mux.handle("GET /trailers")
async def trailers(w, r):
    w.headers["Trailer"] = "Sum"
    await w.write("summed\n")
    await w.flush()
    w.headers["Sum"] = "42"


@mux.handle("GET /events")
async def events(w, r):
    released.clear()
    w.headers["Content-Type"] = "text/event-stream"
    for number in (1, 2):
        await w.write(f"data: {number}\n\n")
        await w.flush()
        if number == 1:
            await released.wait()


@mux.handle("GET /release")
async def release(w, r):
    released.set()
    await w.write("released\n")
