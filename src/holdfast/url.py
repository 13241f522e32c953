"""URLs and request targets: parse, normalise, join, write; paths and queries, escaped and not.

A URL is kept as it is on the wire: ``raw_path`` and ``raw_query`` stay escaped, and ``path`` is decoded
when asked for.  Wire text is str in which each character is one byte (latin-1); ``parse`` turns what
people write (any character) into it.

Rule 1: None is "not there", "" is "there and empty": ``/a`` and ``/a?`` differ (RFC 3986 5.3).
Rule 2: a request target is never repaired.  What a person typed is: a space becomes ``%20``.
Rule 3: escapes are decoded once, after splitting: ``%2F`` is never a separator.

RFC 3986; RFC 9112 section 3.2; the table of Go's readings in RequestURI and ServeMux.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes

from holdfast import limits
from holdfast.errors import InvalidURL, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "URL",
    "clean_path",
    "encode_query",
    "escape_path",
    "escape_wire",
    "join",
    "normalise",
    "parse",
    "parse_query",
    "parse_target",
    "read_query",
    "unescape",
    "valid_host",
]


class URL(NamedTuple):
    """A URL in its parts, or a reference to one.  Immutable; ``str`` writes it.

    Attributes:
        scheme: in lower case, "" in a relative reference.
        userinfo: what stands before ``@``, escaped; None without ``@``.
        host: without brackets and port; None without an authority, "" in ``http:///p``.
        port: None when not given.
        raw_path: escaped, as it came; ``*`` in the asterisk form.
        raw_query: what follows ``?``, escaped; None without ``?``.
        fragment: what follows ``#``, escaped; None without ``#``, and always in a request target.
        opaque: the rest of a URL such as ``mailto:x@y``, which has no path; "" otherwise.
    """

    scheme: str = ""
    userinfo: str | None = None
    host: str | None = None
    port: int | None = None
    raw_path: str = ""
    raw_query: str | None = None
    fragment: str | None = None
    opaque: str = ""

    @property
    def path(self) -> str:
        """The path decoded as UTF-8; a byte that is not becomes a surrogate (PEP 383), and none is lost."""
        return unescape(self.raw_path)

    @property
    def authority(self) -> str:
        """Host and port as the Host field writes them: ``a.b:443``, ``[::1]``; "" without a host."""
        host = self.host or ""
        if ":" in host:
            host = f"[{host}]"
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        # RFC 3986 5.3.
        text = f"{self.scheme}:" if self.scheme else ""
        if self.host is not None:
            userinfo = "" if self.userinfo is None else f"{self.userinfo}@"
            text += f"//{userinfo}{self.authority}"
        text += self.opaque or _unmistakable(self)
        if self.raw_query is not None:
            text += f"?{self.raw_query}"
        if self.fragment is not None:
            text += f"#{self.fragment}"
        return text

    def __repr__(self) -> str:
        shown = self if self.userinfo is None else self._replace(userinfo="<hidden>")
        return f"<URL {shown}>"


# --- the target of a request (RFC 9112 3.2) ---


def parse_target(method: str, target: str) -> URL:
    """Read a request target, which is latin-1 text, in the form that it has.

    ``/p?q`` is origin-form, also where it begins with ``//``; ``http://h/p`` is absolute-form, and so is
    ``mailto:x@y``; after CONNECT, whatever does not begin with ``/`` is authority-form; ``*`` is itself.

    Raises InvalidURL, to be answered with 400.
    """
    plain = _ORIGIN_FORM(target)
    if plain is not None:
        # NamedTuple's own constructor takes three times as long.
        return _new(URL, ("", None, None, None, plain[1], plain[2], None, ""))
    if method == "CONNECT" and target[:1] != "/":
        return _authority_form(target)
    if target == "*":
        return URL(raw_path="*")
    return _absolute_form(target)


_ESCAPED: Final = r"[^\x00-\x20\x7f?%]*(?:%[0-9A-Fa-f]{2}[^\x00-\x20\x7f?%]*)*"
_ORIGIN_FORM: Final = re.compile(rf"(/{_ESCAPED})(?:\?([^\x00-\x20\x7f]*))?").fullmatch
_ABSOLUTE_FORM: Final = re.compile(
    rf"([A-Za-z][A-Za-z0-9+\-.]*):(?://([^/?]*))?({_ESCAPED})(?:\?(.*))?", re.DOTALL
).fullmatch
_new: Final = tuple.__new__


def _authority_form(target: str) -> URL:
    # "A server MUST reject a CONNECT request that targets an empty or invalid port number".  RFC 9110 9.3.6
    userinfo, host, port = _split_authority(target)
    if not host or port is None or userinfo is not None:
        raise InvalidURL(f"expected host:port as the target of CONNECT, got {target!r}")
    return URL(host=host, port=port)


def _absolute_form(target: str) -> URL:
    _refuse_control(target)
    parts = _ABSOLUTE_FORM(target)
    if parts is None:
        raise InvalidURL(f"expected a path or an absolute URL as the request target, got {_short(target)}")
    scheme, authority, path, query = parts.groups()
    if authority is None and path[:1] != "/":
        return URL(scheme.lower(), raw_query=query, opaque=path)
    userinfo, host, port = (None, None, None) if authority is None else _split_authority(authority)
    return URL(scheme.lower(), userinfo, host, port, path, query)


def valid_host(host: bytes) -> bool:
    """Say whether ``host`` has only bytes that a Host field may have.  It may be empty (RFC 9112 3.2)."""
    return _HOST(host) is not None


_HOST: Final = re.compile(rb"[A-Za-z0-9!$%&()*+,\-.:;=\['\]_~]*").fullmatch


# --- any URL (RFC 3986) ---


def parse(text: str) -> URL:
    """Read a URL, or a relative reference, as people write it.

    What may not stand in a path, query or fragment is escaped as UTF-8; a host beyond ASCII is written
    in its ``xn--`` form.  Raises InvalidURL.
    """
    _refuse_control(text)
    parts = _REFERENCE(text)
    assert parts is not None, "every text matches"
    scheme, authority, path, query, fragment = parts.groups()
    scheme = (scheme or "").lower()
    userinfo, host, port = (
        (None, None, None) if authority is None else _split_authority(authority, typed=True)
    )
    opaque = ""
    if scheme and authority is None and path[:1] != "/":
        path, opaque = "", path
    return URL(
        scheme,
        userinfo,
        host,
        port,
        _repair(path),
        None if query is None else _repair(query),
        None if fragment is None else _repair(fragment),
        _repair(opaque),
    )


_REFERENCE: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+\-.]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL
).fullmatch


def normalise(url: URL) -> URL:
    """Return the one spelling of all URLs that are surely equivalent to ``url`` (RFC 3986 6.2.2, 6.2.3).

    Escapes are in upper case and only where needed, dot segments are resolved, the port is left out
    where the scheme implies it, and an empty path after a host is ``/``.
    """
    path = _normal_escapes(url.raw_path)
    if url.scheme or url.host is not None:
        path = _remove_dot_segments(path)
    if url.host and not path:
        path = "/"
    return url._replace(
        host=None if url.host is None else url.host.lower(),
        port=None if url.port == _DEFAULT_PORTS.get(url.scheme) else url.port,
        raw_path=path,
        raw_query=None if url.raw_query is None else _normal_escapes(url.raw_query),
        fragment=None if url.fragment is None else _normal_escapes(url.fragment),
    )


_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def join(base: URL | str, reference: URL | str) -> URL:
    """Return what ``reference`` means in a document at ``base`` (RFC 3986 5.2.2).  Raises InvalidURL."""
    base = parse(base) if isinstance(base, str) else base
    ref = parse(reference) if isinstance(reference, str) else reference
    if ref.scheme:
        return ref._replace(raw_path=_remove_dot_segments(ref.raw_path))
    if ref.host is not None:
        return ref._replace(scheme=base.scheme, raw_path=_remove_dot_segments(ref.raw_path))
    if not ref.raw_path:
        query = base.raw_query if ref.raw_query is None else ref.raw_query
        return base._replace(raw_query=query, fragment=ref.fragment)
    if ref.raw_path[0] == "/":
        path = ref.raw_path
    elif base.host is not None and not base.raw_path:
        path = "/" + ref.raw_path
    else:
        path = base.raw_path[: base.raw_path.rfind("/") + 1] + ref.raw_path
    path = _remove_dot_segments(path)
    return base._replace(raw_path=path, raw_query=ref.raw_query, fragment=ref.fragment, opaque="")


# --- paths ---


def escape_path(path: str) -> str:
    """Escape what may not stand in a path; ``/`` stays.  The inverse of ``unescape``."""
    return quote(path, safe="/!$&'()*+,;=:@", errors="surrogateescape")


def escape_wire(text: str) -> str:
    """Escape what may not stand in a URL in a path or query from the wire; its escapes stay.

    Needed where it goes to somebody else, as in Location: browsers read ``/\\x`` as ``//x``.
    """
    return quote(text, safe="%/!$&'()*+,;=:@?[]", encoding="latin-1") if _UNSAFE(text) else text


def unescape(segment: str) -> str:
    """Decode the escapes in wire text as UTF-8; a byte that is not UTF-8 becomes a surrogate (PEP 383).

    Raises InvalidURL for ``%`` without two hex digits behind it.
    """
    if "%" not in segment and segment.isascii():
        return segment
    if wrong := _BAD_ESCAPE.search(segment):
        raise InvalidURL(f"expected two hex digits after %, got {segment[wrong.start() :][:3]!r}")
    return unquote_to_bytes(segment.encode("latin-1")).decode("utf-8", "surrogateescape")


_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def clean_path(path: str) -> str:
    """Return the shortest equivalent of an escaped path, as Go's ServeMux redirects to.

    It begins with ``/``, has no empty segment, no ``.`` and no ``..``; a final ``/`` stays.
    """
    if path[:1] != "/":
        path = "/" + path
    if not _UNCLEAN(path):
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path[-1] == "/" else "")


_UNCLEAN: Final = re.compile(r"/(?:/|\.\.?(?:/|\Z))").search


# --- queries ---


def parse_query(raw: str, *, max_params: int = limits.MAX_QUERY_PARAMS) -> list[tuple[str, str]]:
    """Return the names and values of an escaped query, in order, without the malformed ones.

    Raises LimitExceeded when there are more than ``max_params``.
    """
    pairs, error = read_query(raw, max_params=max_params)
    if isinstance(error, LimitExceeded):
        raise error
    return pairs


def read_query(
    raw: str, *, max_params: int = limits.MAX_QUERY_PARAMS
) -> tuple[list[tuple[str, str]], InvalidURL | LimitExceeded | None]:
    """Return the good pairs of an escaped query and the first error in it, or None (Go's ParseQuery).

    A pair with a bad escape or with ``;``, which some read as a separator, is left out.  Of a query
    with more than ``max_params`` pairs nothing is read.  What is not UTF-8 reads as U+FFFD.
    """
    if raw.count("&") >= max_params:
        return [], LimitExceeded("max_query_params", f"more than {max_params} query parameters", status=400)
    pairs: list[tuple[str, str]] = []
    error: InvalidURL | None = None
    for pair in raw.split("&"):
        if not pair:
            continue
        if ";" in pair:
            error = error or InvalidURL("invalid semicolon separator in query")
        elif wrong := _BAD_ESCAPE.search(pair):
            got = pair[wrong.start() :][:3]
            error = error or InvalidURL(f"expected two hex digits after % in query, got {got!r}")
        else:
            name, _, value = pair.partition("=")
            pairs.append((_unescape_query(name), _unescape_query(value)))
    return pairs, error


def encode_query(params: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Write names and values as an escaped query, in their order; a space becomes ``+``."""
    pairs = params.items() if isinstance(params, Mapping) else params
    return "&".join([f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs])


def _unescape_query(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    return unquote_to_bytes(text.encode("latin-1")).decode("utf-8", "replace")


# --- pieces ---


def _refuse_control(text: str) -> None:
    if wrong := _CONTROL(text):
        raise InvalidURL(f"control character {wrong[0]!r} at {wrong.start()} of the URL")


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]").search


def _split_authority(authority: str, *, typed: bool = False) -> tuple[str | None, str, int | None]:
    """Split into userinfo, host without brackets, and port."""
    before, at, host_port = authority.rpartition("@")
    if not _USERINFO(before):
        # Readers differ on where the host begins in http://a@b@c/ and http://a\\@b/.
        raise InvalidURL("invalid character before @ of the URL")
    parts = _HOST_PORT(host_port)
    if parts is None:
        raise InvalidURL(f"expected host or host:port, got {_short(host_port)}")
    literal, name, port = parts.groups()
    if literal is not None:
        host = literal
    else:
        host = _to_ascii(name) if typed else name
        if not (_REG_NAME if typed else valid_host)(host.encode("latin-1")):
            raise InvalidURL(f"invalid character in host {_short(host)}")
    number = int(port) if port else None
    if number is not None and number > 65535:
        raise InvalidURL(f"expected a port up to 65535, got {port}")
    return before if at else None, host.lower() if typed else host, number


_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%]*").fullmatch
# The zone of an IPv6 address follows %25 (RFC 6874).
_HOST_PORT: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%25[A-Za-z0-9\-._~]+)?)\]|([^:\[\]]*))(?::([0-9]{0,10}))?"
).fullmatch
_REG_NAME: Final = re.compile(rb"[A-Za-z0-9!$&()*+,\-.;='_~]*").fullmatch


def _to_ascii(host: str) -> str:
    if "%" in host:
        host = unescape(_wire(host))
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidURL(f"host {_short(host)} has no ASCII form") from error


def _wire(text: str) -> str:
    """Turn any text into wire text: each character is a byte of its UTF-8."""
    try:
        return text.encode().decode("latin-1")
    except UnicodeEncodeError:
        raise InvalidURL(f"lone surrogate in {_short(text)}") from None


def _repair(text: str) -> str:
    """Escape what may not stand in a URL, and a ``%`` that escapes nothing."""
    if not _UNSAFE(text):
        return text
    return _BAD_ESCAPE.sub("%25", escape_wire(_wire(text)))


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]").search  # "%" too: it may be lone


def _normal_escapes(text: str) -> str:
    return _ESCAPE.sub(_normal_escape, text)


def _normal_escape(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    return char if _UNRESERVED(char) else escape[0].upper()


_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]").fullmatch


def _remove_dot_segments(path: str) -> str:
    """RFC 3986 5.2.4.  Unlike ``clean_path``, empty segments stay: ``//`` may mean something."""
    if "." not in path:
        return path
    root = path[: path[0] == "/"]
    segments = path[len(root) :].split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return root + "/".join(kept)


def _unmistakable(url: URL) -> str:
    """Return the raw path so that it cannot be read as an authority or as a scheme (RFC 3986 3.3, 4.2)."""
    path = url.raw_path
    if url.host is None:
        if path[:2] == "//":
            return "/." + path
        if not url.scheme and ":" in path.partition("/")[0]:
            return "./" + path
    elif path and path[0] != "/":
        return "/" + path
    return path


def _short(text: str) -> str:
    return repr(text) if len(text) <= 80 else repr(text[:80]) + "…"
