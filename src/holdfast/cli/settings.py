"""What ``holdfast serve`` was asked for, as plain values.

The command line makes one ``Settings``; a worker process gets the same one as a line of JSON.
Nothing is decided here: ``options`` says what a value may be, ``serve`` what it does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast import limits

__all__ = ["Settings"]


class Settings(NamedTuple):
    """One field for each flag, in the groups of ``holdfast serve --help``; times are in seconds.

    A time of None means that this clock is off.
    """

    target: str

    bind: tuple[str, ...] = ("127.0.0.1:8000",)
    backlog: int = limits.BACKLOG

    app_dir: str = "."
    factory: bool = False
    interface: str = "auto"
    lifespan: str = "auto"
    root_path: str = ""
    threads: int = limits.THREADS
    loop: str = "auto"

    workers: int = 1
    reload: bool = False
    reload_dir: tuple[str, ...] = ()
    reload_include: tuple[str, ...] = ()
    reload_exclude: tuple[str, ...] = ()
    reload_delay: float = 0.25
    limit_max_requests: int | None = None
    max_requests_jitter: int = 0
    pid: str | None = None

    timeout_keep_alive: float = limits.IDLE_TIMEOUT
    timeout_graceful_shutdown: float = limits.SHUTDOWN_TIMEOUT
    tls_handshake_timeout: float | None = limits.TLS_HANDSHAKE_TIMEOUT
    read_header_timeout: float | None = limits.READ_HEADER_TIMEOUT
    read_timeout: float | None = None
    body_read_timeout: float | None = limits.BODY_READ_TIMEOUT
    min_body_rate: float | None = limits.MIN_BODY_RATE
    write_timeout: float | None = None
    write_stall_timeout: float | None = limits.WRITE_STALL_TIMEOUT

    limit_concurrency: int | None = None
    max_connections: int | None = None
    max_connection_age: float | None = None
    max_header_bytes: int = limits.MAX_HEADER_BYTES
    max_header_count: int = limits.MAX_HEADER_COUNT

    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_keyfile_password: str | None = None
    ssl_ca_certs: str | None = None
    ssl_cert_reqs: int = 0
    ssl_ciphers: str | None = None

    proxy_headers: bool = True
    forwarded_allow_ips: str = "127.0.0.1,::1"
    date_header: bool = True
    server_header: bool = True
    headers: tuple[tuple[str, str], ...] = ()

    log_level: str | None = None
    log_config: str | None = None
    access_log: bool = True
    log_format: str = "uvicorn"
    use_colors: bool | None = None

    @property
    def supervised(self) -> bool:
        """Whether the application runs in processes of its own, with a supervisor above them."""
        return self.workers > 1 or self.reload

    @property
    def scheme(self) -> str:
        return "https" if self.ssl_certfile else "http"

    def to_json(self) -> str:
        """One line for ``from_json``."""
        import json  # only where there are workers

        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, line: str) -> Settings:
        """The settings that ``to_json`` wrote."""
        import json

        values: dict[str, Any] = json.loads(line)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        lists["headers"] = tuple((name, value) for name, value in values["headers"])
        return cls(**values | lists)
