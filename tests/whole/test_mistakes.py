"""What a handler may not say: the error comes where the mistake is, and no peer sees a malformed message.

Requirement S10.
"""

from __future__ import annotations

import pytest

from holdfast.errors import BodyNotAllowed, LocalProtocolError
from holdfast.testing import serving
from tests.whole.modes import every_mode

# fmt: off
MISTAKES = {
    "a name that is none":        (lambda w: w.headers.__setitem__("Bad Name", "x"), ValueError),
    "a value with a line break":  (lambda w: w.headers.__setitem__("X", "a\r\nSet-Cookie: b"), ValueError),
    "a name of the wrong type":   (lambda w: w.headers.__setitem__(1, "x"), TypeError),
    "a value of the wrong type":  (lambda w: w.headers.__setitem__("X", object()), TypeError),
    "a status that is none":      (lambda w: w.write_header(99), ValueError),
    "a status that is no number": (lambda w: w.write_header("many"), ValueError),
    "a length that is none":      (lambda w: (w.headers.set("Content-Length", "many"), w.write_header(200)),
                                   LocalProtocolError),
    "two lengths":                (lambda w: (w.headers.add("Content-Length", "1"),
                                              w.headers.add("Content-Length", "2"), w.write_header(200)),
                                   LocalProtocolError),
    "a body that is no bytes":    (lambda w: w.keep(1), TypeError),
    "a body of 204":              (lambda w: (w.write_header(204), w.keep(b"x")), BodyNotAllowed),
}
# fmt: on


# The error comes at the place of the mistake, and the peer never sees a malformed message
@every_mode
@pytest.mark.parametrize("case", MISTAKES)
async def test_a_mistake_is_told_to_who_made_it_and_not_to_the_peer(mode, case, caplog):
    make, error = MISTAKES[case]
    told = []

    async def handler(w, r):
        try:
            make(w)
        except Exception as raised:
            told.append(raised)
            raise

    async with serving(handler, mode) as (client, _):
        response = await client.get()
        assert (response.status, response.body) == (500, b"Internal Server Error\n")
        assert response.header("Set-Cookie") is None
    assert [type(each) for each in told] == [error]
    assert str(told[0]) in caplog.text
