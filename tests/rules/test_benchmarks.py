"""The harness reads, divides and judges rightly, and takes no wrong answer for speed. It asserts no time."""

from __future__ import annotations

import os
import socket
import threading
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest

from benchmarks import micro, models, plot, report
from benchmarks.generator import Sample, parse_report, parse_wrk, run_load
from benchmarks.measure import Figure, Options, Result, median
from benchmarks.processes import BUILD, Failed, Process, cpu_of, memory_of, stat_ticks
from benchmarks.rows import ROWS, Contestant, Goal, Load, Row, StartUp
from benchmarks.servers import SERVERS, build_go, find_program
from benchmarks.workloads import BARE, CHUNKED, FRESH, HEADERS, UPLOAD, Answer, Workload

CORES = frozenset(os.sched_getaffinity(0))


def sample(per_second=1000.0, cpu_us=10.0, busy=1.0):
    return Sample(per_second, 100.0, 200.0, 300.0, cpu_us, 1.0, busy)


def row(probe=None, peers=("go",), ours="holdfast", goals=(), limit=None):
    contestants = (Contestant(ours), *map(Contestant, peers))
    return Row("x", "a row", probe or Load(BARE), contestants, goals, limit)


def result(ours, peer, goal=1.25, **more):
    made = Result(row(goals=(Goal("go", goal),), **more))
    made.figures["holdfast"] = Figure(ours.per_second, ours)
    made.figures["go"] = Figure(peer.per_second, peer)
    return made


# --- reading ---


def test_a_report_becomes_a_sample():
    line = '{"answered":900,"total":1000,"seconds":0.5,"p50":1,"p95":2,"p99":3,"processor":5000}'
    assert parse_report(line, server_seconds=0.25) == Sample(1800.0, 1, 2, 3, 250.0, 5.0, 0.5)


def test_a_report_without_answers_is_a_failure():
    with pytest.raises(Failed, match="no answer"):
        parse_report('{"answered":0,"total":0,"seconds":1}', 0.0)


WRK = """\
Running 2s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   808.98us  324.29us   9.02ms   91.14%
    Req/Sec    78.80k     4.91k   85.20k    80.95%
  Latency Distribution
     50%  780.00us
     75%    0.90ms
     90%    1.05ms
     99%    1.80ms
  164649 requests in 2.10s, 20.10MB read
Requests/sec:  78404.29
Transfer/sec:      9.57MB
"""


def test_wrk_is_read():
    got = parse_wrk(WRK, server_seconds=2.0)
    assert (got.per_second, got.p50_us, got.p99_us) == (78404.29, 780.0, 1800.0)
    assert got.cpu_us == pytest.approx(2e6 / 164649)


@pytest.mark.parametrize(
    "trouble",
    ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"],
    ids=["status", "socket"],
)
def test_trouble_in_wrk_is_a_failure(trouble):
    with pytest.raises(Failed, match="wrk"):
        parse_wrk(WRK.replace("Requests/sec", trouble + "Requests/sec"), 2.0)


def test_processor_time_is_read_behind_a_name_with_brackets():
    assert stat_ticks("17 (a) b (c) S 1 17 17 0 -1 4194560 9 8 7 6 100 20 3 4 20 0 1 0 5") == 127


def test_our_own_clocks_and_memory_are_read():
    assert cpu_of(os.getpid()) > 0
    assert memory_of(os.getpid()) > 1_000_000


# --- dividing and judging ---


def test_the_median_is_taken_figure_by_figure():
    middle = median([sample(1, 30), sample(2, 10), sample(9, 20)])
    assert (middle.per_second, middle.cpu_us) == (2, 20)


@pytest.mark.parametrize(("ours", "met"), [(1250, True), (1249, False)])
def test_ours_is_divided_by_the_peer(ours, met):
    got = result(sample(ours), sample(1000))
    assert got.ratio("go") == ours / 1000
    assert got.met("go") is met


def test_processor_time_judges_when_a_core_was_not_full():
    got = result(sample(1000, cpu_us=10, busy=0.5), sample(1000, cpu_us=20))
    assert got.by_cpu("go")
    assert got.ratio("go") == 2.0
    assert got.met("go") is True


def test_less_is_better_for_times():
    start = Row("x", "", StartUp(), (Contestant("holdfast"), Contestant("go")), (Goal("go", 0.6),), 50.0)
    got = Result(start, {"holdfast": Figure(60.0), "go": Figure(100.0)})
    assert (got.ratio("go"), got.met("go"), got.within_limit()) == (0.6, True, False)


def test_two_workers_are_compared_by_rate():
    two, one = Contestant("holdfast", workers=2), Contestant("holdfast")
    got = Result(Row("x", "", Load(BARE), (two, one), (Goal("holdfast", 1.8),)))
    got.figures[two.label] = Figure(1900.0, sample(1900.0, busy=1.7))
    got.figures[one.label] = Figure(1000.0, sample(1000.0, busy=0.8))
    assert got.ratio("holdfast") == 1.9


def test_without_a_figure_there_is_no_ratio_and_no_verdict():
    got = Result(row(goals=(Goal("go", 1.0),)), {"go": Figure(1.0)})
    assert got.ratio("go") is got.met("go") is got.cpu_ratio("go") is got.within_limit() is None


def test_rows_name_servers_and_peers_that_exist():
    for each in ROWS:
        labels = [contestant.label for contestant in each.contestants]
        assert {contestant.server for contestant in each.contestants} <= set(SERVERS)
        assert each.contestants[0].ours
        assert {goal.peer for goal in each.goals} <= set(labels[1:])
    assert len({each.name for each in ROWS}) == len(ROWS)


# --- showing ---


def test_the_terminal_shows_figure_ratio_goal_and_what_is_missing():
    got = result(sample(2000, 5), sample(1000, 10))
    got.skipped["nginx"] = "no `nginx` on PATH"
    got.row = row(peers=("go", "nginx"), goals=(Goal("go", 1.25),))
    shown = report.text(got)
    assert "2,000" in shown
    assert ">= 1.25 met" in shown
    assert "skipped: no `nginx` on PATH" in shown


def test_json_has_every_figure():
    made = report.as_json([result(sample(2000), sample(1000))], Options())
    assert made["rows"][0]["figures"]["go"]["ratio"] == 2.0
    assert made["rows"][0]["figures"]["holdfast"]["per_second"] == 2000


def test_recording_replaces_what_stands_between_the_marks_and_nothing_else(tmp_path):
    page = tmp_path / "numbers.md"
    page.write_text("before\n<!-- x: begin -->\nstale\n<!-- x: end -->\nafter\n")
    table = report.markdown([result(sample(2000), sample(1000))], Options())
    for _ in range(2):
        report.record(page, "x", table)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count(table) == 1
    assert "stale" not in text
    assert {line.count("|") for line in table.splitlines() if line.startswith("|")} == {11}


def test_recording_needs_its_marks(tmp_path):
    page = tmp_path / "numbers.md"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="x: begin"):
        report.record(page, "x", "table")


def test_the_chart_is_xml_with_a_bar_for_each_ratio():
    results = [result(sample(2000), sample(1000)), result(sample(500), sample(1000))]
    image = ElementTree.fromstring(plot.draw("a < b", plot.ratio_panels(results)))
    bars = image.findall(".//{*}rect")
    assert [bar.get("class") for bar in bars] == ["good", "short"]
    assert float(bars[0].get("width")) == pytest.approx(4 * float(bars[1].get("width")))


def test_the_models_are_tabled_and_drawn():
    outcomes = [models.Outcome(name, 4000.0, 1.0, 2.0, 3.0, 4.0, 50_000.0) for name in models.MODELS]
    assert [line.count("|") for line in models.table(outcomes).splitlines()] == [8] * 4
    assert len(ElementTree.fromstring(models.chart(outcomes)).findall(".//{*}rect")) == 6


@pytest.mark.parametrize("case", micro.CASES, ids=lambda case: case.name)
def test_every_micro_case_runs(case):
    assert micro.nanoseconds(case, seconds=1e-6, repeat=1) > 0


# --- the load generator ---


def head(length=13, *, status="200 OK", kind="text/plain", date="TODAY", more=""):
    framing = f"Content-Length: {length}\r\n" if length is not None else ""
    return f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: {kind}\r\n{framing}{more}\r\n".encode()


BODY = b"Hello, World!"
CHUNKS = (b"64\r\n" + b"0123456789" * 10 + b"\r\n") * 20 + b"0\r\n\r\n"
TE = "Transfer-Encoding: chunked\r\n"
CLOSE = "Connection: close\r\n"

needs_go = pytest.mark.skipif(find_program("go") is None, reason="no `go` to build the load generator with")


@contextmanager
def canned(answer, *, pieces=1, close=False):
    """A server that gives ``answer`` to each request, in pieces; yields its port and the requests' heads."""
    heads = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer, pieces, close, heads))
        thread.start()
        try:
            yield listener.getsockname()[1], heads
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener, answer, pieces, close, heads):
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while _answer(link, answer, pieces, heads) and not close:
                pass


def _answer(link, answer, pieces, heads):
    """Read one request and answer it; False when the peer has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = link.recv(65536)
        except ConnectionResetError:
            return False
        if not piece:
            return False
        data += piece
    top, _, body = data.partition(b"\r\n\r\n")
    heads.append(top)
    left = next((int(line[15:]) for line in top.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
    left -= len(body)
    while left > 0:
        left -= len(link.recv(65536))
    answer = answer.replace(b"TODAY", formatdate(usegmt=True).encode())
    size = max(1, -(-len(answer) // pieces))
    try:
        for at in range(0, len(answer), size):
            link.sendall(answer[at : at + size])
    except OSError:  # it found a mistake in the first pieces, and left
        return False
    return True


def load(port, workload, **how):
    job = workload.job(port, 0.05, **{"connections": 1, **how})
    return run_load(job, os.getpid(), CORES)


ECHO = Workload(method="POST", path="/upload", body=b"x" * 200_000, answer=Answer(b"200000"))


@needs_go
@pytest.mark.interop
@pytest.mark.parametrize(
    ("workload", "answer", "pieces"),
    [
        pytest.param(BARE, head() + BODY, 1, id="whole"),
        pytest.param(HEADERS, head() + BODY, 200, id="byte-by-byte"),
        pytest.param(CHUNKED, head(None, more=TE) + CHUNKS, 1, id="chunks"),
        pytest.param(CHUNKED, head(None, more=TE) + CHUNKS, 700, id="chunks-in-bits"),
        pytest.param(FRESH, head(more=CLOSE) + BODY, 1, id="new-connections"),
        pytest.param(ECHO, head(6) + b"200000", 1, id="upload"),
    ],
)
def test_right_answers_are_counted(workload, answer, pieces):
    with canned(answer, pieces=pieces, close=workload.fresh) as (port, _):
        assert load(port, workload).per_second > 0


@needs_go
@pytest.mark.interop
@pytest.mark.parametrize(
    ("workload", "answer", "complaint"),
    [
        pytest.param(BARE, head(status="500 Oh") + BODY, "status line", id="status"),
        pytest.param(BARE, head() + b"Hello, world!", "wrong body at byte 0", id="body"),
        pytest.param(BARE, head(12) + BODY[:12], "wrong Content-Length", id="length"),
        pytest.param(BARE, head() + BODY + b"!", "bytes after the answer", id="too-much"),
        pytest.param(BARE, head(kind="text/html") + BODY, "wrong Content-Type", id="type"),
        pytest.param(BARE, head(date="Thu, 01 Jan 1970 00:00:00 GMT") + BODY, "Date", id="stale-date"),
        pytest.param(BARE, head(more=CLOSE) + BODY, "wrong Connection", id="closing"),
        pytest.param(FRESH, head() + BODY, "wrong Connection", id="not-closing"),
        pytest.param(CHUNKED, head(2000) + b"0123456789" * 200, "not chunked", id="not-chunked"),
        pytest.param(CHUNKED, head(None, more=TE) + CHUNKS[106:], "19 chunks", id="chunk-missing"),
        pytest.param(CHUNKED, head(None, more=TE) + b"xyz\r\n", "chunk size", id="chunk-size"),
        pytest.param(
            CHUNKED, head(None, more=TE) + CHUNKS[:104] + b"...\r\n", "end of a chunk", id="chunk-end"
        ),
    ],
)
def test_a_wrong_answer_ends_the_run(workload, answer, complaint):
    with canned(answer, close=workload.fresh) as (port, _), pytest.raises(Failed, match=complaint):
        load(port, workload)


@needs_go
@pytest.mark.interop
def test_a_connection_that_the_server_closes_ends_the_run():
    with canned(head() + BODY, close=True) as (port, _), pytest.raises(Failed, match="closed a connection"):
        load(port, BARE)


@needs_go
@pytest.mark.interop
def test_no_two_requests_have_the_same_path():
    with canned(head() + BODY) as (port, heads):
        load(port, HEADERS)
    paths = [top.split(b" ")[1] for top in heads]
    assert len(paths) > 1
    assert len(set(paths)) == len(paths)


@needs_go
@pytest.mark.interop
def test_a_rate_is_kept():
    with canned(head() + BODY) as (port, heads):
        load(port, BARE, rate=200)
    assert 5 <= len(heads) <= 11  # 0.05 s at 200/s


@needs_go
@pytest.mark.interop
def test_the_go_peer_gives_the_right_answers():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(build_go("peers")), "-address", f"127.0.0.1:{port}"]
    with Process(command, cores=CORES, log=BUILD / "logs/test.log"):
        _until(lambda: _open(port), "the peer does not listen")
        for workload in (BARE, HEADERS, CHUNKED, UPLOAD, FRESH):
            assert load(port, workload, connections=2).per_second > 0


def _until(true, otherwise):
    for _ in range(2000):
        if true():
            return
        threading.Event().wait(0.005)
    raise AssertionError(otherwise)


def _open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_no_process_outlives_its_block(tmp_path):
    command = ["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait"]
    with Process(command, cores=CORES, log=tmp_path / "log", talk=True) as process:
        child = int(process.talk()[1].readline())
        assert process.alive
        process.popen.kill()
    assert not process.alive
    _until(lambda: _gone(child), "the child lives on")


def _gone(pid):
    """Whether a process has ended, or only waits to be buried by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
