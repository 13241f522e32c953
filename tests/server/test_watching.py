"""A server's snapshot over HTTP."""

import json

from holdfast import ServeMux
from holdfast.handlers import snapshot_page
from holdfast.net.tasks import Event
from holdfast.testing import serving
from tests.whole.modes import every_mode


@every_mode
async def test_a_server_tells_over_http_what_each_connection_is_doing(mode):
    gate, mux = Event(), ServeMux()
    mux.handle("GET /-/connections", snapshot_page)

    @mux.handle("GET /slow")
    async def waits_here(w, r):
        await gate.wait()

    async with serving(mux, mode) as (client, _):
        slow = await client.connect()
        await slow.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await slow.arrived()
        response = await client.get("/-/connections")
        told = json.loads(response.body)
        gate.set()
        await slow.read_response()
    assert response.header("Content-Type") == "application/json"
    assert response.header("Cache-Control") == "no-store"
    assert told["stats"]["connections_open"] == 2
    requests = {info["request"]: info for info in told["connections"]}
    assert requests.keys() == {"GET /slow", "GET /-/connections"}
    assert requests["GET /slow"]["state"] == "exchange"
    assert any("waits_here" in line for line in requests["GET /slow"]["stack"])
