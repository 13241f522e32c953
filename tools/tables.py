"""``make tables``: the tables that live in code, rendered into docs/.

One function per table, named in ``TABLES``; the page decides where it stands, by
a block (see ``tools.blocks``).  tests/rules/test_tables.py renders them all again
and compares.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

import holdfast
from holdfast import errors, handlers, limits
from holdfast.cli.flags import SECTIONS
from holdfast.server.settings import Settings
from holdfast.wire import lifecycle, persistence
from holdfast.wire.lifecycle import LIFECYCLE, TIMER, Side, State
from tests.rules.test_layers import RULES
from tools import nethttp, requirements
from tools.blocks import DOCS, Renderers, run, table
from tools.comments import Constant, constants

if TYPE_CHECKING:
    from types import ModuleType
from typing import Any

__all__ = ["TABLES"]


def lifecycle_table() -> str:
    rows = (
        (row.state.name, row.event.name, row.to.name, (row.side.name or "").lower(), row.because)
        for row in LIFECYCLE
    )
    return table(("in", "on", "to", "side", "because"), rows)


def lifecycle_picture(side: Side) -> str:
    """A Mermaid state diagram of one side; rows that stay where they are would only blur it."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for row in LIFECYCLE:
        if row.side & side and row.to is not row.state:
            arrows.setdefault((row.state, row.to), []).append(row.event.name.lower())
    lines = [f"    {old.name} --> {new.name}: {', '.join(events)}" for (old, new), events in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> NEW", *lines, "```"])


def timers() -> str:
    comments = {constant.name: constant.comment for constant in _constants(lifecycle, "State")}
    rows = ((state.name, comments[state.name], TIMER.get(state, "none")) for state in State)
    return table(("state", "meaning", "the clock that runs"), rows)


def close_reasons() -> str:
    sections = {constant.name: constant for constant in _constants(persistence, "CloseReason")}
    rows = (
        (f"`{reason.name}`", reason.value, _rfc(sections[reason.name].comment))
        for reason in persistence.CloseReason
    )
    return table(("reason", "what the log says", "section"), rows)


def layers() -> str:
    rows = (
        (
            f"`{name}`",
            rule.because,
            ", ".join(f"`{may}`" if may else "everything" for may in rule.may),
            " ".join(f"`{module}`" for module in sorted(rule.never)) or "—",
        )
        for name, rule in RULES.items()
    )
    return table(("layer", "it", "may import", "never"), rows)


def files() -> str:
    """Every source file with the first sentence of its docstring, layer by layer."""
    parts = []
    for title, patterns in FILES.items():
        found = sorted(path for pattern in patterns for path in SOURCE.glob(pattern))
        texts = ((path, ast.get_docstring(ast.parse(path.read_text()))) for path in found)
        rows = [
            (f"`{path.relative_to(SOURCE)}`", _code(_first_paragraph(text))) for path, text in texts if text
        ]
        parts.append(f"### {title}\n\n{table(('file', 'what it is'), rows)}")
    return "\n\n".join(parts)


def decisions() -> str:
    """A link to each decision, by its heading."""
    headings = ((path, path.read_text().partition("\n")[0]) for path in sorted(DECISIONS.glob("*.md")))
    return "\n".join(
        f"- [{heading.removeprefix('# ')}]({path.relative_to(DOCS)})" for path, heading in headings
    )


def limits_table() -> str:
    parts = []
    section = ""
    for constant in _constants(limits):
        if constant.section != section:
            section = constant.section
            header = table(("name", "value", "reason"), [])
            parts.append(f"\n### {section.capitalize()}\n\n{header}")
        reason = constant.comment or "belongs to the line above"
        parts.append(f"| `{constant.name}` | {_quantity(constant)} | {reason} |")
    return "\n".join(parts)


def error_tree() -> str:
    lines = (inspect.getdoc(errors) or "").splitlines()
    tree = [line for line in lines if line.startswith("    ") or not line]
    return "```\n" + inspect.cleandoc("\n".join(tree)).strip() + "\n```"


def error_classes() -> str:
    rows = ((f"`{name}`", _first_line(getattr(errors, name))) for name in errors.__all__)
    return table(("exception", "meaning"), rows)


def public_names() -> str:
    rows = []
    for name in holdfast.__all__:
        thing = getattr(holdfast, name)
        where = getattr(thing, "__module__", "") or ""
        rows.append((f"`{name}`", _kind(thing), _first_line(thing), f"`{where}`" if where else ""))
    return table(("name", "kind", "what it is", "where it lives"), rows)


def ready_handlers() -> str:
    """What ``holdfast.handlers`` has, as it is called."""
    things = ((name, getattr(handlers, name)) for name in handlers.__all__)
    rows = ((f"`{name}{_called(thing)}`", _first_line(thing)) for name, thing in things)
    return table(("handler", "what it does"), rows)


def _called(thing: type) -> str:
    """A signature without annotations."""
    signature = inspect.signature(thing)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(inspect.Signature(bare))


def settings() -> str:
    """The fields of ``Settings`` in the groups of its source; their text is the docstring's."""
    texts = {name: " ".join(text.split()) for name, text in ARGUMENT.findall(inspect.getdoc(Settings) or "")}
    parts = []
    for title, group in zip(SETTINGS_GROUPS, _field_groups(Settings), strict=True):
        rows = ((f"`{field.name}`", _default(field), _code(texts.pop(field.name))) for field in group)
        parts.append(f"### {title}\n\n{table(('setting', 'default', 'what it is'), rows)}")
    if texts:
        raise LookupError(f"documented, but no field of Settings: {', '.join(texts)}")
    return "\n\n".join(parts)


def _field_groups(cls: type) -> list[list[dataclasses.Field[Any]]]:
    """A dataclass's fields, split where its source has an empty line between them."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    groups: list[list[dataclasses.Field[Any]]] = []
    last = 0
    (definition,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(definition, ast.ClassDef)
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.lineno > last + 1:
                groups.append([])
            groups[-1].append(fields[node.target.id])
            last = node.end_lineno or node.lineno
    return groups


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "a new one"
    value = field.default
    if isinstance(value, int) and value % 1024 == 0 and field.name.endswith("bytes"):
        return f"{value >> 10} KiB"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value!r}`"


def cli_flags() -> str:
    parts = []
    for title, options in SECTIONS.items():
        context = click.Context(click.Command("serve"), show_default=True, max_content_width=100)
        rows = [(_flag_names(option), _environment(option), _help(option, context)) for option in options]
        parts.append(f"### {title}\n\n{table(('flag', 'environment', 'what it does'), rows)}\n")
    return "\n".join(parts)


def _flag_names(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if isinstance(option.type, click.Choice):
        names += f" ({', '.join(option.type.choices)})"
    return names + " (repeatable)" * option.multiple


def _environment(option: click.Option) -> str:
    given = option.envvar or f"HOLDFAST_{(option.name or '').upper()}"
    return ", ".join(f"`{name}`" for name in ([given] if isinstance(given, str) else given))


def _help(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    return " ".join((record[1] if record else "").split())


def _constants(module: ModuleType, within: str = "") -> list[Constant]:
    return constants(Path(inspect.getfile(module)).read_text(), within)


def _rfc(comment: str) -> str:
    return comment[comment.rindex("RFC ") :] if "RFC " in comment else ""


def _quantity(constant: Constant) -> str:
    """As people say it: sizes are written as shifts in the source, times as floats."""
    value = getattr(limits, constant.name)
    if "<<" in constant.value:
        return f"{value >> 20} MiB" if value % (1 << 20) == 0 else f"{value >> 10} KiB"
    if isinstance(value, float):
        return f"{value:g} byte/s" if constant.name.endswith("RATE") else f"{value:g} s"
    return f"{value:,}".replace(",", " ")


def _first_line(thing: object) -> str:
    if isinstance(thing, type) or callable(thing) or inspect.ismodule(thing):
        return _code((inspect.getdoc(thing) or "").partition("\n")[0])
    return ""


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _code(text: str) -> str:
    """Docstrings mark code with two backticks, Markdown with one."""
    return text.replace("``", "`")


def _kind(thing: object) -> str:
    if inspect.ismodule(thing):
        return "module"
    if isinstance(thing, type):
        return "exception" if issubclass(thing, BaseException) else "class"
    return "function" if callable(thing) else "value"


DECISIONS = DOCS / "design" / "decisions"
SOURCE = Path(inspect.getfile(holdfast)).parent
FILES = {
    "The top: the words, and what is public": ["*.py"],
    "wire": ["wire/*.py", "wire/*/*.py"],
    **{layer: [f"{layer}/*.py"] for layer in ("net", "trace", "server", "hosts", "cli", "testing")},
}

ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)

SETTINGS_GROUPS = ("What and where", "Clocks, in seconds", "Limits", "Hooks", "Running")

TABLES: Renderers = {
    "lifecycle": lifecycle_table,
    "lifecycle-server": lambda: lifecycle_picture(Side.SERVER),
    "lifecycle-client": lambda: lifecycle_picture(Side.CLIENT),
    "timers": timers,
    "close-reasons": close_reasons,
    "layers": layers,
    "files": files,
    "decisions": decisions,
    "limits": limits_table,
    "error-tree": error_tree,
    "error-classes": error_classes,
    "public-names": public_names,
    "handlers": ready_handlers,
    "settings": settings,
    "cli": cli_flags,
    "nethttp-counts": nethttp.counts,
    "requirements-counts": requirements.counts,
}


if __name__ == "__main__":
    run(TABLES, "Render the tables that live in code into docs/.")
