"""What both tables share: the machine, the versions, what was missing or wrong. It knows no case and no goal."""

import datetime
import os
import platform
import re

# The machine's own, not ours: taken before anything is built or measured.
BUSY_BEFORE = os.getloadavg()[0]


class Report:
    def __init__(self, title, command, measured, built, rounds):
        self.title = title
        self.command = command
        self.measured = measured
        self.built = built
        self.rounds = rounds
        self.missing = []
        self.notes = []
        self.tables = []
        self.figures = []

    def faults(self):
        return [*self.measured.faults, *(f"missing: {missing}" for missing in self.missing)]

    def markdown(self):
        parts = [f"## {self.title}", *self.tables, *self.notes]
        if busiest := self.measured.busiest():
            parts.append("The generator was busiest with {}, {}: {:.0f} % of the time.".format(*busiest))
        if self.measured.faults:
            parts.append("**Wrong or failed:**\n" + bullets(self.measured.faults))
        if self.missing:
            parts.append("**Missing:**\n" + bullets(self.missing))
        versions = [f"{server.key}: {server.version}" for server in self.built.values()]
        parts.append(f"{machine()}; median of {self.rounds} rounds; `{self.command}`.\n\n{bullets(versions)}")
        return "\n\n".join(parts) + "\n"

    def json(self):
        return {
            "title": self.title, "command": self.command, "rounds": self.rounds, "machine": machine(),
            "figures": self.figures,
            "servers": {server.key: {"name": server.name, "version": server.version, "bytes": server.size,
                                     "command": server.command} for server in self.built.values()},
            "runs": [{"case": case, "server": server, "rounds": rounds}
                     for (case, server), rounds in self.measured.rounds.items()],
            "faults": self.measured.faults, "missing": self.missing,
        }


def bullets(lines):
    return "\n".join(f"- {line}" for line in lines)


def machine():
    """Processor, cores, kernel, how busy it was with other things, and the day."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"(?m)^(?:model name|Model|Hardware)\s*: (.+)$", file.read())
    except OSError:
        found = None
    processor = found[1].strip() if found else platform.machine()
    today = datetime.date.today().isoformat()
    where = f"{processor}, {os.cpu_count()} cores, Linux {platform.release()}"
    return f"{today}; {where}; load average before {BUSY_BEFORE:.1f}"


def vars_of(spread):
    return None if spread is None else vars(spread)


def checked(given, known, what):
    """What was given, in the order of what is known; all of it if nothing was."""
    for name in given or []:
        if name not in known:
            raise SystemExit(f"compare: there is no {what} \"{name}\" here; take {', '.join(known)}")
    return [name for name in known if not given or name in given]
