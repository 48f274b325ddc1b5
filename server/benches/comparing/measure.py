"""Runs servers and `load` beside each other, each on a core of its own, and collects what `load` says. It knows how a
figure is come by, not what it is for.

Linux gives a process's memory and processor time to `load`; here are the four figures that need more: system calls
(strace), user instructions and live heap (valgrind), and what the disk takes.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

from . import arithmetic, servers
from .servers import say

# What makes a run worthless as a comparison, whatever it measured.
MUST_BE_NONE = ["lost", "doubled", "reordered", "strays", "errors", "closed"]
# Busier than this, `load` was the limit and not the server.
BUSY = 90


class Failed(Exception):
    """One run came to nothing; says why."""


class Measured:
    """The rounds of each case and server, in order; None where a run failed."""

    def __init__(self):
        self.rounds = {}
        self.faults = []

    def add(self, case, server, result):
        self.rounds.setdefault((case, server), []).append(result)

    def has(self, case, server):
        return any(result is not None for result in self.rounds.get((case, server), []))

    def figures(self, case, server, key):
        rounds = self.rounds.get((case, server), [])
        return [None if result is None else at(result, key) for result in rounds]

    def spread(self, case, server, key):
        return arithmetic.Spread.of(self.figures(case, server, key))

    def ratio(self, case, server, beside, key):
        return arithmetic.ratio(self.figures(case, server, key), self.figures(case, beside, key))

    def load_was_the_limit(self, case, server):
        return (self.busy(case, server) or 0) > BUSY

    def busy(self, case, server):
        """How many percent of the time `load` was busy."""
        busy = self.spread(case, server, "load_cpu_percent")
        return None if busy is None else busy.median

    def busiest(self):
        """The server and case with which `load` was busiest, and its percent."""
        all_of_them = [(server, case, self.busy(case, server)) for case, server in self.rounds]
        return max((one for one in all_of_them if one[2]), key=lambda one: one[2], default=None)


def at(result, key):
    """`a.b` is `b` in `a`. What was not measured is None: a server need not have everything."""
    for part in key.split("."):
        if not isinstance(result, dict):
            return None
        result = result.get(part)
    return result


class Bench:
    """Two cores, `load`, and a folder for data on the disk that cargo builds on."""

    def __init__(self, load, rounds):
        self.load = load
        self.rounds = rounds
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise SystemExit("compare: there is one core only, and server and load would take it from each other")
        self.server_core, self.load_core = cores[0], cores[-1]
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def fill(self, plan, built):
        """Measures a plan: pairs of a case and the servers it takes. Servers take turns, so that what happens to the
        machine meanwhile happens to all."""
        measured = Measured()
        for case, keys in plan:
            present = [built[key] for key in keys if key in built]
            rounds = self.rounds if case.by == "load" else 1
            for number in range(rounds if present else 0):
                say(f"{case.key}: {case.words}; round {number + 1} of {rounds}")
                for server in present:
                    measured.add(case.key, server.key, self.try_one(case, server, measured.faults))
        return measured

    def try_one(self, case, server, faults):
        try:
            result = METHODS[case.by](self, case, server)
        except (Failed, OSError, ValueError, subprocess.TimeoutExpired) as why:
            faults.append(f"{server.key}, {case.key}: {why}")
            say(f"FAILED: {faults[-1]}")
            return None
        wrong = {key: result[key] for key in MUST_BE_NONE if result.get(key)}
        if wrong:
            faults.append(f"{server.key}, {case.key}: {', '.join(f'{count} {key}' for key, count in wrong.items())}")
            say(f"WRONG: {faults[-1]}")
        return result

    # --- how a figure is come by

    def by_load(self, case, server, extra=(), wrap=()):
        with self.running(server, wrap) as (process, port):
            return self.talk(case, server, process.pid, port, extra)

    def by_strace(self, case, server):
        """System calls for each delivery. Coming and going costs calls too, so there are two runs, and the difference
        of their calls is divided by that of their deliveries."""
        need("strace")

        def run(seconds):
            with self.running(server) as (process, port), tempfile.NamedTemporaryFile("r") as table:
                strace = start(["strace", "-f", "-c", "-U", "calls,name", "-o", table.name, "-p", str(process.pid)])
                time.sleep(0.5)
                result = self.talk(case, server, process.pid, port, ("--seconds", str(seconds)))
                strace.send_signal(signal.SIGINT)
                strace.wait(30)
                return calls_in(table.read()), result["deliveries"]

        return {"per_delivery": arithmetic.slope(run(5), run(1), "deliveries")}

    def by_callgrind(self, case, server):
        """User instructions for each delivery, by the difference of two runs."""
        need("valgrind")
        wrap = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]

        def run(seconds):
            with tempfile.TemporaryFile("w+") as words:
                with self.running(server, wrap, words) as (process, port):
                    result = self.talk(case, server, process.pid, port, ("--seconds", str(seconds)))
                    process.terminate()
                    process.wait(30)
                words.seek(0)
                return instructions_in(words.read()), result["deliveries"]

        return {"per_delivery": arithmetic.slope(run(6), run(1), "deliveries")}

    def by_massif(self, case, server):
        """Bytes of live heap for each idle connection, the allocator's own included. Only Snug says when all are in."""
        need("valgrind", "vgdb")
        people = 1000
        with tempfile.TemporaryDirectory() as folder:
            wrap = ["valgrind", "--tool=massif", f"--massif-out-file={folder}/massif"]

            def heap(process, name):
                path = f"{folder}/{name}"
                command = ["vgdb", f"--pid={process.pid}", "snapshot", path]
                subprocess.run(command, check=True, capture_output=True, timeout=30)
                return heap_in(pathlib.Path(path).read_text(encoding="utf-8"))

            with self.running(server, wrap) as (process, port):
                empty = heap(process, "empty")
                load = start(self.load_command(case, server, process.pid, port), core=self.load_core)
                try:
                    wait_until(lambda: connections(port) > people, "all connections")
                    time.sleep(1)
                    return {"per_connection": (heap(process, "full") - empty) / people}
                finally:
                    end(load)

    def by_disk(self, _case, _server):
        """What the disk takes for a write of 12 KiB and fdatasync, alone."""
        took = []
        with tempfile.TemporaryFile(dir=servers.PLACE) as file:
            for _ in range(200):
                began = time.perf_counter()
                os.write(file.fileno(), bytes(12 * 1024))
                os.fdatasync(file.fileno())
                took.append((time.perf_counter() - began) * 1e6)
        return {"us": statistics.median(took)}

    def by_size(self, _case, server):
        return {"bytes": server.size}

    # --- servers and `load`

    @contextlib.contextmanager
    def running(self, server, wrap=(), stderr=subprocess.DEVNULL):
        """The server's process and port, from when it answers until the end."""
        port = free_port()
        servers.PLACE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="data-", dir=servers.PLACE) as folder:
            filled = [part.replace("{port}", str(port)).replace("{folder}", folder) for part in server.command]
            process = start([*wrap, *filled], core=self.server_core, stderr=stderr)
            try:
                wait_until(lambda: answers(port, process), f"{server.key} on port {port}")
                time.sleep(0.4)
                yield process, port
            finally:
                end(process)

    def load_command(self, case, server, pid, port, extra=()):
        mode, *arguments = shlex.split(case.arguments)
        if mode == "talk":
            # Else the figures have how `load` is woken up in them; it has a core of its own.
            arguments.append("--spin")
        url = f"ws://127.0.0.1:{port}/ws/{{room}}"
        return [self.load, mode, *arguments, *extra, "--url", url, "--dialect", server.dialect, "--pid", str(pid),
                "--json"]

    def talk(self, case, server, pid, port, extra=()):
        command = self.load_command(case, server, pid, port, extra)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              preexec_fn=pinned(self.load_core), check=False)
        if done.returncode != 0:
            raise Failed(f"load: {' '.join(done.stderr.split())[-300:] or done.returncode}")
        return json.loads(done.stdout)


METHODS = {"load": Bench.by_load, "strace": Bench.by_strace, "callgrind": Bench.by_callgrind,
           "massif": Bench.by_massif, "disk": Bench.by_disk, "size": Bench.by_size}


# --- what other programs say

def calls_in(table):
    """The sum of calls in what `strace -c` prints."""
    return sum(int(calls) for calls, name in re.findall(r"(?m)^\s*(\d+)\s+(\w+)\s*$", table) if name != "total")


def instructions_in(words):
    found = re.search(r"Collected : (\d+)", words)
    if not found:
        raise ValueError("callgrind has not said how many instructions it saw")
    return int(found[1])


def heap_in(snapshots):
    """Bytes in the last snapshot of a file by massif."""
    heap = re.findall(r"mem_heap_B=(\d+)", snapshots)
    extra = re.findall(r"mem_heap_extra_B=(\d+)", snapshots)
    if not heap or not extra:
        raise ValueError("massif has not said how large the heap is")
    return int(heap[-1]) + int(extra[-1])


def connections(port):
    """What Snug says of itself; the one that asks is counted too."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.search(rb"(?m)^snug_connections (\d+)", answer.read())
    return int(found[1]) if found else 0


# --- processes

def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Failed(f"there is no {program} on this machine")


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def start(command, core=None, stderr=subprocess.DEVNULL):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                            preexec_fn=None if core is None else pinned(core))


def end(process):
    process.kill()
    process.wait(30)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port, process):
    if process.poll() is not None:
        raise Failed(f"the server ended with {process.returncode} before it answered")
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def wait_until(condition, what, seconds=30):
    end_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_at:
            raise Failed(f"waited for {what} for {seconds} s")
        time.sleep(0.01)
