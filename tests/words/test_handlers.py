"""``holdfast.handlers``: the facade."""

from __future__ import annotations

import inspect

import pytest

from holdfast import handlers


@pytest.mark.parametrize("name", handlers.__all__)
def test_everything_there_is_a_documented_handler(name):
    thing = getattr(handlers, name)
    call = thing.serve_http if inspect.isclass(thing) else thing
    assert inspect.iscoroutinefunction(call)
    assert inspect.getdoc(thing)
    assert inspect.getdoc(call)
