"""Forms read from bodies: values, files in memory and beyond it, parts one by one."""

from __future__ import annotations

from io import BytesIO

import pytest

from holdfast import formdata, limits
from holdfast.body import Body
from holdfast.errors import BodyClosed, LimitExceeded, RemoteProtocolError
from holdfast.formdata import Form, Multipart, read_form


class Given:
    """A body in pieces of ``step`` bytes."""

    def __init__(self, data: bytes, step: int = 10) -> None:
        self.pieces = [data[start : start + step] for start in range(0, len(data), step)]

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close_body(self) -> None: ...


class Disk:
    """A place for files that notes what is put there."""

    def __init__(self) -> None:
        self.file = BytesIO()

    async def write(self, data: bytes) -> None:
        self.file.write(data)

    async def read(self, n: int) -> bytes:
        return self.file.read(n)

    async def rewind(self) -> None:
        self.file.seek(0)


def body(*parts: tuple[str, str, bytes]) -> bytes:
    """A multipart body of (name, file name, content)."""
    lines = []
    for name, filename, content in parts:
        more = f'; filename="{filename}"' if filename else ""
        lines.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content)
    return b"\r\n".join([*lines, b"--b--\r\n"])


def parts_of(data: bytes, step: int = 10) -> Multipart:
    return Multipart(Body(Given(data, step)), b"b")


async def read(data: bytes, max_memory: int = 100):
    disks: list[Disk] = []

    def store() -> Disk:
        disks.append(Disk())
        return disks[-1]

    values, files = await read_form(parts_of(data), store, max_memory=max_memory)
    return values, files, disks


async def test_values_and_files():
    data = body(("a", "", b"1"), ("f", "x/y.txt", b"content"), ("a", "", "ä".encode()), ("", "", b"lost"))
    values, files, disks = await read(data)
    assert values == [("a", "1"), ("a", "ä")]
    assert [(file.name, file.filename, file.size) for file in files] == [("f", "y.txt", 7)]
    assert files[0].headers["content-disposition"].startswith("form-data")
    assert disks == []


async def test_a_value_that_is_not_utf8():
    values, _, _ = await read(body(("a", "", b"\xff")))
    assert values == [("a", "\ufffd")]


async def test_a_file_is_read_in_steps_again_and_by_others():
    _, files, _ = await read(body(("f", "f", b"abcdef")))
    file = files[0]
    assert [await file.read(4), await file.read(), await file.read()] == [b"abcd", b"ef", b""]
    await file.rewind()
    assert await file.read(1) == b"a"
    assert file.file.read() == b"bcdef"


@pytest.mark.parametrize(
    ("sizes", "on_disk"),
    [
        pytest.param([100], [], id="just fits"),
        pytest.param([101], [101], id="does not fit"),
        pytest.param([60, 60, 40], [60], id="what still fits stays"),
        pytest.param([60, 40, 0, 1], [1], id="an empty file always fits"),
    ],
)
async def test_files_go_to_the_disk_when_memory_is_used_up(sizes, on_disk):
    contents = [bytes([48 + i]) * size for i, size in enumerate(sizes)]
    _, files, disks = await read(body(*[("f", "f", content) for content in contents]))
    assert [len(disk.file.getvalue()) for disk in disks] == on_disk
    assert [await file.read() for file in files] == contents
    assert [file.size for file in files] == sizes


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_parts_one_by_one(step):
    data = body(("a", "", b"12345"), ("b", "f.txt", b"x" * 30), ("c", "", b"yes"))
    parts = parts_of(data, step)
    first = await anext(parts)
    assert (first.name, await first.read(2)) == ("a", b"12")
    second = await anext(parts)  # what was left of the first is dropped
    with pytest.raises(BodyClosed):
        await first.read()
    assert (second.name, second.filename) == ("b", "f.txt")
    assert b"".join([piece async for piece in second]) == b"x" * 30
    assert await second.read() == b""
    third = await anext(parts)
    assert await third.read() == b"yes"
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await anext(parts)


async def test_a_body_that_ends_early():
    parts = parts_of(body(("a", "", b"12345"))[:-9])
    part = await anext(parts)
    with pytest.raises(RemoteProtocolError, match="ended before its last delimiter"):
        await part.read()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([("a", "", b"x" * 50)], id="one value"),
        pytest.param([("a", "", b"x" * 20), ("a", "", b"x" * 20)], id="together"),
        pytest.param([("a" * 41, "", b"")], id="names count"),
    ],
)
async def test_values_are_bounded(parts, monkeypatch):
    monkeypatch.setattr(formdata, "MAX_FORM_BYTES", 40)
    with pytest.raises(LimitExceeded) as caught:
        await read(body(*parts))
    assert (caught.value.limit, caught.value.status) == ("max_form_bytes", 413)


async def test_values_up_to_the_bound(monkeypatch):
    monkeypatch.setattr(formdata, "MAX_FORM_BYTES", 40)
    values, _, _ = await read(body(("a", "", b"x" * 19), ("b", "", b"y" * 19)))
    assert [len(value) for _, value in values] == [19, 19]


async def test_too_many_parts():
    data = body(*[("a", "", b"")] * (limits.MAX_FORM_PARTS + 1))
    with pytest.raises(LimitExceeded) as caught:
        await read(data)
    assert caught.value.limit == "max_form_parts"


def test_a_form_is_a_multi_mapping():
    form = Form([("a", "1"), ("b", "2"), ("a", "3")], [("a", "4"), ("q", "5")])
    assert (form["a"], form.get("b"), form.get("z"), form.get("z", 7)) == ("1", "2", None, 7)
    assert form.values("a") == ["1", "3", "4"]
    assert form.values("z") == []
    assert list(form) == ["a", "b", "q"]
    assert form.items() == [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("q", "5")]
    assert len(form) == 5
    assert "q" in form
    assert "z" not in form
    assert form.posted == {"a": ["1", "3"], "b": ["2"]}
    assert form.file("f") is None
    with pytest.raises(KeyError):
        form["z"]


async def test_the_files_of_a_form_by_name():
    _, files, _ = await read(body(("f", "1.txt", b""), ("g", "2.txt", b""), ("f", "3.txt", b"")))
    form = Form(files=files)
    assert [file.filename for file in form.files["f"]] == ["1.txt", "3.txt"]
    assert form.file("f") is files[0]
    assert repr(form) == "<Form 0 values, 3 files>"
