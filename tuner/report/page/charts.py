"""Charts: inline SVG in the colours of the page, with a tooltip on each mark.

Texts and attributes are escaped where they become SVG, and nowhere else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from tuner.report.page.axes import Axis, Value

# The size of a chart in the units of its view box; the page scales it.
WIDTH, HEIGHT = 480, 310
LEFT, RIGHT, TOP, BOTTOM = 70, 26, 10, 44
BROAD, TALL = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

# The points of a line, as values of the x and the y axis.
Points = Iterable[tuple[Value, Value]]


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """An element; underscores in attribute names become dashes, and a trailing one is dropped.

    >>> str(element("text", "a < b", class_="x", text_anchor="end"))
    '<text class="x" text-anchor="end">a &lt; b</text>'
    """
    own = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{own}>{inside}</{name}>" if inside else f"<{name}{own}/>")


def _attribute(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def between(share: float) -> str:
    """The style of a colour between the page's cold and hot ends.

    Args:
        share: from 0, cold, to 1, hot.
    """
    return f"--c:color-mix(in oklab,var(--hot) {100 * min(max(share, 0.0), 1.0):.0f}%,var(--cold))"


@dataclass
class Chart:
    """Axes, and the marks between them.

    Attributes:
        title, caption: the texts above and below the chart.
        legend: names by CSS class.
    """

    title: str
    x: Axis
    y: Axis
    caption: str = ""
    legend: dict[str, str] = field(default_factory=dict)
    marks: list[Markup] = field(default_factory=list)

    def line(self, points: Points, kind: str, said: str = "", style: str = "") -> None:
        """Draws a line through points, with gaps at points without a position."""
        path, pen = [], "M"
        for x, y in points:
            at = self._at(x, y)
            if at is None:
                pen = "M"
            else:
                path.append(f"{pen}{at[0]:.1f} {at[1]:.1f}")
                pen = "L"
        if path:
            self._add("path", said, d="".join(path), class_=f"line {kind}", style=style)

    def dot(self, x: Value, y: Value, kind: str, said: str = "", size: float = 4,
            style: str = "") -> None:  # fmt: skip
        """Draws a dot with a tooltip."""
        if at := self._at(x, y):
            self._add("circle", said, cx=at[0], cy=at[1], r=size, class_=kind, style=style)

    def cross(self, x: Value, said: str = "", on_top: bool = True) -> None:
        """Draws a cross at the top or bottom edge, for a trial without a value."""
        place = self.x.place(x)
        if place is not None:
            at, up = place * BROAD, 7 if on_top else TALL - 7
            d = f"M{at - 4:.1f} {up - 4}l8 8m0-8l-8 8"
            self._add("path", said, d=d, class_="line diverged cross")

    def cell(self, left: Value, right: Value, low: Value, high: Value, kind: str,
             said: str = "", style: str = "") -> None:  # fmt: skip
        """Draws a rectangle between values."""
        corner, other = self._at(left, high), self._at(right, low)
        if corner and other:
            size = {"width": max(other[0] - corner[0], 1.0), "height": other[1] - corner[1]}
            self._add("rect", said, x=corner[0], y=corner[1], **size, class_=kind, style=style)

    def column(self, left: Value, right: Value, kind: str, said: str) -> None:
        """Draws a band from the bottom to the top."""
        ends = self.x.place(left), self.x.place(right)
        if ends[0] is not None and ends[1] is not None:
            start, width = ends[0] * BROAD, max((ends[1] - ends[0]) * BROAD, 4.0)
            self._add("rect", said, x=start, y=0, width=width, height=TALL, class_=kind)

    def band(self, edges: Sequence[tuple[Value, Value, Value]], kind: str, said: str) -> None:
        """Draws an area: for each x, from one y to another."""
        there = [self._at(x, low) for x, low, _ in edges]
        back = [self._at(x, high) for x, _, high in reversed(edges)]
        corners = " ".join(f"{at[0]:.1f},{at[1]:.1f}" for at in (*there, *back) if at)
        self._add("polygon", said, points=corners, class_=kind)

    def svg(self) -> Markup:
        """The chart as SVG."""
        grid, labels = [], []
        for at, text in self.x.ticks():
            x = LEFT + at * BROAD
            grid.append(element("path", d=f"M{x:.1f} {TOP}v{TALL}"))
            labels.append(element("text", text, x=x, y=HEIGHT - BOTTOM + 15, text_anchor="middle"))
        for at, text in self.y.ticks():
            y = TOP + (1 - at) * TALL
            grid.append(element("path", d=f"M{LEFT} {y:.1f}h{BROAD}"))
            labels.append(element("text", text, x=LEFT - 6, y=y + 4, text_anchor="end"))
        middle = f"rotate(-90 12 {TOP + TALL / 2:.0f})"
        under = element("text", self.x.label, x=LEFT + BROAD / 2, y=HEIGHT - 8, class_="name",
                        text_anchor="middle")  # fmt: skip
        beside = element("text", self.y.label, x=12, y=TOP + TALL / 2, class_="name",
                         text_anchor="middle", transform=middle)  # fmt: skip
        # The inner SVG clips what lies outside the axes.
        inside = element("svg", *self.marks, x=LEFT, y=TOP, width=BROAD, height=TALL)
        parts = element("g", *grid, class_="grid"), element("g", *labels), inside, under, beside
        return element("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img",
                       aria_label=self.title)  # fmt: skip

    def _at(self, x: Value, y: Value) -> tuple[float, float] | None:
        across, up = self.x.place(x), self.y.place(y)
        if across is None or up is None:
            return None
        # Clamp points far outside, which keeps the SVG short.
        return across * BROAD, (1 - min(max(up, -9.0), 9.0)) * TALL

    def _add(self, name: str, said: str, **attributes: str | float) -> None:
        kept = {key: value for key, value in attributes.items() if value != ""}
        self.marks.append(element(name, *([element("title", said)] if said else []), **kept))
