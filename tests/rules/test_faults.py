"""The harness counts, classifies and judges rightly. It starts no server under test and asserts no time."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import xml.etree.ElementTree as ElementTree

import pytest

from faults import __main__ as command
from faults import apps, plot, report
from faults.client import Connection, Outcome, Reply, request, whole
from faults.load import Load, percentile
from faults.process import command_of
from faults.runs import RUNS
from faults.runs.proxies import HAPROXY, NGINX
from faults.runs.soak import slope
from faults.stage import Check, Result, Run, Skipped, Stage, Verdict

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def peer(*script):
    """Ask a peer that plays ``script`` for each connection: bytes to send, then "fin", "reset" or "hang"."""

    async def go():
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            for step in script:
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                elif step == "reset":
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                elif step == "hang":
                    await reader.read()
            writer.close()
            served.set()

        served = asyncio.Event()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            connection = await Connection.open(server.sockets[0].getsockname()[1])
            try:
                return await connection.ask(request("/"), b"ok", timeout=0.2 if "hang" in script else 5)
            finally:
                connection.close()
                await served.wait()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ((ANSWER, "fin"), Outcome.ANSWERED),
        ((ANSWER.replace(b"200", b"503"), "fin"), Outcome.WRONG),
        ((ANSWER.replace(b"ok", b"no"), "fin"), Outcome.WRONG),
        ((ANSWER[:-1], "fin"), Outcome.BEGAN),
        ((b"HTTP", "fin"), Outcome.BEGAN),
        (("reset",), Outcome.RESET),
        (("fin",), Outcome.CROSSED),
        (("hang",), Outcome.SILENT),
    ],
    ids=lambda value: value.value if isinstance(value, Outcome) else "",
)
def test_an_outcome_is_what_the_socket_said(script, outcome):
    assert peer(*script).outcome is outcome


def test_a_kept_connection_that_has_ended_is_seen_before_it_is_used():
    async def go():
        async def serve(reader, writer):
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            connection = await Connection.open(server.sockets[0].getsockname()[1])
            try:
                return await connection.wait_over(5), connection.look()
            finally:
                connection.close()

    assert asyncio.run(go()) == (Outcome.CROSSED, Outcome.CROSSED)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (ANSWER, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", b"abcd"),
        (ANSWER[:-1], None),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
    ],
    ids=["counted", "chunked", "short", "half a head"],
)
def test_an_answer_is_read_when_it_is_whole(data, body):
    got = whole(data)
    assert (got.body if got else None) == body


def test_an_answer_says_whether_the_connection_goes_on():
    assert not whole(ANSWER).closing
    assert whole(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).closing


def test_a_load_counts_and_knows_whose_handler_had_started():
    async def go():
        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            id = head.split(b"id=")[1].split(b" ")[0]
            ids.append(id.decode())
            if len(ids) <= 3:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(id), id))
            if len(ids) == 5:
                load.stopping.set()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            load.port = server.sockets[0].getsockname()[1]
            await load.run(1, kept=False)

    ids, load = [], Load(0)
    asyncio.run(go())
    assert load.counts == {Outcome.ANSWERED: 3, Outcome.CROSSED: 2}
    assert [lost.id for lost in load.lost] == ids[3:]
    assert load.of(Outcome.CROSSED) == 2
    begun = frozenset(ids[:4])
    assert (load.of(Outcome.CROSSED, begun=begun), load.of(Outcome.BEGAN, begun=begun)) == (1, 1)


def test_where_nobody_listens_a_client_is_refused_and_ends():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        load = Load(unused.getsockname()[1])
        asyncio.run(load.run(3, kept=True, until_refused=True))
    assert load.counts == {Outcome.REFUSED: 3}
    assert load.sent == 0


# --- judging ---


@pytest.mark.parametrize(
    ("check", "ok", "text"),
    [
        (Check("lost", 0, most=0), True, "lost 0 (demand: ≤ 0)"),
        (Check("lost", 3, most=2), False, "lost 3 (demand: ≤ 2; MISSED)"),
        (Check("told", 1000, 1000, 1000), True, "told 1,000 (demand: = 1000)"),
        (Check("cut after s", 5.25, 5, 8), True, "cut after s 5.25 (demand: ≥ 5, ≤ 8)"),
        (Check("crossed", 7), True, "crossed 7"),
    ],
    ids=lambda value: value.what if isinstance(value, Check) else "",
)
def test_a_figure_is_held_against_its_demand(check, ok, text):
    assert (check.ok, str(check)) == (ok, text)


def played(play, limit=5.0):
    return asyncio.run(command.play(Run("x", "a demand", play, limit), "holdfast", 0.0))


async def good(stage):
    stage.check("lost", 0, most=0)


async def bad(stage):
    stage.check("answered", 1, least=1)
    stage.check("lost", 1, most=0)


async def nothing(stage):
    stage.note("shown", 1)


async def skipped(stage):
    raise Skipped("no haproxy")


async def broken(stage):
    stage.check("lost", 0, most=0)
    raise OSError("no such thing")


async def endless(stage):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("play", "verdict", "reason"),
    [
        (good, Verdict.PASS, ""),
        (bad, Verdict.FAIL, ""),
        (nothing, Verdict.FAIL, ""),
        (skipped, Verdict.SKIP, "no haproxy"),
        (broken, Verdict.FAIL, "OSError: no such thing"),
        (endless, Verdict.FAIL, "broken off after 0.05 s"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_verdict_needs_every_check(play, verdict, reason):
    result = played(play, 0.05 if play is endless else 5.0)
    assert (result.verdict, result.reason) == (verdict, reason)


@pytest.mark.parametrize(("values", "share", "got"), [([3, 1, 2], 0.5, 2), ([1, 2], 0.99, 2), ([], 0.5, 0)])
def test_a_percentile(values, share, got):
    assert percentile(values, share) == got


@pytest.mark.parametrize(
    ("points", "rise"),
    [([(0, 1), (1, 3), (2, 5)], 2), ([(0, 4), (1, 4)], 0), ([(0, 1)], 0), ([(1, 1), (1, 2)], 0)],
)
def test_a_slope(points, rise):
    assert slope(points) == pytest.approx(rise)


# --- showing ---


def test_a_result_is_shown_to_people_and_to_programs(tmp_path):
    results = [played(good), played(bad), played(skipped)]
    assert report.text(results[1]).startswith("FAIL x: a demand")
    assert "!  lost 1" in report.text(results[1])
    made = json.loads(json.dumps(report.as_json(results)))
    assert [run["verdict"] for run in made["runs"]] == ["PASS", "FAIL", "SKIP"]
    assert made["runs"][1]["checks"][1]["ok"] is False
    page = tmp_path / "faults.md"
    page.write_text("a\n<!-- faults: begin -->\nold\n<!-- faults: end -->\nb\n")
    report.record(page, results)
    assert "old" not in page.read_text()
    assert page.read_text().count("| `x` |") == 3


def test_the_soak_is_drawn():
    samples = [{"seconds": t, "mib": 20.0 + t, "tasks": 3.0, "descriptors": 0.0} for t in range(5)]
    lines = ElementTree.fromstring(plot.draw(samples)).findall(".//{*}polyline")
    assert [len(line.get("points").split()) for line in lines] == [5, 5, 5]


# --- the command ---


def test_the_list_names_every_run(capsys):
    assert command.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [run.name for run in RUNS]


def test_an_unknown_run_is_a_mistake(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--only", "race,rase"])
    assert "no such run: rase" in capsys.readouterr().err


def test_a_part_of_the_table_is_not_recorded(capsys):
    assert command.main(["--only", "race", "--record"]) == 2
    assert "--only" in capsys.readouterr().err


def test_a_peer_gets_the_flags_it_knows():
    flags = ("--workers=2", "--body-read-timeout=5", "--timeout-keep-alive=1")
    assert command_of("holdfast", "app", 1, flags)[-3:] == list(flags)
    assert command_of("uvicorn", "app", 1, flags)[-2:] == [flags[0], flags[2]]


@pytest.mark.parametrize("config", [HAPROXY, NGINX], ids=["haproxy", "nginx"])
def test_a_proxy_is_told_its_ports(config):
    text = config % {"port": 1, "a": 2, "b": 3, "folder": "/f"}
    assert all(f"127.0.0.1:{port}" in text for port in (1, 2, 3))


# --- the application ---


@pytest.mark.parametrize(
    ("path", "query", "length", "answer"),
    [("/", {"id": "7"}, None, b"7"), ("/", {}, None, b"ok"), ("/", {"id": "7", "ms": "0"}, 1000, b"7 1000")],
)
def test_an_answer_carries_its_id(path, query, length, answer):
    assert asyncio.run(apps.answer_to(path, query, length)) == answer


def test_a_process_counts_itself():
    async def go():
        return json.loads(await apps.answer_to("/counters", {}, None))

    assert asyncio.run(go())["tasks"] == 1


def test_a_stage_says_which_run_is_at_what():
    said = []
    run = Run("x", "a demand", good, 1)
    Stage(Result(run, "holdfast"), said.append, kind="holdfast", minutes=0).say("half of it")
    assert said == ["x: half of it"]


def test_a_reply_without_a_head_closes():
    assert Reply(Outcome.REFUSED).closing
