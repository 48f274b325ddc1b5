"""Snug beside the floor: what it is to reach, and whether it does. One row a goal; a goal is a ratio where something
stands beside Snug, else a figure of its own. It knows which cases and figures, not how they are come by."""

from collections.abc import Callable
from dataclasses import dataclass

from . import arithmetic as say
from .cases import CASES
from .report import Report, checked, vars_of

SERVERS = ["snug", "snug-v1", "snug-disk", "snug-small", "snug-static", "snug-static-disk", "floor", "floor-v1",
           "floor-one"]

CPU = "server.cpu_us_per_delivery"
SPEED = "deliveries_per_second"


@dataclass(frozen=True)
class Goal:
    case: str
    what: str
    figure: str
    write: Callable = say.number
    server: str = "snug"
    beside: str | None = None
    most: float | None = None
    least: float | None = None

    def measured(self, measured):
        if self.beside:
            return measured.ratio(self.case, self.server, self.beside, self.figure)
        return measured.spread(self.case, self.server, self.figure)

    def limit(self):
        write = say.factor if self.beside else self.write
        if self.most is not None:
            return f"at most {write(self.most)}"
        return f"at least {write(self.least)}" if self.least is not None else ""

    def is_reached(self, spread):
        """None: there is nothing to reach, or nothing was measured."""
        if spread is None or (self.most is None and self.least is None):
            return None
        return spread.median <= self.most if self.most is not None else spread.median >= self.least


def beside_floor(case, what, figure, write, beside="floor", **limit):
    return Goal(case, what, figure, write, beside=beside, **limit)


GOALS = [
    beside_floor("calls", "system calls a delivery", "per_delivery", say.number, beside="floor-one", most=1.02),
    beside_floor("instructions", "user instructions a delivery", "per_delivery", say.number, beside="floor-one"),
    beside_floor("one", "CPU a delivery", CPU, say.microseconds, beside="floor-one", most=1.05),
    beside_floor("8x4", "CPU a delivery", CPU, say.microseconds, most=1.15),
    beside_floor("8x4-1000", "CPU a delivery", CPU, say.microseconds, most=1.15),
    beside_floor("8x8", "deliveries/s", SPEED, say.count, least=0.85),
    beside_floor("8x16", "deliveries/s", SPEED, say.count, least=0.85),
    beside_floor("rooms", "deliveries/s", SPEED, say.count, least=0.95),
    beside_floor("rooms", "p99", "latency_us.p99", say.microseconds, most=1.5),
    # 99 others hear each; the last of them may be heard after the end.
    Goal("open", "deliveries/s", SPEED, say.count, least=0.99 * 20_000 * 99),
    Goal("open", "lost", "lost", most=0),
    beside_floor("steady", "p50", "latency_us.p50", say.microseconds, most=1.05),
    beside_floor("steady", "p99", "latency_us.p99", say.microseconds, most=1.25),
    Goal("idle", "memory of a connection (PSS)", "server.pss_bytes_per_connection", say.size, most=256),
    Goal("idle", "the same after each has talked", "server.pss_bytes_per_connection_touched", say.size, most=256),
    Goal("heap", "live heap of a connection", "per_connection", say.size, most=256),
    Goal("idle", "resident, empty", "server.rss_kib_before", say.kib, most=2.5e6 / 1024),
    Goal("idle", "resident, empty, on disk", "server.rss_kib_before", say.kib, server="snug-disk", most=2.5e6 / 1024),
    Goal("idle-10000", "resident", "server.rss_kib_after", say.kib, most=6e6 / 1024),
    Goal("idle-10000", "resident, on disk, with SQLite's cache", "server.rss_kib_after", say.kib, server="snug-disk",
         most=6e6 / 1024),
    *(Goal(case, "the same, with the C library in it" + where, figure, say.kib, server=server, most=most / 1024)
      for case, figure, most in (("idle", "server.rss_kib_before", 2.5e6), ("idle-10000", "server.rss_kib_after", 6e6))
      for server, where in (("snug-static", ""), ("snug-static-disk", ", on disk"))),
    beside_floor("connect", "CPU a handshake", "server.cpu_us_per_handshake", say.microseconds, most=1.1),
    Goal("size", "the server, stripped", "bytes", say.size, most=3e6),
    Goal("size", "the same without SQLite", "bytes", say.size, server="snug-small", most=1e6),
    *(Goal(case, "CPU a delivery, snug.v1 to plain", CPU, say.microseconds, server="snug-v1", beside="snug", most=1.3)
      for case in ("one", "8x4", "8x4-1000", "8x16", "rooms")),
    *(Goal(case, "CPU a delivery, the floor with frames as long as snug.v1's to the floor", CPU, say.microseconds,
           server="floor-v1", beside="floor")
      for case in ("8x4", "8x4-1000", "8x16")),
    Goal("8x128", "CPU a delivery, on disk (--sync always) to memory", CPU, say.microseconds, server="snug-disk",
         beside="snug", most=1.3),
    Goal("8x128", "deliveries/s, on disk to memory", SPEED, say.count, server="snug-disk", beside="snug"),
    Goal("fsync", "of the disk itself", "us", say.microseconds, server="snug-disk"),
]

NOTE = ("A figure beside another is the median of the rounds' ratios, with the least and the most; else it is Snug's "
        "own. The floor puts as many bytes before a text as Snug's `<nick> ` has. `*`: the generator was busy for more "
        "than nine tenths of the time, and so the limit.")


class Choice:
    def __init__(self, servers, cases):
        self.keys = checked(servers, SERVERS, "server")
        self.cases = checked(cases, list(dict.fromkeys(goal.case for goal in GOALS)), "case")

    def servers(self):
        return self.keys

    def goals(self):
        return [goal for goal in GOALS if goal.case in self.cases]

    def plan(self):
        takes = {}
        for goal in self.goals():
            keys = takes.setdefault(goal.case, [])
            keys += [key for key in (goal.beside, goal.server) if key in self.keys and key not in keys]
        return [(CASES[case], keys) for case, keys in takes.items()]


def measure(bench, built, choice):
    return report(bench.fill(choice.plan(), built), built, choice, bench.rounds)


def report(measured, built, choice, rounds):
    report = Report("Goals", "server/benches/compare --goals", measured, built, rounds)
    head = ["case", "", "Snug", "beside", "measured", "goal", "reached"]
    report.tables.append(say.table(head, [row(goal, measured) for goal in choice.goals()]))
    report.notes.append(NOTE)
    report.figures = [figure(goal, measured) for goal in choice.goals()]
    return report


def row(goal, measured):
    spread = goal.measured(measured)
    own, beside = (measured.spread(goal.case, key, goal.figure) for key in (goal.server, goal.beside))
    stars = ["*" if goal.figure == SPEED and measured.load_was_the_limit(goal.case, key) else ""
             for key in (goal.server, goal.beside)]
    reached = {True: "yes", False: "**no**", None: "" if spread else "not measured"}[goal.is_reached(spread)]
    return [
        CASES[goal.case].words, goal.what,
        goal.write(own.median) + stars[0] if own else "-",
        goal.write(beside.median) + stars[1] if beside else "",
        say.with_spread(spread, say.factor if goal.beside else goal.write), goal.limit(), reached,
    ]


def figure(goal, measured):
    spread = goal.measured(measured)
    return {"case": goal.case, "what": goal.what, "figure": goal.figure, "server": goal.server,
            "beside": goal.beside, "measured": vars_of(spread),
            "own": vars_of(measured.spread(goal.case, goal.server, goal.figure)),
            "most": goal.most, "least": goal.least, "reached": goal.is_reached(spread),
            "load_cpu_percent": measured.busy(goal.case, goal.server)}
