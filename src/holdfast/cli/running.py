"""One server in this process, from the import of its application to its end.

The same for the only process of ``holdfast serve`` (``run_alone``) and for a worker: they differ in who
is told that it is ready, and in who says that it should leave.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from holdfast import limits
from holdfast.cli import garbage
from holdfast.cli.build import build
from holdfast.cli.loading import load
from holdfast.cli.messages import log, reopen_log_files, running_on
from holdfast.cli.tls import tls_config
from holdfast.errors import CannotStart, ServerClosed, Timeout, TLSError
from holdfast.net import tasks
from holdfast.net.notify import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from holdfast.cli.settings import Settings
    from holdfast.net.listen import Listener
    from holdfast.server.server import Server

__all__ = ["Running", "run_alone"]


def run_alone(settings: Settings, listeners: Sequence[Listener]) -> None:
    """Serve in this process until SIGTERM or SIGINT; a second SIGINT closes at once.

    Raises:
        CannotStart: the application cannot be served.
    """
    running = Running(settings, listeners)

    def ready() -> None:
        urls = [listener.url(running.server.scheme) for listener in listeners]
        for line in running_on(urls, running.what):
            log.info(line)
        notify("READY=1", os.environ)

    def leave() -> None:
        notify("STOPPING=1", os.environ)
        running.drain()

    def interrupt() -> None:
        running.close() if running.leaving else leave()

    def worn() -> None:
        log.info("answered its number of requests")
        leave()

    running.run(ready, worn, {signal.SIGTERM: leave, signal.SIGINT: interrupt})


class Running:
    """A server, and what it may be told while it runs.

    Attributes:
        server: made from the application, whose import is the first thing done.
        what: what is served, for people.
        leaving: it was told to.

    Raises:
        CannotStart: the application cannot be served.
    """

    def __init__(self, settings: Settings, listeners: Sequence[Listener]) -> None:
        garbage.resume()
        application = load(
            settings.target,
            app_dir=settings.app_dir,
            factory=settings.factory,
            interface=settings.interface,
        )
        if application.warning:
            log.warning(application.warning)
        self.what = application.describe(settings.target)
        self.leaving = False
        self._worn: Callable[[], None] = _nothing
        self._settings = settings
        self._listeners = listeners
        self._starting: tasks.Task[Any] | None = None
        self._ending: tasks.Task[Any] | None = None
        try:
            self.server: Server = build(settings, application, tls_config(settings), lambda: self._worn())
        except (TypeError, ValueError) as error:
            raise CannotStart(f"{settings.target} cannot be served: {error}") from error

    def run(
        self,
        ready: Callable[[], None],
        worn: Callable[[], None],
        signals: Mapping[int, Callable[[], None]],
        begin: Callable[[], Any] = lambda: None,
    ) -> None:
        """Serve, and return when all is over.

        Args:
            ready: called once it serves.
            worn: called once, when it has answered as many requests as it may.
            signals: what to call at which signal, beside SIGUSR1 (log files) and SIGUSR2 (snapshot).
            begin: called first on the loop.

        Raises:
            CannotStart: the application's own start failed.
        """
        self._worn = worn
        handlers = {signal.SIGUSR1: reopen_log_files, signal.SIGUSR2: self.snapshot, **signals}
        loop: Any = self._settings.loop
        tasks.run(self._run(ready, handlers, begin), loop=loop)

    # --- what it may be told, on its loop ---

    def drain(self, *, last: bool = True) -> None:
        """Finish what is in flight, and leave.

        Args:
            last: nobody goes on listening: what waits to be accepted is answered, too.
        """
        if self.leaving:
            return
        self.leaving = True
        log.info("Shutting down")
        if self._starting is not None:
            self._starting.cancel()
        else:
            self._ending = tasks.spawn(self._shut_down(last), "shutdown")

    def close(self) -> None:
        """Leave what is in flight, and go."""
        self.leaving = True
        if self._starting is not None:
            self._starting.cancel()
        else:
            closing = tasks.spawn(self.server.close(), "close")
            self._ending = self._ending or closing

    def snapshot(self) -> None:
        """Write what every connection is doing into the log."""
        connections = self.server.connections()
        log.info("%d connections; %s", len(connections), self.server.stats())
        for info in connections:
            line = f"{info.peer or '-'} {info.state} for {info.state_age:.1f} s, {info.age:.1f} s old"
            log.info(
                "\n    ".join([f"{line}, {info.requests} requests {info.request}".rstrip(), *info.stack])
            )

    # --- how it goes ---

    async def _run(
        self, ready: Callable[[], None], handlers: Mapping[int, Callable[[], None]], begin: Callable[[], Any]
    ) -> None:
        log.info("Started server process [%d]", os.getpid())
        undo = [tasks.on_signal(number, handler) for number, handler in handlers.items()]
        try:
            begin()
            if await self._start():
                ready()
                await self._serve()
        finally:
            for remove in undo:
                remove()
        log.info("Finished server process [%d]", os.getpid())

    async def _start(self) -> bool:
        """Begin to serve; False when it was told to leave before it could."""
        waits = hasattr(self.server.handler, "startup") and self._settings.lifespan != "off"
        if waits:
            log.info("Waiting for application startup.")
        self._starting = tasks.spawn(self.server.start(self._listeners), "start")
        try:
            await self._starting
        except tasks.CancelledError:
            return False
        except TLSError as error:  # it was right when the command began
            raise CannotStart(str(error)) from error
        finally:
            self._starting = None
        if waits:
            log.info("Application startup complete.")
        return True

    async def _serve(self) -> None:
        try:
            await self.server.serve([])
        except ServerClosed:
            pass
        self.drain()  # unless it was: the server may have been shut down by its application
        if self._ending is not None:
            await self._ending

    async def _shut_down(self, last: bool) -> None:
        try:
            await self.server.shutdown(
                self._settings.timeout_graceful_shutdown, drain_backlog=last, idle_grace=limits.IDLE_GRACE
            )
        except Timeout as error:
            log.warning("%s", error)


def _nothing() -> None: ...
