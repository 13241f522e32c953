"""Bar charts as SVG, written by hand: one file that a README can show, in light and in dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measure import Result

__all__ = ["Bar", "Panel", "draw", "ratio_panels"]


@dataclass(frozen=True)
class Bar:
    """One bar: what stands left of it, its length, what stands right of it, and where the goal is."""

    label: str
    value: float
    text: str
    goal: float | None = None
    good: bool = True


@dataclass(frozen=True)
class Panel:
    """A group of bars with one scale."""

    title: str
    bars: Sequence[Bar]


def ratio_panels(results: Iterable[Result]) -> list[Panel]:
    """Two charts of ours divided by each peer: where more is better, and where less is."""
    more: list[Bar] = []
    less: list[Bar] = []
    for result in results:
        for contestant in result.row.contestants[1:]:
            ratio, goal = result.ratio(contestant.label), result.row.goal(contestant.label)
            if ratio is not None:
                met = result.met(contestant.label)
                label = f"{result.row.name} ÷ {contestant.label}"
                bar = Bar(label, ratio, f"{ratio:.2f}", goal.factor if goal else None, met is not False)
                (less if result.row.probe.less_is_better else more).append(bar)
    titles = ("Holdfast ÷ peer: more is better", "Holdfast ÷ peer: less is better")
    return [Panel(title, bars) for title, bars in zip(titles, (more, less), strict=True) if bars]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The chart as one SVG document; a mark on a bar is its goal."""
    parts, y = [], _MARGIN + _LINE
    parts.append(f'<text x="{_MARGIN}" y="{y - 8}" class="title">{escape(title)}</text>')
    for panel in panels:
        y += _LINE
        parts.append(f'<text x="{_MARGIN}" y="{y}" class="panel">{escape(panel.title)}</text>')
        y += 10
        longest = max((max(bar.value, bar.goal or 0.0) for bar in panel.bars), default=0.0) or 1.0
        for bar in panel.bars:
            parts.append(_bar(bar, y, (_WIDTH - _LEFT - _RIGHT) / longest))
            y += _LINE
    height = y + _MARGIN
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"


def _bar(bar: Bar, y: float, scale: float) -> str:
    width, middle = bar.value * scale, y + _LINE / 2 + 4
    kind = "good" if bar.good else "short"
    parts = [
        f'<text x="{_LEFT - 8}" y="{middle:.1f}" class="label">{escape(bar.label)}</text>',
        f'<rect x="{_LEFT}" y="{y + 4:.1f}" width="{width:.1f}" height="{_LINE - 8}" rx="2" class="{kind}"/>',
    ]
    end = _LEFT + width
    if bar.goal is not None:
        at = _LEFT + bar.goal * scale
        end = max(end, at)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y + 1:.1f}" y2="{y + _LINE - 1:.1f}" class="goal"/>'
        )
    parts.append(f'<text x="{end + 6:.1f}" y="{middle:.1f}" class="value">{escape(bar.text)}</text>')
    return "\n".join(parts)


_WIDTH, _LEFT, _RIGHT, _MARGIN, _LINE = 760, 220, 110, 16, 24
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}"
    ".title{font-size:16px;font-weight:600}.panel{font-weight:600}"
    ".label{text-anchor:end}.good{fill:#2f7d5b}.short{fill:#c77d2e}.goal{stroke:#24292f;stroke-width:2}"
    "@media(prefers-color-scheme:dark)"
    "{text{fill:#d0d7de}.goal{stroke:#d0d7de}.good{fill:#4fb286}.short{fill:#e3a15a}}"
)
