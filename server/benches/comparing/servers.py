"""The servers that are compared: how each is built and started, its version as it is installed, and its size. It knows
nothing of what is measured.

Everything is built into cargo's target directory; the fixtures' folders stay as they are.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

BENCHES = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCHES.parent.parent
FIXTURES = BENCHES / "peers"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
PLACE = TARGET / "peers"

# Snug says `<guest-1234> ` before a line; so that it is not measured against less work, the floor does too.
PREFIX = len("<guest-1234> ")

# What snug.v1 says around a text. More than a plain line, and the kernel copies it for each who hears it: so the floor
# with frames of this length says how much of the difference between the dialects is the kernel's.
AROUND = len('{"type":"message","room":"load-0","seq":12345,"user":"3fe62118f5104afced3a","nick":"guest-1234",'
             '"text":"","time":1795398176543}')

# A measurement comes from few addresses and talks without end.
UNLIMITED = ["--max-rate", "0", "--max-connections", "0", "--max-connections-per-address", "0", "--log", "warn"]

# What every machine with a C library has.
IN_EVERY_SYSTEM = re.compile(r"^(linux-vdso|linux-gate|ld-linux\S*|libc|libm|libdl|libpthread|librt|libgcc_s)\.so")


class Missing(Exception):
    """A server cannot be built here; says why."""


@dataclass
class Server:
    """{port} and {folder} in the command are filled in; the folder is empty at each start."""

    key: str
    name: str
    command: list
    version: str
    size: int
    dialect: str = "plain"


def build(keys, missing):
    """Builds what is named, by key. What cannot be built is told, and added to `missing`."""
    built = {}
    for key in keys:
        say(f"building {key}")
        try:
            built[key] = BUILDERS[key](key)
        except Missing as why:
            missing.append(f"{key}: {why}")
            say(f"MISSING: {missing[-1]}")
    return built


def say(words):
    print(f"compare: {words}", file=sys.stderr, flush=True)


# --- Snug

def snug(key, *, name="Snug, in memory", store=("--memory",), dialect="plain"):
    binary = cargo("-p", "snug-server", "--bin", "server", into=TARGET) / "server"
    command = [str(binary), "--listen", "127.0.0.1:{port}", *store, *UNLIMITED]
    return Server(key, name, command, snug_version(binary), installed(binary), dialect)


def snug_on_disk(key):
    return snug(key, name="Snug, each message on the disk first", store=("--data", "{folder}", "--sync", "always"))


def snug_v1(key):
    return snug(key, name="Snug, snug.v1", dialect="snug.v1")


def snug_small(key):
    binary = cargo("-p", "snug-server", "--bin", "server", "--no-default-features", into=PLACE / "small") / "server"
    if b"SQLite format 3" in binary.read_bytes():
        raise Missing("the server has no feature to leave SQLite out")
    command = [str(binary), "--listen", "127.0.0.1:{port}", "--memory", *UNLIMITED]
    return Server(key, "Snug, without SQLite", command, snug_version(binary), installed(binary))


def snug_static(key, store):
    """As README.md builds it for boards: with the C library in it."""
    host = said("rustc", "--print", "host-tuple")
    place = cargo("-p", "snug-server", "--bin", "server", "--target", host, into=PLACE / "static",
                  flags="-C target-feature=+crt-static") / ".." / host / "release"
    binary = (place / "server").resolve()
    command = [str(binary), "--listen", "127.0.0.1:{port}", *store, *UNLIMITED]
    return Server(key, "Snug, with the C library in it", command, snug_version(binary), installed(binary))


def snug_version(binary):
    commit = said("git", "-C", str(ROOT), "describe", "--always", "--dirty", or_else="no commit")
    return f"{said(str(binary), '--version')} ({commit}), {said('rustc', '--version')}"


def load_program(path):
    """`load`, which does the talking."""
    if path:
        return path
    return str(cargo("-p", "snug-client", "--bin", "load", into=TARGET) / "load")


# --- the floor

def floor(key, batch, name, prefix=PREFIX):
    compiler = os.environ.get("CC", "cc")
    binary = PLACE / "floor"
    PLACE.mkdir(parents=True, exist_ok=True)
    do(compiler, "-O2", "-Wall", "-Wextra", "-o", str(binary), str(FIXTURES / "floor" / "floor.c"))
    version = said(compiler, "--version").splitlines()[0]
    return Server(key, name, [str(binary), "{port}", str(batch), str(prefix)], version, installed(binary))


# --- peers

def rust_peer(key, crates):
    manifest = FIXTURES / "rust" / "Cargo.toml"
    binary = cargo("--manifest-path", str(manifest), "--bin", key, into=PLACE / "rust") / key
    tree = said("cargo", "tree", "--locked", "--manifest-path", str(manifest), "--depth", "1", "--prefix", "none")
    versions = dict(re.findall(r"(?m)^(\S+) v(\S+)", tree))
    version = ", ".join(f"{crate} {versions[crate]}" for crate in crates) + f"; {said('rustc', '--version')}"
    return Server(key, " + ".join(crates), [str(binary), "{port}"], version, installed(binary))


def node_ws(key):
    need("node", "npm")
    place = PLACE / "node"
    files = ["package.json", "package-lock.json", "server.mjs"]
    if copy_fixture("node", place, files, again_if="package-lock.json"):
        do("npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error", cwd=place)
        done(place)
    ws = json.loads((place / "node_modules" / "ws" / "package.json").read_text(encoding="utf-8"))["version"]
    node = pathlib.Path(shutil.which("node")).resolve()
    size = installed(node, place / "node_modules", place / "server.mjs")
    version = f"ws {ws}; Node {said('node', '--version').lstrip('v')}"
    return Server(key, "Node + ws", [str(node), str(place / "server.mjs"), "{port}"], version, size)


def fastapi(key):
    place = PLACE / "fastapi"
    python = place / "venv" / "bin" / "python"
    if copy_fixture("fastapi", place, ["requirements.txt", "server.py"], again_if="requirements.txt"):
        do(sys.executable, "-m", "venv", "--clear", str(place / "venv"))
        quietly = ["--quiet", "--disable-pip-version-check"]
        do(str(python), "-m", "pip", "install", *quietly, "--requirement", str(place / "requirements.txt"))
        done(place)
    names = ["fastapi", "uvicorn", "uvloop", "httptools", "websockets"]
    asked = f"from importlib.metadata import version as v\nfor n in {names}: print(n, v(n))"
    version = ", ".join(said(str(python), "-c", asked).splitlines()) + f"; {said(str(python), '--version')}"
    paths = "import sys, sysconfig\nfor n in ('purelib', 'stdlib'): print(sysconfig.get_path(n))"
    packages, library = said(str(python), "-c", paths).splitlines()
    command = [str(python), "-m", "uvicorn", "--app-dir", str(place), "server:app", "--host", "127.0.0.1",
               "--port", "{port}", "--log-level", "warning"]
    return Server(key, "FastAPI + uvicorn", command, version, installed(python, packages, library))


BUILDERS = {
    "snug": snug,
    "snug-disk": snug_on_disk,
    "snug-v1": snug_v1,
    "snug-small": snug_small,
    "snug-static": lambda key: snug_static(key, ["--memory"]),
    "snug-static-disk": lambda key: snug_static(key, ["--data", "{folder}", "--sync", "always"]),
    "floor": lambda key: floor(key, 1, "the floor, batched"),
    "floor-v1": lambda key: floor(key, 1, "the floor, batched, with frames as long as snug.v1's", AROUND),
    "floor-one": lambda key: floor(key, 0, "the floor, one send for each recipient"),
    "mio-tungstenite": lambda key: rust_peer(key, ["mio", "tungstenite"]),
    "tokio-tungstenite": lambda key: rust_peer(key, ["tokio", "tokio-tungstenite"]),
    "axum": lambda key: rust_peer(key, ["axum", "tokio"]),
    "node-ws": node_ws,
    "fastapi": fastapi,
}


# --- tools

def cargo(*arguments, into, flags=None):
    """Builds for release; returns the folder with what was built."""
    need("cargo")
    environment = {**os.environ, "RUSTFLAGS": flags} if flags else None
    do("cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(into), *arguments, cwd=ROOT,
       environment=environment)
    return into / "release"


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Missing(f"there is no {program} on this machine")


def do(*command, cwd=None, environment=None):
    try:
        done = subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=1800, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{' '.join(command[:2])}: {error}") from error
    if done.returncode != 0:
        raise Missing(f"'{' '.join(command)}' failed: {' '.join(done.stdout.split())[-300:]}")


def said(*command, or_else=None):
    """What a program says on stdout."""
    try:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        if or_else is not None:
            return or_else
        raise Missing(f"'{' '.join(command[:4])}' did not answer: {error}") from error


def copy_fixture(name, place, files, again_if):
    """Copies a fixture to where it is built. Whether it has to be installed (again): its lock file is another one."""
    place.mkdir(parents=True, exist_ok=True)
    lock = (FIXTURES / name / again_if).read_text(encoding="utf-8")
    stamp = place / "installed"
    fresh = stamp.exists() and stamp.read_text(encoding="utf-8") == lock
    for file in files:
        shutil.copyfile(FIXTURES / name / file, place / file)
    if not fresh:
        stamp.unlink(missing_ok=True)
        (place / "lock").write_text(lock, encoding="utf-8")
    return not fresh


def done(place):
    (place / "lock").rename(place / "installed")


def installed(program, *more):
    """Bytes that have to be on a machine: the program, the libraries it loads that are not in every system, and what
    else it is told of (without tests, caches and what installs packages)."""
    program = pathlib.Path(program).resolve()
    linked = said("ldd", str(program), or_else="")
    libraries = {pathlib.Path(path).resolve() for name, path in re.findall(r"(\S+) => (/\S+)", linked)
                 if not IN_EVERY_SYSTEM.match(name)}
    return sum(file.stat().st_size for file in [program, *libraries]) + sum(size_below(pathlib.Path(p)) for p in more)


NOT_NEEDED = {"__pycache__", "test", "tests", "site-packages", "dist-packages", "ensurepip", "idlelib", "pip",
              "setuptools", "lib2to3", "tkinter", "turtledemo"}


def size_below(path):
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in NOT_NEEDED and not name.startswith("config-")]
        total += sum(os.lstat(os.path.join(folder, file)).st_size for file in files)
    return total
