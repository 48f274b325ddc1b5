"""Snug beside other servers: what the README shows. It knows which cases and figures, not how they are come by."""

from . import arithmetic as say
from .cases import CASES
from .report import Report, checked, vars_of

SERVERS = ["snug", "snug-disk", "floor", "mio-tungstenite", "tokio-tungstenite", "axum", "node-ws", "fastapi"]

# Head, case, figure, and how Snug's own is written.
COLUMNS = [
    ("deliveries/s, 8 × 4", "8x4", "deliveries_per_second", say.count),
    ("deliveries/s, 8 × 16", "8x16", "deliveries_per_second", say.count),
    ("CPU a delivery, 8 × 4", "8x4", "server.cpu_us_per_delivery", say.microseconds),
    ("CPU a handshake", "connect", "server.cpu_us_per_handshake", say.microseconds),
    ("an idle connection", "idle", "server.pss_bytes_per_connection", say.size),
    ("empty", "idle", "server.rss_kib_before", say.kib),
    ("installed", "size", "bytes", say.size),
]

NOTE = ("Snug's own figures, and how many times as much the others have. 8 × 4: 8 publishers with 4 messages of 64 "
        "bytes on the way each, 100 members; memory is what 1,000 idle connections add to the process. `*`: the "
        "generator was busy for more than nine tenths of the time, so the server may be faster.")


class Choice:
    def __init__(self, peers, cases):
        self.peers = checked(peers, SERVERS, "peer")
        self.cases = checked(cases, list(dict.fromkeys(case for _, case, _, _ in COLUMNS)), "case")

    def servers(self):
        return self.peers if "snug" in self.peers else ["snug", *self.peers]

    def plan(self):
        return [(CASES[case], self.servers()) for case in self.cases]


def measure(bench, built, choice):
    return report(bench.fill(choice.plan(), built), built, bench.rounds)


def report(measured, built, rounds):
    report = Report("Beside others", "server/benches/compare --peers", measured, built, rounds)
    columns = [column for column in COLUMNS if any(case == column[1] for case, _ in measured.rounds)]
    head = ["", *(column[0] for column in columns)]
    report.tables.append(say.table(head, [ratios(measured, server, columns) for server in built.values()]))
    report.notes.append(NOTE)
    report.tables.append("Medians, least and most:\n\n" + say.table(
        head, [absolutes(measured, server, columns) for server in built.values()]))
    report.figures = [figure(measured, key, column) for key in built for column in columns]
    return report


def ratios(measured, server, columns):
    cells = [f"**{server.name}**" if server.key == "snug" else server.name]
    for _, case, key, write in columns:
        if server.key == "snug":
            spread = measured.spread(case, "snug", key)
            cell = write(spread.median) if spread else "-"
        else:
            spread = measured.ratio(case, server.key, "snug", key)
            cell = f"{say.factor(spread.median)}×" if spread else "-"
        cells.append(cell + star(measured, case, server.key, key))
    return cells


def absolutes(measured, server, columns):
    cells = [server.name]
    for _, case, key, write in columns:
        spread = measured.spread(case, server.key, key)
        cells.append(say.with_spread(spread, write) + star(measured, case, server.key, key))
    return cells


def star(measured, case, server, key):
    return "*" if key == "deliveries_per_second" and measured.load_was_the_limit(case, server) else ""


def figure(measured, server, column):
    _, case, key, _ = column
    return {"server": server, "case": case, "figure": key, "measured": vars_of(measured.spread(case, server, key)),
            "beside_snug": vars_of(measured.ratio(case, server, "snug", key)),
            "load_cpu_percent": measured.busy(case, server)}
