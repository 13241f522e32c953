"""The soak as a chart: memory, tasks and descriptors over time, as SVG written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw"]


def draw(samples: Sequence[dict[str, float]]) -> str:
    """One SVG document with a panel for each series, from 0 to its largest value."""
    height = _MARGIN + len(_SERIES) * (_PANEL + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}">',
        f"<style>{_STYLE}</style>",
    ]
    top = _MARGIN
    for key, title in _SERIES:
        values = [sample[key] for sample in samples]
        parts += _panel(title, [sample["seconds"] for sample in samples], values, top)
        top += _PANEL + _GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, seconds: Sequence[float], values: Sequence[float], top: int) -> list[str]:
    largest, last = max(values) or 1.0, max(seconds) or 1.0
    width, bottom = _WIDTH - _LEFT - _MARGIN, top + _PANEL
    points = " ".join(
        f"{_LEFT + width * second / last:.1f},{bottom - _PANEL * value / largest:.1f}"
        for second, value in zip(seconds, values, strict=True)
    )
    return [
        f'<text x="{_LEFT}" y="{top - 8}">{title}</text>',
        f'<path d="M{_LEFT} {top}V{bottom}H{_WIDTH - _MARGIN}" class="axis"/>',
        f'<text x="{_LEFT - 8}" y="{top + 10}" class="end">{largest:,.0f}</text>',
        f'<text x="{_LEFT - 8}" y="{bottom}" class="end">0</text>',
        f'<text x="{_WIDTH - _MARGIN}" y="{bottom + 16}" class="end">{last:.0f} s</text>',
        f'<polyline points="{points}" class="line"/>',
    ]


_SERIES = (("mib", "Memory, MiB"), ("tasks", "Tasks"), ("descriptors", "Descriptors"))
_WIDTH, _PANEL, _GAP, _LEFT, _MARGIN = 760, 110, 50, 70, 30
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.end{text-anchor:end}"
    ".axis{fill:none;stroke:#8c959f}.line{fill:none;stroke:#2f7d5b;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#d0d7de}.line{stroke:#4fb286}}"
)
