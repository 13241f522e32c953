"""Handlers ready to use, and middleware: what turns a handler into another."""

from holdfast.server.basicauth import BasicAuth
from holdfast.server.crossorigin import CrossOriginProtection
from holdfast.server.files import FileServer
from holdfast.server.maxbytes import MaxBytes
from holdfast.server.prefix import StripPrefix
from holdfast.server.recover import Recover
from holdfast.server.replies import Redirect
from holdfast.server.semicolons import AllowQuerySemicolons
from holdfast.server.timeouts import Timeout
from holdfast.server.watching import snapshot_page

__all__ = [
    "AllowQuerySemicolons",
    "BasicAuth",
    "CrossOriginProtection",
    "FileServer",
    "MaxBytes",
    "Recover",
    "Redirect",
    "StripPrefix",
    "Timeout",
    "snapshot_page",
]
