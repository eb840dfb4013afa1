"""The picture of a loss curve: what is drawn where, and how that becomes SVG or PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 500
SCALE = 2
"""Pixels of a PNG for each unit of the picture: sharp on a screen of today."""
FINER = 2
"""It is drawn so many times larger still and then made smaller, which smooths its lines."""
PAPER = "#ffffff"

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """A line through points."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    at: Point
    radius: float
    colour: str


@dataclass(frozen=True)
class Label:
    """Words on one line; `at` is on their base line."""

    at: Point
    text: str
    size: int
    colour: str
    anchor: Literal["start", "middle", "end"] = "start"


Shape = Stroke | Dot | Label


def to_svg(shapes: Sequence[Shape]) -> str:
    """The picture as a file for a browser or a paper."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>\n' + "\n".join(map(_element, shapes)) + "\n</svg>\n"
    )


def _element(shape: Shape) -> str:
    match shape:
        case Stroke(points, colour, width):
            told = " ".join(f"{x:g},{y:g}" for x, y in points)
            return f'<polyline fill="none" stroke="{colour}" stroke-width="{width:g}" points="{told}"/>'
        case Dot((x, y), radius, colour):
            return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>'
        case Label((x, y), text, size, colour, anchor):
            place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
            return f"<text {place}>{escape(text)}</text>"


def to_png(shapes: Sequence[Shape]) -> bytes:
    """The picture as pixels, `SCALE` for each unit."""
    from PIL import Image, ImageDraw, ImageFont  # asked for seldom, and the window need not wait for it to start

    times = SCALE * FINER
    image = Image.new("RGB", (WIDTH * times, HEIGHT * times), PAPER)
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        match shape:
            case Stroke(points, colour, width):
                draw.line([(x * times, y * times) for x, y in points], colour, math.ceil(width * times), joint="curve")
            case Dot((x, y), radius, colour):
                draw.circle((x * times, y * times), radius * times, colour)
            case Label((x, y), text, size, colour, anchor):
                side = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
                draw.text((x * times, y * times), text, colour, ImageFont.load_default(size * times), side)
    written = io.BytesIO()
    image.resize((WIDTH * SCALE, HEIGHT * SCALE), Image.Resampling.LANCZOS).save(written, "PNG", optimize=True)
    return written.getvalue()
