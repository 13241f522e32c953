"""BasicAuth."""

from __future__ import annotations

from base64 import b64encode

import pytest

from holdfast.server.basicauth import BasicAuth, basic_credentials
from holdfast.testing import recorder, request


def basic(text, scheme="Basic"):
    return {"Authorization": f"{scheme} {b64encode(text.encode()).decode()}"}


async def hello(w, r):
    await w.write(f"hello {r.context['user']}")


async def answer(handler, headers):
    w, r = recorder(headers=headers)
    await handler.serve_http(w, r)
    return await w.result()


USERS = {"Aladdin": "open sesame", "jörg": "passwört", "": "empty"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (basic("Aladdin:open sesame"), 200),
        (basic("Aladdin:open sesame", "bAsIc"), 200),
        (basic("jörg:passwört"), 200),
        (basic(":empty"), 200),
        (basic("Aladdin:open sesam"), 401),
        (basic("Aladdin:"), 401),
        (basic("aladdin:open sesame"), 401),
        (basic("nobody:open sesame"), 401),
        (basic("nobody:"), 401),
        (basic("Aladdin"), 401),
        (basic("Aladdin:open sesame", "Digest"), 401),
        ({"Authorization": "Basic Æ"}, 401),
        ({"Authorization": "Basic QWxh*"}, 401),
        ({"Authorization": "Basic /w=="}, 401),
        ({"Authorization": "Basic"}, 401),
        ([*basic("Aladdin:open sesame").items(), *basic("x:y").items()], 401),
        ({}, 401),
    ],
)
async def test_who_may_pass(headers, status):
    response = await answer(BasicAuth(hello, USERS, realm='a "realm"'), headers)
    assert response.status == status
    challenge = response.header("WWW-Authenticate")
    assert challenge == (None if status == 200 else r'Basic realm="a \"realm\"", charset="UTF-8"')


async def test_the_name_is_told_to_the_handler():
    response = await answer(BasicAuth(hello, USERS), basic("Aladdin:open sesame"))
    assert response.body == b"hello Aladdin"


@pytest.mark.parametrize("is_async", [False, True], ids=["function", "coroutine function"])
async def test_a_function_can_decide(is_async):
    def check(name, password):
        return name == password[::-1]

    async def check_later(name, password):
        return check(name, password)

    handler = BasicAuth(hello, check_later if is_async else check)
    assert (await answer(handler, basic("abc:cba"))).status == 200
    assert (await answer(handler, basic("abc:abc"))).status == 401


async def test_a_password_may_have_colons():
    assert basic_credentials(request(headers=basic("a:b:c"))) == ("a", "b:c")


def test_a_realm_cannot_end_a_header_line():
    with pytest.raises(ValueError, match="realm"):
        BasicAuth(hello, USERS, realm="a\r\nb")
