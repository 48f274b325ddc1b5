"""The arithmetic and both tables on made-up figures, without a server; for the gate. It knows everything here."""

import ast
import contextlib
import io
import json
import re
import subprocess

from . import arithmetic, goals, measure, peers, servers
from .arithmetic import Spread
from .cases import CASES, Case


def run():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name.removeprefix('test_').replace('_', ' ')}: as it should be")


def test_a_median_has_its_spread():
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert Spread.of([4, 1, 2, 3]) == Spread(2.5, 1, 4)
    assert Spread.of([None, 7]) == Spread(7, 7, 7)
    assert Spread.of([None]) is None and Spread.of([]) is None


def test_a_ratio_is_that_of_the_rounds():
    # The machine was slow in the second round: both took twice as long, and the ratio is the same.
    assert arithmetic.ratio([10, 20, 12], [5, 10, 5]) == Spread(2, 2, 2.4)
    # A failed round, and one with nothing beside, do not count.
    assert arithmetic.ratio([10, None, 12, 9], [5, 10, 4, 0]) == Spread(2.5, 2, 3)
    assert arithmetic.ratio([None], [1]) is None


def test_a_slope_is_without_what_both_runs_have():
    # 500 calls to come and go, and 1.02 a delivery.
    assert abs(arithmetic.slope((10_700, 10_000), (1_520, 1_000), "deliveries") - 1.02) < 1e-9
    with contextlib.suppress(ValueError):
        arithmetic.slope((10, 5), (9, 5), "deliveries")
        raise AssertionError("no slope between two runs of one length")


def test_figures_as_people_write_them():
    written = [arithmetic.number(figure) for figure in (3_381_234, 123.4, 46.42, 0.2184, 0, 0.00001)]
    assert written == ["3,380,000", "123", "46.4", "0.218", "0", "1.0e-05"], written
    written = [arithmetic.size(figure) for figure in (635, 1_540, 131_358, 2_088_976, 1.3e9, None)]
    assert written == ["635 B", "1.54 KB", "131 KB", "2.09 MB", "1.3 GB", "-"], written
    assert (arithmetic.kib(3_277), arithmetic.count(3_381_234), arithmetic.count(188)) == ("3.36 MB", "3.38 M", "188")
    assert [arithmetic.microseconds(figure) for figure in (0.2184, 134_000)] == ["0.218 µs", "134 ms"]
    assert [arithmetic.factor(figure) for figure in (1, 0.0512, 207.4)] == ["1.00", "0.051", "207"]
    assert arithmetic.with_spread(Spread(2, 1, 3)) == "2 [1 - 3]"
    assert arithmetic.with_spread(Spread(2, 2, 2)) == "2"
    assert arithmetic.table(["", "a"], [["b", 1]]) == "|  | a |\n| --- | ---: |\n| b | 1 |"


def test_what_other_programs_say():
    strace = "    calls syscall\n--------- ----------------\n     2080 sendto\n      142 recvfrom\n" \
             "--------- ----------------\n     2222 total\n"
    assert measure.calls_in(strace) == 2222
    assert measure.instructions_in("==1== Events    : Ir\n==1== Collected : 128553\n") == 128_553
    massif = "#-----\nsnapshot=0\nmem_heap_B=1000\nmem_heap_extra_B=24\nmem_stacks_B=0\n"
    assert measure.heap_in(massif) == 1024
    for silent in (measure.instructions_in, measure.heap_in):
        with contextlib.suppress(ValueError):
            silent("nothing")
            raise AssertionError("nothing was said, and something understood")


def test_what_is_wrong_with_a_run_is_said():
    case, server = Case("made-up", "", "", "made-up"), made_up_servers(["snug"])["snug"]
    answers = iter([{"lost": 0}, {"lost": 3, "strays": 1}, measure.Failed("the server ended")])

    def answer(_bench, _case, _server):
        result = next(answers)
        if isinstance(result, Exception):
            raise result
        return result

    measure.METHODS["made-up"] = answer
    bench, faults = MadeUpBench({}), []
    with contextlib.redirect_stderr(io.StringIO()):
        results = [measure.Bench.try_one(bench, case, server, faults) for _ in range(3)]
    del measure.METHODS["made-up"]
    assert results == [{"lost": 0}, {"lost": 3, "strays": 1}, None]
    assert faults == ["snug, made-up: 3 lost, 1 strays", "snug, made-up: the server ended"], faults


def test_the_table_of_peers():
    talk = {"server": {"cpu_us_per_delivery": 0.2}, "deliveries_per_second": 3e6, "load_cpu_percent": 95.0}
    bench = MadeUpBench({
        "snug": [talk, {**talk, "deliveries_per_second": 4e6}],
        # In a slow second round both are slow.
        "mio-tungstenite": [{**talk, "deliveries_per_second": 15e4, "load_cpu_percent": 40.0}, None],
    })
    choice = peers.Choice(["mio-tungstenite", "axum"], ["8x4"])
    assert choice.servers() == ["snug", "mio-tungstenite", "axum"]
    report = peers.measure(bench, made_up_servers(["snug", "mio-tungstenite"]), choice)
    report.missing.append("axum: there is no cargo on this machine")
    text = report.markdown()
    assert "|  | deliveries/s, 8 × 4 | CPU a delivery, 8 × 4 |" in text, text
    assert "| **made-up snug** | 3.5 M* | 0.2 µs |" in text, text
    assert "| made-up mio-tungstenite | 0.05× | 1.00× |" in text, text
    assert "| made-up snug | 3.5 M [3 M - 4 M]* | 0.2 µs |" in text, text
    assert "**Missing:**\n- axum: there is no cargo" in text, text
    assert "busiest with snug, 8x4: 95 % of the time" in text, text
    assert report.faults() == ["missing: axum: there is no cargo on this machine"]
    assert json.loads(json.dumps(report.json()))["figures"][0]["measured"]["median"] == 3.5e6


def test_the_table_of_goals():
    server = {"cpu_us_per_delivery": 0.21, "rss_kib_before": 2_400, "rss_kib_after": 5_000,
              "pss_bytes_per_connection": 240, "pss_bytes_per_connection_touched": 300, "cpu_us_per_handshake": 21}
    good = {"server": server, "deliveries_per_second": 1_979_000.0, "lost": 0, "load_cpu_percent": 50,
            "latency_us": {"p50": 100, "p99": 110}, "per_delivery": 1.03, "per_connection": 200,
            "bytes": 2_088_976, "us": 250}
    floor = {**good, "server": {**server, "cpu_us_per_delivery": 0.2}, "latency_us": {"p50": 100, "p99": 80},
             "per_delivery": 1.02, "deliveries_per_second": 2_200_000.0}
    bench = MadeUpBench({"snug": [good], "snug-disk": [good], "floor": [floor], "floor-one": [floor]})
    choice = goals.Choice(None, None)
    built = made_up_servers(["snug", "snug-disk", "floor", "floor-one"])
    report = goals.measure(bench, built, choice)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.tables[0].splitlines()[2:]]
    assert len(rows) == len(goals.GOALS)
    found = {(row[0], row[1]): row[2:] for row in rows}

    def says(case, what, *cells):
        assert tuple(found[CASES[case].words, what]) == cells, found[CASES[case].words, what]

    says("calls", "system calls a delivery", "1.03", "1.02", "1.01", "at most 1.02", "yes")
    says("instructions", "user instructions a delivery", "1.03", "1.02", "1.01", "", "")
    says("8x4", "CPU a delivery", "0.21 µs", "0.2 µs", "1.05", "at most 1.15", "yes")
    says("8x8", "deliveries/s", "1.98 M", "2.2 M", "0.90", "at least 0.85", "yes")
    says("rooms", "deliveries/s", "1.98 M", "2.2 M", "0.90", "at least 0.95", "**no**")
    says("open", "deliveries/s", "1.98 M", "", "1.98 M", "at least 1.96 M", "yes")
    says("open", "lost", "0", "", "0", "at most 0", "yes")
    says("steady", "p99", "110 µs", "80 µs", "1.38", "at most 1.25", "**no**")
    says("idle", "the same after each has talked", "300 B", "", "300 B", "at most 256 B", "**no**")
    says("idle", "resident, empty", "2.46 MB", "", "2.46 MB", "at most 2.5 MB", "yes")
    # Neither was built.
    says("size", "the same without SQLite", "-", "", "-", "at most 1 MB", "not measured")
    says("one", "CPU a delivery, snug.v1 to plain", "-", "0.21 µs", "-", "at most 1.30", "not measured")
    reached = [figure["reached"] for figure in report.json()["figures"]]
    assert (reached.count(True), reached.count(False)) == (19, 3), reached


def test_what_there_is_not_cannot_be_chosen():
    for part, given in ((peers, (["nothing"], None)), (goals, (None, ["nothing"]))):
        with contextlib.suppress(SystemExit):
            part.Choice(*given)
            raise AssertionError("there is no such thing, and it was chosen")
    for choice in (peers.Choice(None, None), goals.Choice(None, None)):
        assert all(key in servers.BUILDERS for key in choice.servers())
        assert all(case.by in measure.METHODS for case, _ in choice.plan())


def test_the_fixtures_are_whole_and_pinned():
    place = servers.FIXTURES
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", place / "floor" / "floor.c"], check=True)
    ast.parse((place / "fastapi" / "server.py").read_text(encoding="utf-8"))
    for line in (place / "fastapi" / "requirements.txt").read_text(encoding="utf-8").split():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line
    wanted, locked = (json.loads((place / "node" / name).read_text(encoding="utf-8"))
                      for name in ("package.json", "package-lock.json"))
    assert locked["packages"]["node_modules/ws"]["version"] == wanted["dependencies"]["ws"]
    manifest, lock = ((place / "rust" / name).read_text(encoding="utf-8") for name in ("Cargo.toml", "Cargo.lock"))
    assert "\n[workspace]\n" in manifest, "else cargo would look for it in our own workspace"
    for crate in re.findall(r"(?m)^([\w-]+) = ", manifest.split("[dependencies]")[1].split("\n[")[0]):
        assert f'\nname = "{crate}"\n' in lock, f"{crate} is not in the lock file"


def made_up_servers(keys):
    return {key: servers.Server(key, f"made-up {key}", [key], "1.0", 1000) for key in keys}


class MadeUpBench(measure.Bench):
    """Answers every case with a server's own figures, round by round."""

    def __init__(self, answers):
        self.answers = answers
        self.rounds = max([len(rounds) for rounds in answers.values()], default=0)
        self.asked = {}

    def fill(self, plan, built):
        with contextlib.redirect_stderr(io.StringIO()):
            return super().fill(plan, built)

    def try_one(self, case, server, faults):
        number = self.asked.get((case, server.key), 0)
        self.asked[case, server.key] = number + 1
        return self.answers[server.key][number]
