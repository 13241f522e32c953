"""Media types: grammar, negotiation, extensions, and a case for every signature of the sniffer."""

from __future__ import annotations

import pytest

from holdfast import mime
from holdfast.mime import (
    SNIFF_LENGTH,
    best_match,
    detect_content_type,
    format_media_type,
    parse_media_type,
    type_by_extension,
)

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
BINARY = "application/octet-stream"


# --- reading and writing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type", "params"),
    [
        ("text/html", "text/html", {}),
        (" Text/HTML ", "text/html", {}),
        ("text/html;charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('text/html \t; Charset="utf-8" ;', "text/html", {"charset": "utf-8"}),
        ("text/html;;; a=b;", "text/html", {"a": "b"}),
        (r'form-data; name="a\"b\\c"; filename=""', "form-data", {"name": r'a"b\c', "filename": ""}),
        ('multipart/form-data; boundary="a;b, c"', "multipart/form-data", {"boundary": "a;b, c"}),
        ('a/b; c="é\t"', "a/b", {"c": "é\t"}),
        ("*/*;q=0.5", "*/*", {"q": "0.5"}),
    ],
)
def test_parse_media_type(text, type, params):
    assert parse_media_type(text) == (type, params)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        "text/",
        "/html",
        "text/html/x",
        "te xt/html",
        "text/html charset=utf-8",
        "text/html; charset",
        "text/html; charset=",
        "text/html; charset =utf-8",
        "text/html; charset= utf-8",
        'text/html; charset="utf-8',
        'text/html; charset="utf-8"x',
        'text/html; charset="a\\',
        'text/html; charset="a\nb"',
        "text/html; a=b; A=c",
        "text/html\n",
        "text/html; a=b\n",
    ],
)
def test_malformed_media_types_are_refused(text):
    with pytest.raises(ValueError, match="media type"):
        parse_media_type(text)


@pytest.mark.parametrize(
    ("type", "params", "text"),
    [
        ("text/html", None, "text/html"),
        ("text/html", {"charset": "utf-8"}, "text/html; charset=utf-8"),
        ("a/b", {"c": "d e", "f": ""}, 'a/b; c="d e"; f=""'),
        ("form-data", {"name": r'a"b\c'}, r'form-data; name="a\"b\\c"'),
    ],
)
def test_format_media_type_and_back(type, params, text):
    assert format_media_type(type, params) == text
    assert parse_media_type(text) == (type, params or {})


@pytest.mark.parametrize(
    ("type", "params"),
    [
        ("", {}),
        ("a b", {}),
        ("a/b; c=d", {}),
        ("a/b", {"c d": "e"}),
        ("a/b", {"": "e"}),
        ("a/b", {"c": "d\r\nX: y"}),
    ],
)
def test_format_refuses_what_would_break_the_line(type, params):
    with pytest.raises(ValueError, match=r"media type|parameter"):
        format_media_type(type, params)


# --- negotiation -----------------------------------------------------------------------------

OFFERS = ["text/html", "application/json", "text/plain"]


@pytest.mark.parametrize(
    ("accept", "choice"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/*", "application/json"),
        ("text/*;q=0.5, application/json;q=0.6", "application/json"),
        ("text/*;q=0.5, application/json;Q=0.4", "text/html"),
        ("text/html;q=0, */*", "application/json"),
        ("*/*;q=0.1, text/plain", "text/plain"),
        ("text/*, text/html;q=0.3", "text/plain"),
        ("*/*;q=0.9, text/*;q=0.1, application/json;q=0.5", "application/json"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/html;q=0.000", None),
        ("text/html;level=1", None),
        ("text/html;q=2", None),
        ("text/html;q=x, text/plain;q=0.1", "text/plain"),
        ("garbage/, text/plain", "text/plain"),
        ('text/html;a="x, application/json", text/plain', "text/plain"),
        ('text/plain, application/json;a="unclosed, text/html', "text/plain"),
        (" , ,text/plain,", "text/plain"),
    ],
)
def test_best_match(accept, choice):
    assert best_match(accept, OFFERS) == choice


def test_a_parameter_makes_a_range_more_specific():
    # RFC 9110 12.5.1, its own example
    accept = (
        "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"
    )
    offers = ["text/html", "image/jpeg", "text/plain;format=fixed", "text/plain", "text/plain;format=flowed"]
    ranking = []
    while offers:
        ranking.append(best_match(accept, offers))
        offers.remove(ranking[-1])
    assert ranking == [
        "text/plain;format=flowed",
        "text/plain",
        "image/jpeg",
        "text/plain;format=fixed",
        "text/html",
    ]


def test_nothing_on_offer():
    assert best_match(None, []) is None
    assert best_match("*/*", []) is None


# --- extensions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "type"),
    [
        (".html", HTML),
        ("index.HTML", HTML),
        ("/a.b/app.min.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("data.json", "application/json"),
        ("x.svg", "image/svg+xml"),
        ("x.wasm", "application/wasm"),
        ("x.tar.gz", "application/gzip"),
        ("x.woff2", "font/woff2"),
        ("html", ""),
        ("x.unknown", ""),
        ("a.html/b", ""),
        ("x.", ""),
        ("", ""),
    ],
)
def test_type_by_extension(name, type):
    assert type_by_extension(name) == type


def test_every_type_by_extension_is_a_media_type_and_text_has_its_charset():
    assert len(mime._TYPES) == sum(len(names.split()) for names in mime._EXTENSIONS.values())
    for extension in mime._TYPES:
        type, params = parse_media_type(type_by_extension(f".{extension}"))
        assert type.count("/") == 1
        assert params == ({"charset": "utf-8"} if type.startswith("text/") else {})


# --- the first bytes -------------------------------------------------------------------------

TAGS = [
    *("!DOCTYPE HTML", "HTML", "HEAD", "SCRIPT", "IFRAME", "H1"),
    *("DIV", "FONT", "TABLE", "A", "STYLE", "TITLE", "B", "BODY", "BR", "P", "!--"),
]


@pytest.mark.parametrize("tag", TAGS)
def test_tags(tag):
    mixed = "".join(c.lower() if i % 2 else c for i, c in enumerate(tag))
    for text in (tag, tag.lower(), mixed):
        for end in "> ":
            assert detect_content_type(f"<{text}{end}".encode()) == HTML
            assert detect_content_type(f"\t\n\f\r <{text}{end}x".encode()) == HTML
        assert detect_content_type(f"<{text}".encode()) == TEXT
        assert detect_content_type(f"<{text}\n".encode()) == TEXT
        assert detect_content_type(f"x<{text}>".encode()) == TEXT
        assert detect_content_type(f"\v<{text}>".encode()) == BINARY


def mp4(*brands: bytes, size: int | None = None) -> bytes:
    body = b"ftyp" + b"".join(brands)
    return (len(body) + 4 if size is None else size).to_bytes(4, "big") + body


SIGNATURES = {
    "xml": (b"<?xml version", "text/xml; charset=utf-8"),
    "xml after white space": (b"\n <?xml", "text/xml; charset=utf-8"),
    "pdf": (b"%PDF-1.7", "application/pdf"),
    "postscript": (b"%!PS-Adobe-3.0", "application/postscript"),
    "utf-16be": (b"\xfe\xff\x00a", "text/plain; charset=utf-16be"),
    "utf-16le": (b"\xff\xfea\x00", "text/plain; charset=utf-16le"),
    "utf-8 with a mark": (b"\xef\xbb\xbf\x00", TEXT),
    "icon": (b"\x00\x00\x01\x00", "image/x-icon"),
    "cursor": (b"\x00\x00\x02\x00", "image/x-icon"),
    "bmp": (b"BM...", "image/bmp"),
    "gif87a": (b"GIF87a..", "image/gif"),
    "gif89a": (b"GIF89a..", "image/gif"),
    "webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    "png": (b"\x89PNG\r\n\x1a\n", "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0", "image/jpeg"),
    "aiff": (b"FORM\x00\n\x00\nAIFF", "audio/aiff"),
    "mp3": (b"ID3\x03", "audio/mpeg"),
    "ogg": (b"OggS\x00", "application/ogg"),
    "midi": (b"MThd\x00\x00\x00\x06\x00", "audio/midi"),
    "avi": (b"RIFF,O\n\x00AVI LIST", "video/avi"),
    "wave": (b"RIFFb\xb8\x00\x00WAVEfmt ", "audio/wave"),
    "mp4": (mp4(b"mp42", b"\x00\x00\x00\x00", b"isom"), "video/mp4"),
    "mp4 as a compatible brand": (mp4(b"isom", b"\x00\x00\x00\x00", b"avc1", b"mp41"), "video/mp4"),
    "webm": (b"\x1a\x45\xdf\xa3\x01", "video/webm"),
    "eot": (b"\x01" * 34 + b"LP", "application/vnd.ms-fontobject"),
    "ttf": (b"\x00\x01\x00\x00", "font/ttf"),
    "otf": (b"OTTO", "font/otf"),
    "ttc": (b"ttcf", "font/collection"),
    "woff": (b"wOFF", "font/woff"),
    "woff2": (b"wOF2", "font/woff2"),
    "gzip": (b"\x1f\x8b\x08", "application/x-gzip"),
    "zip": (b"PK\x03\x04", "application/zip"),
    "rar 4": (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    "rar 5": (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
    "wasm": (b"\x00asm\x01\x00", "application/wasm"),
}


@pytest.mark.parametrize(("data", "type"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures(data, type):
    assert detect_content_type(data) == type
    assert detect_content_type(data + b"\x00" * 1000) == type


def test_every_signature_has_a_case():
    cases = [data for data, _ in SIGNATURES.values()] + [b"<p>"]
    unseen = [row.type for row in mime._SIGNATURES if not any(row.matches(data) for data in cases)]
    assert unseen == []


NOT_QUITE = {
    "empty": (b"", TEXT),
    "text": (b"Hello, world!", TEXT),
    "json": (b'{"a": 1}', TEXT),
    "utf-8": ("naïve".encode(), TEXT),
    "latin-1": (b"\xe9t\xe9", TEXT),
    "white space only": (b" \t\r\n\x0c", TEXT),
    "escape is text": (b"\x1b[1mbold", TEXT),
    "white space before a signature": (b" %PDF-1.7", TEXT),
    "xml needs lower case": (b"<?XML ", TEXT),
    "another tag": (b"<section>", TEXT),
    "a longer tag": (b"<BLINK>", TEXT),
    "pdf cut short": (b"%PDF", TEXT),
    "a mark and nothing": (b"\xfe\xff", TEXT),
    "riff of no kind": (b"RIFF....JUNK", TEXT),
    "riff cut short": (b"RIFF\x00", BINARY),
    "form of no kind": (b"FORM....8SVX", TEXT),
    "zip cut short": (b"PK\x03", BINARY),
    "ftyp in text": (b"abcdftypmp42", TEXT),
    "mp4 only as its minor version": (mp4(b"isom", b"mp42"), BINARY),
    "mp4 of an odd size": (mp4(b"mp42", b"\x00\x00\x00"), BINARY),
    "mp4 longer than the data": (mp4(b"mp42", size=508), BINARY),
    "mp4 with an empty box": (mp4(b"mp42", size=0), BINARY),
    "mp4 shorter than a box": (b"\x00\x00\x00\x08ftyp", BINARY),
    "quicktime": (mp4(b"qt  ", b"\x00\x00\x00\x00", b"qt  "), BINARY),
    "the first row wins": (mp4(b"mp42", b"\x00\x00\x00\x00", b"." * 240), "image/x-icon"),
    "mp4 before eot": (mp4(b"mp42", b"\x00\x00\x00\x00", b"." * 18, b"LP"), "video/mp4"),
    "eot before woff": (b"wOFF" + b"." * 30 + b"LP", "application/vnd.ms-fontobject"),
}


@pytest.mark.parametrize(("data", "type"), NOT_QUITE.values(), ids=NOT_QUITE)
def test_not_quite(data, type):
    assert detect_content_type(data) == type


@pytest.mark.parametrize("data", [data for data, _ in [*SIGNATURES.values(), *NOT_QUITE.values()] if data])
def test_the_table_split_by_first_byte_says_what_the_whole_says(data):
    matching = [row for row in mime._SIGNATURES if row.matches(data)]
    assert [row for row in mime._BY_FIRST_BYTE[data[0]] if row.matches(data)] == matching


@pytest.mark.parametrize("byte", range(256), ids=lambda byte: f"{byte:02x}")
def test_one_control_character_makes_it_binary(byte):
    binary = byte <= 0x08 or byte == 0x0B or 0x0E <= byte <= 0x1A or 0x1C <= byte <= 0x1F
    assert detect_content_type(b"some text " + bytes([byte])) == (BINARY if binary else TEXT)


def test_only_the_first_bytes_count():
    assert detect_content_type(b"." * SNIFF_LENGTH + b"\x00") == TEXT
    assert detect_content_type(b"." * (SNIFF_LENGTH - 1) + b"\x00") == BINARY
    assert detect_content_type(b" " * (SNIFF_LENGTH - 3) + b"<p>") == HTML
    assert detect_content_type(b" " * (SNIFF_LENGTH - 2) + b"<p>") == TEXT


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_it_takes_what_a_body_is_made_of(kind):
    assert detect_content_type(kind(b"GIF89a")) == "image/gif"
    assert detect_content_type(kind(b"text")) == TEXT
