"""The decision tree of ServeMux: from host, method and path to the one best route.

By host, then by method, then by one segment of the path per level.  On each level the most specific
way is tried first (literal or ``{$}``, ``{name}``, ``{name...}``) and given up again when nothing below it
matches.  As no two routes conflict (pattern.py), the first that matches is the most specific.

A literal path needs no tree: ``_plain`` maps it to its routes by method.  What is found there is what
the tree would find: of two routes that match the path, a literal is the more specific one, or they conflict.

Go's net/http, routing_tree.go; there, an index finds the conflicts of a new pattern, here the tree does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.server.pattern import Kind, Pattern, Segment, split_path
from holdfast.url import clean_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.server.handlers import AsyncHandler

__all__ = ["Match", "Route", "Tree", "is_exact"]


class Route(NamedTuple):
    """A pattern and the handler registered for it."""

    pattern: Pattern
    handler: AsyncHandler


class Match(NamedTuple):
    """A route that was found, and what its wildcards stand for, decoded."""

    route: Route
    values: dict[str, str]


class Tree:
    """All routes of one mux."""

    __slots__ = ("_hosts", "_plain", "has_hosts", "routes")

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.has_hosts = False
        self._hosts: dict[str, dict[str, Node]] = {}  # host, "" for any; then method, "" for any
        self._plain: dict[str, dict[str, Route]] = {}  # path, then method; only of patterns without a host

    def add(self, route: Route) -> None:
        """Add a route that conflicts with none of ``meeting(route.pattern)``."""
        pattern = route.pattern
        node = self._hosts.setdefault(pattern.host, {}).setdefault(pattern.method, Node())
        node.add(pattern.segments, route)
        self.routes.append(route)
        self.has_hosts = self.has_hosts or pattern.host != ""
        path = None if pattern.host else _plain_path(pattern)
        if path is not None:
            by_method = self._plain.setdefault(path, {})
            if not pattern.is_multi or pattern.method not in by_method:
                by_method[pattern.method] = route

    def plain(self, host: str, method: str, path: str) -> Route | None:
        """Return the route of a literal path, when that is the answer; the path is clean then.

        The route has no wildcards but a final one, which stands for nothing.
        """
        by_method = self._plain.get(path)
        if by_method is None or (host and host in self._hosts):
            return None
        route = by_method.get(method)
        if route is None and method == "HEAD":
            route = by_method.get("GET")
        return route or by_method.get("")

    def match(self, host: str, method: str, path: str) -> Match | None:
        """Return the best route for an escaped path that begins with ``/``."""
        segments = split_path(path)
        for key in (host, "") if host else _NO_HOST:
            by_method = self._hosts.get(key)
            if by_method is None:
                continue
            for way in (method, "GET", "") if method == "HEAD" else (method, ""):
                node = by_method.get(way)
                if node is None:
                    continue
                values: list[str] = []
                route = node.find(segments, 0, values)
                if route is not None:
                    names = route.pattern.names
                    # As many values as names; saying so with strict= would cost as much as the search.
                    return Match(route, dict(zip(names, values)) if names else {})  # noqa: B905
        return None

    def methods(self, host: str, path: str) -> set[str]:
        """Return the methods for which there is a route to ``path``."""
        segments = split_path(path)
        found = {
            method
            for key in {host, ""}
            for method, node in self._hosts.get(key, {}).items()
            if node.find(segments, 0, []) is not None
        }
        return found | {"HEAD"} if "GET" in found else found

    def meeting(self, pattern: Pattern) -> Iterator[Route]:
        """Give every route of the same host that matches a path that ``pattern`` matches too."""
        for node in self._hosts.get(pattern.host, {}).values():
            yield from node.meeting(pattern.segments, 0)


_NO_HOST: Final = ("",)


def is_exact(match: Match | None, path: str) -> bool:
    """Say whether there is a match in which no multi wildcard stands for more than nothing."""
    if match is None:
        return False
    pattern = match.route.pattern
    return not pattern.is_multi or (path[-1] == "/" and path.count("/") == len(pattern.segments))


class Node:
    """What may follow after some segments."""

    __slots__ = ("end", "leaf", "literals", "multi", "single")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.single: Node | None = None
        self.multi: Route | None = None
        self.end: Route | None = None
        self.leaf: Route | None = None  # of the pattern that ends here

    def add(self, segments: tuple[Segment, ...], route: Route) -> None:
        """Add a route below this node."""
        node = self
        for kind, text in segments:
            if kind is Kind.MULTI:
                node.multi = route
                return
            if kind is Kind.END:
                node.end = route
                return
            if kind is Kind.LITERAL:
                node = node.literals.setdefault(text, Node())
            else:
                node.single = node.single or Node()
                node = node.single
        node.leaf = route

    def find(self, segments: list[str], at: int, values: list[str]) -> Route | None:
        """Return the best route for ``segments[at:]``; put what its wildcards stand for into ``values``."""
        if at == len(segments):
            return self.leaf
        segment = segments[at]
        below = self.literals.get(segment)
        if below is not None and (route := below.find(segments, at + 1, values)) is not None:
            return route
        if segment or at + 1 < len(segments):
            if self.single is not None:
                values.append(segment)
                if (route := self.single.find(segments, at + 1, values)) is not None:
                    return route
                values.pop()
        elif self.end is not None:
            return self.end
        if self.multi is not None and self.multi.pattern.segments[-1].text:
            values.append("/".join(segments[at:]))
        return self.multi

    def meeting(self, segments: tuple[Segment, ...], at: int) -> Iterator[Route]:
        """Give every route below that matches a path that ``segments[at:]`` match too."""
        if at == len(segments):
            if self.leaf is not None:
                yield self.leaf
            return
        if self.multi is not None:
            yield self.multi
        kind, text = segments[at]
        if kind is Kind.MULTI:
            yield from self._longer()
        elif kind is Kind.END:
            if self.end is not None:
                yield self.end
        else:
            literals = self.literals
            below = literals.values() if kind is Kind.SINGLE else (literals.get(text),)
            for node in (*below, self.single):
                if node is not None:
                    yield from node.meeting(segments, at + 1)

    def _longer(self) -> Iterator[Route]:
        """Give every route below but ``leaf`` and ``multi`` of this node."""
        if self.end is not None:
            yield self.end
        for node in (*self.literals.values(), self.single):
            if node is not None:
                if node.leaf is not None:
                    yield node.leaf
                if node.multi is not None:
                    yield node.multi
                yield from node._longer()


def _plain_path(pattern: Pattern) -> str | None:
    """Return the clean path without escapes that ``pattern`` matches word for word, if there is one."""
    if any(kind is Kind.SINGLE for kind, _ in pattern.segments):
        return None
    words = [text if kind is Kind.LITERAL else "" for kind, text in pattern.segments]
    path = "/" + "/".join(words)
    # A word with an escaped slash in it makes more segments than it is.
    is_plain = path.isascii() and "%" not in path and clean_path(path) == path and split_path(path) == words
    return path if is_plain else None
