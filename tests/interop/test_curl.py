"""curl against ``holdfast serve``: what its users do with it, and what it checks of our answers."""

from __future__ import annotations

import json
import re

import pytest

from tests.interop.programs import find, run

pytestmark = pytest.mark.interop


def curl(*arguments, **options):
    return run("curl", "-sS", "--max-time", "15", *arguments, **options)


def lines(text):
    return text.replace("\r\n", "\n").splitlines()


# --- connections


def test_the_second_request_goes_over_the_first_connection(plain):
    said = curl("-w", "\n%{num_connects}\n", f"{plain.url}/peer", f"{plain.url}/peer")
    first, one, second, none = lines(said)
    assert (one, none) == ("1", "0")
    assert first == second


def test_head_has_the_length_and_no_body_and_keeps_the_connection(plain):
    said = curl(
        "-I",
        f"{plain.url}/hello",
        "-w",
        "connects %{num_connects} body %{size_download}\n",
        plain.url + "/hello",
    )
    assert said.count("HTTP/1.1 200 OK") == 2
    assert said.lower().count("content-length: 6") == 2
    assert re.findall(r"connects (\d) body (\d)", said) == [("1", "0"), ("0", "0")]


def test_connection_close_is_answered_with_it(plain):
    said = curl("-i", "-H", "Connection: close", f"{plain.url}/hello")
    assert "Connection: close" in lines(said)


def test_a_unix_socket(on_unix):
    assert curl("--unix-socket", on_unix, "http://localhost/hello") == "hello\n"


# --- HTTP/1.0


def test_http_1_0_gets_its_length_and_the_end_of_the_connection(plain):
    head, _, body = curl("--http1.0", "-i", f"{plain.url}/hello").partition("\r\n\r\n")
    assert body == "hello\n"
    assert "Content-Length: 6" in lines(head)
    assert "keep-alive" not in head.lower()


def test_http_1_0_is_never_sent_chunks(plain):
    head, _, body = curl("--http1.0", "-i", f"{plain.url}/chunks").partition("\r\n\r\n")
    assert "transfer-encoding" not in head.lower()
    assert body == "chunk 0\nchunk 1\nchunk 2\n"


# --- request bodies


def test_a_body_from_a_pipe_is_chunked_and_waits_for_100_continue(plain):
    said = curl(
        *("-i", "-T", "-", "-X", "POST", "-H", "Expect: 100-continue", "--expect100-timeout", "10"),
        f"{plain.url}/echo",
        stdin="x" * 100_000,
    )
    assert said.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert "Body-Framing: chunked" in lines(said)
    assert said.endswith("\r\n\r\n" + "x" * 100_000)


def test_a_body_that_is_refused_is_not_sent(plain):
    said = curl(
        *("-T", "-", "-X", "POST", "-H", "Expect: 100-continue", "--expect100-timeout", "10"),
        *("-w", "%{http_code} %{size_upload}", "-o", "-"),
        f"{plain.url}/refuse",
        stdin="x" * 100_000,
    )
    assert said == "too much\n413 0"


def test_a_form_with_a_file(plain, tmp_path):
    (tmp_path / "note.txt").write_text("a note")
    said = curl("-F", "name=Ada", "-F", "file=@note.txt", f"{plain.url}/form", cwd=tmp_path)
    assert json.loads(said) == {"name": "Ada", "files": {"file": "a note"}}


def test_a_redirected_post_is_sent_again(plain):
    assert curl("-L", "-d", "the body", f"{plain.url}/moved") == "the body"


# --- responses


def test_early_hints_come_before_the_answer(plain):
    interim, final, body = curl("-i", f"{plain.url}/hints").split("\r\n\r\n")
    assert lines(interim) == ["HTTP/1.1 103 Early Hints", "Link: </style.css>; rel=preload"]
    assert final.startswith("HTTP/1.1 200 OK")
    assert body == "the page\n"


def test_trailers_come_after_the_body(plain, tmp_path):
    curl("-D", "head", "-o", "body", f"{plain.url}/trailers", cwd=tmp_path)
    head, _, trailers = (tmp_path / "head").read_text().partition("\n\n")
    assert "Trailer: Sum" in lines(head)
    assert (tmp_path / "body").read_text() == "summed\n"
    assert lines(trailers) == ["Sum: 42"]


def test_chunks_on_the_wire_end_with_the_last(plain):
    assert (
        curl("--raw", f"{plain.url}/chunks")
        == "".join(f"8\r\nchunk {n}\n\r\n" for n in range(3)) + "0\r\n\r\n"
    )


# --- targets


def test_options_of_the_server_itself(plain):
    said = curl("-i", "-X", "OPTIONS", "--request-target", "*", plain.url)
    assert said.startswith("HTTP/1.1 200 OK")


def test_a_path_with_dots_is_redirected_to_the_clean_one(plain):
    said = curl("--path-as-is", "-w", "%{http_code} %{redirect_url}", "-o", "-", f"{plain.url}/target/a/../b")
    assert said.endswith(f"{plain.url}/target/b")


def test_the_target_comes_as_it_was_written(plain):
    assert curl(f"{plain.url}/target/a%2Fb%20c?d=%41&e") == "/target/a%2Fb%20c?d=%41&e"


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "sub/../../secret.txt"]
)
def test_no_path_leaves_the_folder(folder, path):
    assert "secret" not in curl("--path-as-is", "-L", f"{folder.url}/{path}")


# --- files


@pytest.mark.parametrize(
    ("asked", "status", "field", "body"),
    [
        ("2-4", 206, "bytes 2-4/10", "234"),
        ("7-", 206, "bytes 7-9/10", "789"),
        ("-2", 206, "bytes 8-9/10", "89"),
        ("10-", 416, "bytes */10", None),
    ],
)
def test_a_range(folder, asked, status, field, body):
    head, _, rest = curl("-i", "-r", asked, f"{folder.url}/digits.txt").partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status}")
    assert f"Content-Range: {field}" in lines(head)
    assert body in (None, rest)


def test_two_ranges_come_as_parts(folder):
    said = curl("-i", "-r", "0-1,8-9", f"{folder.url}/digits.txt")
    assert "multipart/byteranges" in said
    assert said.count("Content-Range:") == 2


def test_a_download_is_resumed_where_it_stopped(folder, tmp_path):
    (tmp_path / "digits.txt").write_text("0123")
    said = curl(
        "-C", "-", "-O", "-w", "%{http_code} %{size_download}", f"{folder.url}/digits.txt", cwd=tmp_path
    )
    assert said == "206 6"
    assert (tmp_path / "digits.txt").read_text() == "0123456789"


def test_what_has_not_changed_is_not_sent_again(folder, tmp_path):
    show = ("-w", "%{http_code} %{size_download}\n", "-o", "copy")
    url = f"{folder.url}/digits.txt"
    assert curl("-R", *show, url, cwd=tmp_path) == "200 10\n"
    assert curl("-z", "copy", *show, url, cwd=tmp_path) == "304 0\n"


# --- TLS


def test_tls_with_its_authority(on_tls):
    assert curl("--cacert", on_tls.ca, f"{on_tls.url}/hello") == "hello\n"


def test_tls_without_checking(on_tls):
    assert curl("-k", f"{on_tls.url}/hello") == "hello\n"


def test_tls_with_an_unknown_authority_is_the_clients_refusal_and_hurts_nobody(on_tls):
    assert "certificate" in curl(f"{on_tls.url}/hello", fails=60)
    assert curl("-k", f"{on_tls.url}/hello") == "hello\n"


def test_tls_keeps_the_connection(on_tls):
    said = curl("-k", "-w", "%{num_connects}\n", f"{on_tls.url}/hello", f"{on_tls.url}/hello")
    assert lines(said) == ["hello", "1", "hello", "0"]


def test_tls_1_2_is_spoken_and_1_1_is_not(on_tls):
    assert curl("-k", "--tlsv1.2", "--tls-max", "1.2", f"{on_tls.url}/hello") == "hello\n"
    curl("-k", "--tlsv1.1", "--tls-max", "1.1", f"{on_tls.url}/hello", fails=35)


def test_http_on_the_tls_port_is_told_so(on_tls):
    find("curl")
    said = curl("-i", f"http://127.0.0.1:{on_tls.port}/")
    assert said.startswith("HTTP/1.0 400 Bad Request")
