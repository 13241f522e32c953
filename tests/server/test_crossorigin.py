"""CrossOriginProtection.

nethttp.md 10.7: TestCrossOriginProtectionSecFetchSite, …TrustedOriginBypass, …PatternBypass, …SetDenyHandler,
…AddTrustedOriginErrors, …AddingBypassesConcurrently; requirements.md H3.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import PatternConflict
from holdfast.net.tasks import spawn
from holdfast.server.crossorigin import CrossOriginProtection
from holdfast.testing import recorder, request

CROSS = "cross-origin request detected from Sec-Fetch-Site header"
OLD = (
    "cross-origin request detected, and/or browser is out of date: "
    "Sec-Fetch-Site is missing, and Origin does not match Host"
)


async def ok(w, r):
    await w.write("ok")


async def asked(protection, method="POST", path="/", **headers):
    w, r = recorder(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    await protection.serve_http(w, r)
    response = await w.result()
    return response.status, response.body.decode().rstrip("\n")


# TestCrossOriginProtectionSecFetchSite
@pytest.mark.parametrize(
    ("method", "site", "origin", "refused"),
    [
        ("POST", "same-origin", "", ""),
        ("POST", "none", "", ""),
        ("POST", "cross-site", "", CROSS),
        ("POST", "same-site", "", CROSS),
        ("POST", "anything", "", CROSS),
        ("POST", "same-origin", "https://attacker.example", ""),
        ("POST", "", "", ""),
        ("POST", "", "https://example.com", ""),
        ("POST", "", "http://EXAMPLE.com", ""),
        ("POST", "", "https://attacker.example", OLD),
        ("POST", "", "https://example.com:8443", OLD),
        ("POST", "", "https://example.com.attacker.example", OLD),
        ("POST", "", "null", OLD),
        ("POST", "", "https://ex ample.com", OLD),
        ("GET", "cross-site", "", ""),
        ("HEAD", "cross-site", "", ""),
        ("OPTIONS", "cross-site", "", ""),
        ("PUT", "cross-site", "", CROSS),
        ("get", "cross-site", "", CROSS),
    ],
)
async def test_who_may_change_something(method, site, origin, refused):
    headers = {name: value for name, value in (("Sec_Fetch_Site", site), ("Origin", origin)) if value}
    status, body = await asked(CrossOriginProtection(ok), method, **headers)
    assert status == (403 if refused else 200)
    assert method == "HEAD" or body == (refused or "ok")


# H3
@pytest.mark.parametrize("spelling", ["sec-fetch-site", "SEC-FETCH-SITE", "Sec-fetch-Site", "sEC-fETCH-sITE"])
async def test_a_field_counts_in_every_spelling(spelling):
    assert CrossOriginProtection(ok).check(request("POST", headers={spelling: "cross-site"})) == CROSS


async def test_another_name_is_another_field():
    protection = CrossOriginProtection(ok)
    headers = [("Sec-Fetch-Site", "cross-site"), ("Sec_Fetch_Site", "same-origin")]
    assert protection.check(request("POST", headers=headers)) == CROSS


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "cross-site"), ("sec-fetch-site", "same-origin")],
        [("Origin", "https://example.com"), ("Origin", "https://attacker.example")],
        [("Origin", "https://trusted.example"), ("Origin", "https://attacker.example")],
    ],
)
async def test_of_a_field_that_comes_twice_every_value_has_to_allow_it(headers):
    protection = CrossOriginProtection(ok, trusted_origins=["https://trusted.example"])
    assert protection.check(request("POST", headers=headers))


# TestCrossOriginProtectionTrustedOriginBypass
@pytest.mark.parametrize("site", ["", "cross-site"])
@pytest.mark.parametrize(
    ("origin", "status"), [("https://trusted.example", 200), ("https://attacker.example", 403)]
)
async def test_a_trusted_origin_may_pass(origin, site, status):
    protection = CrossOriginProtection(ok, trusted_origins=["https://trusted.example"])
    headers = {"Origin": origin} | ({"Sec_Fetch_Site": site} if site else {})
    assert (await asked(protection, **headers))[0] == status


# TestCrossOriginProtectionPatternBypass
@pytest.mark.parametrize(
    ("path", "site", "status"),
    [
        ("/bypass/", "", 200),
        ("/bypass/", "cross-site", 200),
        ("/api/", "", 403),
        ("/api/", "cross-site", 403),
        ("/foo/../bypass/bar", "", 403),
        ("/bypass", "", 403),
        ("/foo/../api/bar", "", 403),
        ("/api", "", 403),
        ("/only/123", "", 200),
        ("/only/123/foo", "", 403),
        ("/no-trailing", "", 200),
        ("/no-trailing/", "", 403),
        ("/yes-trailing/", "", 200),
        ("/yes-trailing", "", 403),
        ("/post-only/", "", 200),
        ("/put-only/", "", 403),
        ("/get-only/", "", 403),
    ],
)
async def test_a_pattern_lets_pass_what_it_matches_and_no_redirect_to_it(path, site, status):
    patterns = (
        "/bypass/|/only/{foo}|/no-trailing|/yes-trailing/|PUT /put-only/|GET /get-only/|POST /post-only/"
    )
    protection = CrossOriginProtection(ok, insecure_bypass_patterns=patterns.split("|"))
    headers = {"Origin": "https://attacker.example"} | ({"Sec_Fetch_Site": site} if site else {})
    assert (await asked(protection, path=path, **headers))[0] == status


def test_patterns_that_conflict_are_refused():
    with pytest.raises(PatternConflict):
        CrossOriginProtection(ok, insecure_bypass_patterns=["/a/{x}", "/{x}/b"])


# TestCrossOriginProtectionSetDenyHandler
async def test_the_denial_can_be_chosen():
    async def deny(w, r):
        w.write_header(418)
        await w.write("custom error")

    protection = CrossOriginProtection(ok, deny_handler=deny)
    assert await asked(protection, Sec_Fetch_Site="cross-site") == (418, "custom error")
    assert await asked(protection, "GET") == (200, "ok")
    protection.set_deny_handler(None)
    assert await asked(protection, Sec_Fetch_Site="cross-site") == (403, CROSS)


# TestCrossOriginProtectionAddTrustedOriginErrors
@pytest.mark.parametrize("origin", ["https://example.com", "https://example.com:8080", "http://example.com"])
def test_origins_that_can_be_trusted(origin):
    CrossOriginProtection(ok).add_trusted_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "example.com",
        "https://",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?query=value",
        "https://example.com#fragment",
        "https://user@example.com",
        "https://ex ample.com",
        "",
        "null",
    ],
)
def test_what_is_no_origin_cannot_be_trusted(origin):
    with pytest.raises(ValueError, match="invalid origin"):
        CrossOriginProtection(ok).add_trusted_origin(origin)


# TestCrossOriginProtectionAddingBypassesConcurrently
async def test_what_may_pass_can_change_while_it_serves():
    entered, changed = asyncio.Event(), asyncio.Event()

    async def slow(w, r):
        entered.set()
        await changed.wait()
        await w.write("ok")

    protection = CrossOriginProtection(slow)
    first = spawn(asked(protection, Sec_Fetch_Site="same-origin"))
    await entered.wait()
    origin = {"Origin": "https://concurrent.example", "Sec_Fetch_Site": "cross-site"}
    assert (await asked(protection, **origin))[0] == 403
    protection.add_trusted_origin("https://concurrent.example")
    protection.add_insecure_bypass_pattern("/foo/")
    changed.set()
    assert (await asked(protection, **origin))[0] == 200
    assert (await asked(protection, path="/foo/", Sec_Fetch_Site="cross-site"))[0] == 200
    assert (await first)[0] == 200


async def test_one_protection_serves_several_handlers():
    protection = CrossOriginProtection()
    w, r = recorder("POST", headers={"Sec-Fetch-Site": "none"})
    await protection.handler(ok)(w, r)
    assert (await w.result()).body == b"ok"
    assert (await asked(protection, "GET", "/nothing"))[0] == 404  # the default mux
