"""From ``module:attribute`` or a folder to something that can be served, and what it is.

Rule: a user's mistake is one line that says what was looked for and what is there instead.  A
traceback is shown for a failure inside the user's code only, and it begins there.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.errors import CannotStart

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Application", "folder_of", "interface_of", "load"]


class Application(NamedTuple):
    """What was found.

    Attributes:
        interface: ``"asgi3"``, ``"asgi2"``, ``"wsgi"``, ``"handler"``, ``"server"`` or ``"folder"``.
        value: the object; for a folder, its path.
        warning: what the user should know, or "".
    """

    interface: str
    value: Any
    warning: str = ""

    def describe(self, target: str) -> str:
        """What is served, for people: ``ASGI application app:app (FastAPI)``."""
        if self.interface == "folder":
            return f"the files of {self.value}"
        kind = {"handler": "handler", "server": "server"}.get(self.interface)
        kind = kind or f"{self.interface.rstrip('23').upper()} application"
        name = type(self.value).__name__
        return f"{kind} {target}" + ("" if name in ("function", "method", "type") else f" ({name})")


def load(target: str, *, app_dir: str = ".", factory: bool = False, interface: str = "auto") -> Application:
    """Import ``target`` and say what it is.

    Args:
        target: ``module:attribute`` (dots in either), or the path of a folder.
        app_dir: put first on ``sys.path``.
        factory: the attribute is a function without arguments that returns the application.
        interface: as in ``Application``, or ``"auto"``.

    Raises:
        CannotStart: there is no such thing, its import failed, or it cannot be served.
    """
    if (folder := folder_of(target)) is not None:
        return Application("folder", folder)
    module_name, attribute = _split(target)
    sys.path.insert(0, os.path.abspath(app_dir))
    value = _find(_import(module_name, app_dir), attribute, target)
    warning = ""
    if factory or (interface == "auto" and _is_factory(value)):
        if not factory:
            warning = (
                f"{target} takes no arguments: it was called to make the application; say so with --factory"
            )
        value = _call_factory(value, target)
    found = interface if interface != "auto" else interface_of(value)
    if found is None or not (callable(value) or found in ("handler", "server")):
        raise CannotStart(_not_servable(value, target))
    return Application("server" if _is_server(value) else found, value, warning)


def folder_of(target: str) -> str | None:
    """The absolute path, when ``target`` is the path of a folder.

    Raises:
        CannotStart: it can only be a path, and there is no folder.
    """
    if os.path.isdir(target) and (":" not in target or os.sep in target):
        return os.path.abspath(target)
    if ":" not in target and (os.sep in target or target.startswith(".")):
        raise CannotStart(
            f"there is no folder {target}" if not os.path.exists(target) else f"{target} is no folder"
        )
    return None


def interface_of(value: Any) -> str | None:
    """What ``value`` speaks, judged by what it can be called with; None when that fits nothing."""
    if _is_server(value):
        return "server"
    if hasattr(value, "serve_http"):
        return "handler"
    if (names := _parameters(value)) is None:
        return "asgi3" if _is_async(value) else None  # (*args): a wrapped application
    if len(names) == 3:
        return "asgi3"
    if len(names) == 1:
        return "asgi2"
    if len(names) == 2:
        return "handler" if _is_async(value) or _is_native(value, names) else "wsgi"
    return None


def _split(target: str) -> tuple[str, str]:
    module, colon, attribute = target.partition(":")
    if module.endswith(".py"):
        module = module.removesuffix(".py").replace(os.sep, ".").lstrip(".")
        raise CannotStart(f"{target} is a file; write the module's name: {module}:{attribute or 'app'}")
    if not colon or not module or not attribute:
        raise CannotStart(
            f'"{target}" is neither a folder nor module:attribute; write {module or "module"}:app'
        )
    return module, attribute


def _import(name: str, app_dir: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise _failed(error, f"importing {name} failed") from error
        near = _near(error.name, _modules_in(app_dir))
        raise CannotStart(f'there is no module "{error.name}" in {os.path.abspath(app_dir)}{near}') from None
    except Exception as error:
        raise _failed(error, f"importing {name} failed") from error
    except SystemExit as error:
        raise CannotStart(f"{name} exits ({error.code}) when it is imported") from None


def _find(module: ModuleType, attribute: str, target: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            where = f"module {module.__name__}" if value is module else repr(value)
            near = _near(part, [name for name in dir(value) if not name.startswith("_")])
            raise CannotStart(f'"{target}": {where} has no attribute "{part}"{near}') from None
    return value


def _near(name: str, names: list[str]) -> str:
    import difflib  # only who mistypes pays for it

    close = difflib.get_close_matches(name, names, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _modules_in(folder: str) -> list[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    files = [entry.name.removesuffix(".py") for entry in entries if entry.name.endswith(".py")]
    return files + [entry.name for entry in entries if entry.is_dir()]


def _failed(error: Exception, what: str) -> CannotStart:
    """The failure of the user's code, with its traceback from there on."""
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    details = (
        "".join(traceback.format_exception(type(error), error, frames))
        if frames or _has_source(error)
        else ""
    )
    return CannotStart(f"{what}: {type(error).__name__}: {_first_line(error)}", details=details)


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen ") or filename == importlib.__file__


def _has_source(error: Exception) -> bool:
    return isinstance(error, SyntaxError)  # it has no frame, but says the line itself


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _call_factory(value: Any, target: str) -> Any:
    if not callable(value):
        raise CannotStart(f"--factory: {target} is {_kind(value)}, which cannot be called")
    try:
        inspect.signature(value).bind()
    except TypeError:
        raise CannotStart(f"--factory: {target} needs arguments; a factory has none") from None
    except ValueError:
        pass  # a builtin: it can only be tried
    try:
        return value()
    except Exception as error:
        raise _failed(error, f"the factory {target} failed") from error


def _is_factory(value: Any) -> bool:
    """Whether this is a function or class that is called without arguments, and therefore no application."""
    if not (inspect.isfunction(value) or inspect.isclass(value)) or _is_async(value):
        return False
    names = _parameters(value)
    return names is not None and not names


def _is_server(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("serve", "shutdown", "listen_and_serve"))


def _parameters(value: Any) -> list[str] | None:
    """Names of the arguments that a call must give by position; None if it is not callable, or takes any."""
    if not callable(value):
        return None
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return [p.name for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]


def _is_async(value: Any) -> bool:
    call = value if inspect.isroutine(value) else getattr(value, "__call__", None)  # noqa: B004 - its method
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(call)


def _is_native(value: Any, names: list[str]) -> bool:
    """Whether a plain function of two arguments is ``(w, r)``, not WSGI's ``(environ, start_response)``."""
    hints = " ".join(str(hint) for hint in getattr(value, "__annotations__", {}).values())
    return "ResponseWriter" in hints or names[0] in ("w", "writer", "response_writer")


def _not_servable(value: Any, target: str) -> str:
    if not callable(value):
        return f"{target} is {_kind(value)}, which is no application"
    return f"cannot tell what {target} speaks ({_kind(value)}); say it with --interface"


def _kind(value: Any) -> str:
    return f"a module ({value.__name__})" if inspect.ismodule(value) else f"of type {type(value).__name__}"
