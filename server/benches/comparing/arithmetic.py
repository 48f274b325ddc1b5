"""Medians, ratios, and how figures are written. Pure: it knows no servers."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of several rounds, and how far they lay apart."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(figures):
        """None when nothing was measured."""
        known = [figure for figure in figures if figure is not None]
        return Spread(statistics.median(known), min(known), max(known)) if known else None


def ratio(figures, beside):
    """The spread of the rounds' own ratios: two servers in one round met the same machine, those of two rounds may not
    have. Rounds in which one of the two is missing, or nothing was measured beside, do not count."""
    return Spread.of([one / other for one, other in zip(figures, beside) if one is not None and other])


def slope(more, less, over):
    """What one unit of `over` costs, from two runs of different length: what both have in common falls out."""
    units = more[1] - less[1]
    if units <= 0:
        raise ValueError(f"the longer run has not had more {over} than the shorter one")
    return (more[0] - less[0]) / units


def number(figure):
    """Three digits that mean something: 3,380,000; 46.4; 0.218."""
    if figure is None:
        return "-"
    if abs(figure) >= 100:
        digits = len(str(int(abs(figure)))) - 3
        return f"{round(figure, -digits):,.0f}"
    return f"{figure:.3g}" if abs(figure) >= 0.001 or figure == 0 else f"{figure:.1e}"


def size(figure):
    """Bytes as people say them, in powers of ten."""
    if figure is None:
        return "-"
    for unit, worth in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if abs(figure) >= worth:
            return f"{number(figure / worth)} {unit}"
    return f"{figure:.0f} B"


def kib(figure):
    """The same, from the unit in which Linux tells memory."""
    return size(None if figure is None else figure * 1024)


def count(figure):
    """Many, as people say it: 3.38 M, 188 k."""
    if figure is None:
        return "-"
    for unit, worth in (("M", 1e6), ("k", 1e3)):
        if abs(figure) >= worth:
            return f"{number(figure / worth)} {unit}"
    return number(figure)


def microseconds(figure):
    if figure is None:
        return "-"
    return f"{number(figure)} µs" if figure < 1000 else f"{number(figure / 1000)} ms"


def factor(figure):
    """A ratio: two decimals, or two digits that mean something."""
    if figure is None:
        return "-"
    return f"{figure:.2f}" if 0.095 <= figure < 10 else f"{figure:.2g}" if figure < 1 else number(figure)


def with_spread(spread, write=number):
    """0.218 [0.21-0.23]"""
    if spread is None:
        return "-"
    if spread.least == spread.most:
        return write(spread.median)
    return f"{write(spread.median)} [{write(spread.least)} - {write(spread.most)}]"


def table(head, rows):
    """A table in Markdown, first column to the left, the others to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
