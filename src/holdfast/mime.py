"""Media types: read and write them, choose by Accept, guess from a name or from the first bytes.

Guessing reads no file of the system, so that a program serves the same types everywhere.  From
bytes it goes by Go's table of signatures in Go's order; the table is split by first byte when the
module loads, so that text, the common case, meets one or two of its rows.

RFC 9110 sections 8.3 and 12.5.1; mimesniff.spec.whatwg.org.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.method import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "SNIFF_LENGTH",
    "best_match",
    "detect_content_type",
    "format_media_type",
    "parse_media_type",
    "type_by_extension",
]

# Bytes that ``detect_content_type`` looks at.
SNIFF_LENGTH: Final = 512


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Read ``type/subtype; name=value``, or a disposition such as ``form-data; name="x"``.

    Returns:
        The type in lower case, and its parameters: names in lower case, values without quotes.

    Raises:
        ValueError: ``text`` is malformed, or a parameter comes twice.

    RFC 9110 sections 5.6.6 and 8.3.1.
    """
    found = _TYPE.match(text)
    if found is None:
        raise ValueError(f"expected a media type, got {text!r}")
    params: dict[str, str] = {}
    at = found.end()
    while at < len(text):
        param = _PARAM.match(text, at)
        if param is None:
            raise ValueError(f"expected '; name=value' at character {at} of the media type {text!r}")
        at = param.end()
        name, token, quoted = param.groups()
        if name is None:
            continue
        name = name.lower()
        if name in params:
            raise ValueError(f"the parameter {name!r} comes twice in the media type {text!r}")
        params[name] = token if quoted is None else _ESCAPED.sub(r"\1", quoted)
    return found[1].lower(), params


def format_media_type(type: str, params: Mapping[str, str] | None = None) -> str:
    """Write a media type; the values that are not tokens are quoted.

    Raises:
        ValueError: a type or a name is not made of tokens, or a value has a control character.
    """
    if not _TYPE.fullmatch(type):
        raise ValueError(f"expected a media type, got {type!r}")
    parts = [type]
    for name, value in (params or {}).items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"the parameter name {name!r} is not a token")
        if _CONTROL.search(value):
            raise ValueError(f"the parameter {name!r} has a control character: {value!r}")
        if not _TOKEN.fullmatch(value):
            value = '"' + _TO_ESCAPE.sub(r"\\\g<0>", value) + '"'
        parts.append(f"{name}={value}")
    return "; ".join(parts)


def best_match(accept: str | None, offers: Sequence[str]) -> str | None:
    """Choose among ``offers`` (media types) what an Accept value likes best.

    The most specific range that fits an offer gives its weight; of equal weights the earlier offer
    wins.  Without a value the first offer does.  Malformed ranges count as absent.

    Returns:
        One of ``offers``, or None when all are refused: answer 406, or ignore the field.

    Raises:
        ValueError: an offer is not a media type.

    RFC 9110 section 12.5.1.
    """
    if accept is None or not accept.strip(_SPACE):
        return offers[0] if offers else None
    ranges = list(_ranges(accept))
    best, best_weight = None, 0.0
    for offer in offers:
        weight = _weight(offer, ranges)
        if weight > best_weight:
            best, best_weight = offer, weight
    return best


def type_by_extension(name: str) -> str:
    """Return the media type of a file called ``name``, or "" when its extension tells nothing.

    Args:
        name: a file name or path, or an extension with its dot; upper and lower case are alike.
    """
    _, dot, extension = name.rpartition(".")
    return _TYPES.get(extension.lower(), "") if dot else ""


def detect_content_type(data: bytes) -> str:
    """Guess the media type of content from its first ``SNIFF_LENGTH`` bytes; it always has one.

    Go's ``DetectContentType``.
    """
    if not data:
        return _TEXT
    head = data[:SNIFF_LENGTH]
    for signature in _BY_FIRST_BYTE[head[0]]:
        if signature.matches(head):
            return signature.type
    return _TEXT if len(head.translate(None, _BINARY)) == len(head) else "application/octet-stream"


# --- reading media types ---------------------------------------------------------------------

_SPACE: Final = " \t"
_TOKEN: Final = re.compile(TOKEN)
_TYPE: Final = re.compile(rf"[ \t]*({TOKEN}(?:/{TOKEN})?)[ \t]*")
_QUOTED: Final = r'"((?:[^"\\\x00-\x08\x0A-\x1F\x7F]|\\[^\x00-\x08\x0A-\x1F\x7F])*+)"'
_PARAM: Final = re.compile(rf";[ \t]*(?:({TOKEN})=(?:({TOKEN})|{_QUOTED})[ \t]*)?")
_ESCAPED: Final = re.compile(r"\\(.)")
_TO_ESCAPE: Final = re.compile(r'["\\]')
_CONTROL: Final = re.compile(r"[\x00-\x08\x0A-\x1F\x7F]")

# One member of a comma list.  A quote that never closes runs to the end, so that reading stays linear.
_MEMBER: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.?)*+"?)++', re.DOTALL)

# weight = OWS ";" OWS "q=" qvalue.  RFC 9110 12.4.2
_QVALUE: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class _Range(NamedTuple):
    """One media range of an Accept field."""

    type: str
    params: dict[str, str]
    weight: float


def _ranges(accept: str) -> Iterable[_Range]:
    for member in _MEMBER.findall(accept):
        try:
            type, params = parse_media_type(member)
        except ValueError:
            continue
        weight = params.pop("q", "1")
        if _QVALUE.fullmatch(weight):
            yield _Range(type, params, float(weight))


def _weight(offer: str, ranges: Iterable[_Range]) -> float:
    """Return the weight of the most specific range that covers ``offer``; 0 refuses it."""
    type, params = parse_media_type(offer)
    covers = {type: 2, type.partition("/")[0] + "/*": 1, "*/*": 0}
    best, weight = (-1, -1), 0.0
    for wanted in ranges:
        depth = covers.get(wanted.type)
        if depth is not None and wanted.params.items() <= params.items():
            precision = depth, len(wanted.params)
            if precision > best:
                best, weight = precision, wanted.weight
    return weight


# --- the names of files ----------------------------------------------------------------------

# What the web serves.  Text has its charset; JSON has none, being UTF-8 by definition.
_EXTENSIONS: Final = {
    "text/html; charset=utf-8": "html htm",
    "text/css; charset=utf-8": "css",
    "text/javascript; charset=utf-8": "js mjs",
    "text/plain; charset=utf-8": "txt text log conf ini toml py c h cc cpp go rs java sh rst",
    "text/markdown; charset=utf-8": "md markdown",
    "text/csv; charset=utf-8": "csv",
    "text/tab-separated-values; charset=utf-8": "tsv",
    "text/calendar; charset=utf-8": "ics",
    "text/vcard; charset=utf-8": "vcf",
    "text/vtt; charset=utf-8": "vtt",
    "text/xml; charset=utf-8": "xml xsl",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/geo+json": "geojson",
    "application/manifest+json": "webmanifest",
    "application/yaml": "yaml yml",
    "application/xhtml+xml": "xhtml xht",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/postscript": "ps eps ai",
    "application/rtf": "rtf",
    "application/epub+zip": "epub",
    "application/sql": "sql",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/zstd": "zst",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/x-tar": "tar",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/java-archive": "jar war",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.debian.binary-package": "deb",
    "application/x-rpm": "rpm",
    "application/octet-stream": "bin exe dll so iso dmg img msi",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/dash+xml": "mpd",
    "application/vnd.ms-fontobject": "eot",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jfif",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/jxl": "jxl",
    "image/svg+xml": "svg",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/vnd.microsoft.icon": "ico cur",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg oga opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "audio/midi": "mid midi",
    "audio/aiff": "aif aiff",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/mpeg": "mpeg mpg",
    "video/mp2t": "ts m2ts",
    "video/x-msvideo": "avi",
    "video/x-matroska": "mkv",
    "video/3gpp": "3gp",
    "model/gltf-binary": "glb",
    "model/gltf+json": "gltf",
}
_TYPES: Final = {extension: type for type, names in _EXTENSIONS.items() for extension in names.split()}


# --- the first bytes -------------------------------------------------------------------------

_TEXT: Final = "text/plain; charset=utf-8"

# Control characters that text does not have: all but TAB, LF, FF, CR and ESC.
_BINARY: Final = bytes(b for b in range(0x20) if b not in b"\t\n\x0c\r\x1b")


class _Signature(NamedTuple):
    first: bytes  # the bytes that such content may begin with
    matches: Callable[[bytes], object]
    type: str


def _starts(prefix: bytes, type: str) -> _Signature:
    return _Signature(prefix[:1], re.compile(re.escape(prefix)).match, type)


def _looks(first: bytes, pattern: bytes, type: str) -> _Signature:
    return _Signature(first, re.compile(pattern, re.DOTALL).match, type)


def _is_mp4(head: bytes) -> bool:
    """Say whether an ISO base media file begins here, any of whose brands is MP4."""
    size = int.from_bytes(head[:4], "big")
    if len(head) < max(size, 12) or size % 4 or head[4:8] != b"ftyp":
        return False
    # The major brand, the minor version (which is none), the compatible brands.
    return any(head[at : at + 3] == b"mp4" for at in range(8, size, 4) if at != 12)


_ANY: Final = bytes(range(256))
_WHITE: Final = b"\t\n\x0c\r "
_TAGS: Final = (
    rb"!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--"  # in any case
)

# The first row that matches wins.
_SIGNATURES: Final = (
    _looks(b"<" + _WHITE, rb"[\t\n\x0C\r ]*+<(?i:" + _TAGS + rb")[ >]", "text/html; charset=utf-8"),
    _looks(b"<" + _WHITE, rb"[\t\n\x0C\r ]*+<\?xml", "text/xml; charset=utf-8"),
    _starts(b"%PDF-", "application/pdf"),
    _starts(b"%!PS-Adobe-", "application/postscript"),
    # A byte order mark counts when content follows it.
    _looks(b"\xfe", rb"\xFE\xFF..", "text/plain; charset=utf-16be"),
    _looks(b"\xff", rb"\xFF\xFE..", "text/plain; charset=utf-16le"),
    _looks(b"\xef", rb"\xEF\xBB\xBF.", "text/plain; charset=utf-8"),
    _starts(b"\x00\x00\x01\x00", "image/x-icon"),
    _starts(b"\x00\x00\x02\x00", "image/x-icon"),
    _starts(b"BM", "image/bmp"),
    _starts(b"GIF87a", "image/gif"),
    _starts(b"GIF89a", "image/gif"),
    _looks(b"R", rb"RIFF....WEBPVP", "image/webp"),
    _starts(b"\x89PNG\r\n\x1a\n", "image/png"),
    _starts(b"\xff\xd8\xff", "image/jpeg"),
    _looks(b"F", rb"FORM....AIFF", "audio/aiff"),
    _starts(b"ID3", "audio/mpeg"),
    _starts(b"OggS\x00", "application/ogg"),
    _starts(b"MThd\x00\x00\x00\x06", "audio/midi"),
    _looks(b"R", rb"RIFF....AVI ", "video/avi"),
    _looks(b"R", rb"RIFF....WAVE", "audio/wave"),
    _Signature(b"\x00", _is_mp4, "video/mp4"),  # its size is at most 512, and so begins with 0
    _starts(b"\x1a\x45\xdf\xa3", "video/webm"),
    _looks(_ANY, rb".{34}LP", "application/vnd.ms-fontobject"),
    _starts(b"\x00\x01\x00\x00", "font/ttf"),
    _starts(b"OTTO", "font/otf"),
    _starts(b"ttcf", "font/collection"),
    _starts(b"wOFF", "font/woff"),
    _starts(b"wOF2", "font/woff2"),
    _starts(b"\x1f\x8b\x08", "application/x-gzip"),
    _starts(b"PK\x03\x04", "application/zip"),
    _starts(b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    _starts(b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
    _starts(b"\x00asm", "application/wasm"),
)
_BY_FIRST_BYTE: Final = tuple(tuple(row for row in _SIGNATURES if byte in row.first) for byte in range(256))
