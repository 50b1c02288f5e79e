"""The real program beside a Peer, the check that counts, and how scenarios are run."""
import argparse
import base64
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import wire as w
from peer import Address, Peer

# Built by `cargo build --release`.
BUILT = pathlib.Path(__file__).resolve().parent.parent / "target" / "release" / "securechat"
DEADLINE = 60


class Tally:
    """What came out so far, and the programs that are to be ended."""

    path = BUILT
    ok = failed = 0
    started: list["Program"] = []


def check(ok: object, what: str) -> bool:
    if ok:
        Tally.ok += 1
    else:
        Tally.failed += 1
    print("  ok  " if ok else "  FAIL", what, flush=True)
    return bool(ok)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def as_text(key: bytes) -> str:
    """[Keys as text]."""
    return base64.b64encode(key).decode()


class Program:
    """A securechat with a home of its own."""

    def __init__(self):
        Tally.started.append(self)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="securechat-interop-"))
        self.environment = {**os.environ, "HOME": str(self.home)}
        self.process, self.events, self.lines, self.port = None, [], queue.Queue(), 0
        made = json.loads(self.command("keygen", "--no-passphrase", "--json").stdout)
        self.key = base64.b64decode(made["public_key"])

    def arguments(self, *words: str) -> list[str]:
        return [str(Tally.path), "--home", str(self.home), "--no-input", *words]

    def command(self, *words: str, fails: bool = False) -> subprocess.CompletedProcess:
        """Runs a command to its end."""
        done = subprocess.run(self.arguments(*words), capture_output=True, text=True, timeout=20, env=self.environment)
        if done.returncode and not fails:
            raise RuntimeError(done.stderr)
        return done

    def add(self, key: bytes, address: Address | None = None, psk: bytes | None = None):
        """Puts a Peer on the list, under the name py."""
        words = ["--address", "%s:%d" % address] if address else []
        if psk:
            file = self.home / "psk"
            file.write_text(as_text(psk) + "\n")
            file.chmod(0o600)
            words += ["--psk-file", str(file)]
        self.command("peers", "add", "py", as_text(key), *words)

    def start(self, *words: str):
        """Starts a command that talks, with JSON on its pipes."""
        self.process = subprocess.Popen(self.arguments("--json", *words), text=True, env=self.environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self.listen_to, args=(self.process.stdout,), daemon=True).start()

    def listen_to(self, output):
        for line in output:
            self.lines.put(json.loads(line))

    def listen(self, *words: str):
        self.port = free_port()
        self.start("listen", "127.0.0.1:%d" % self.port, *words)
        end = time.monotonic() + 10
        while not self.got("listening"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the program does not listen")
            time.sleep(.01)

    def address(self) -> Address:
        return "127.0.0.1", self.port

    def got(self, kind: str, **about) -> list[dict]:
        while not self.lines.empty():
            self.events.append(self.lines.get())
        return [event for event in self.events if event["type"] == kind and about.items() <= event.items()]

    def ask(self, cmd: str, **about):
        self.process.stdin.write(json.dumps({"cmd": cmd, "id": 1, **about}) + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


def caller(*words: str, known: bool = True, psk: bytes | None = None, peer_psk: bytes | None = None) -> tuple[Program, Peer]:
    """A program that listens, and a Peer that calls it."""
    secret, program = w.chance.randbytes(32), Program()
    if known:
        program.add(w.public(secret), psk=psk)
    program.listen(*words)
    peer = Peer(secret, program.key, peer_psk or psk or w.NO_PSK)
    peer.call(program.address())
    return program, peer


def called(*words: str, psk: bytes | None = None, **about) -> tuple[Program, Peer]:
    """A Peer, and a program that calls it."""
    program, peer = Program(), Peer(w.chance.randbytes(32), **about)
    program.add(peer.public, peer.socket.getsockname(), psk)
    peer.peer = program.key
    program.start("connect", "py", *words)
    return program, peer


def meet(peer: Peer) -> bool:
    return peer.run(lambda: peer.got("hello"), 10)


def run(scenarios: list, description: str, slow: tuple = ()) -> int:
    """Runs what the command line names, and gives the exit code. One failure does not keep the others from running."""
    names = [scenario.__name__ for scenario in [*scenarios, *slow]]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these of: " + ", ".join(names))
    parser.add_argument("--program", type=pathlib.Path, default=BUILT, help="the securechat to talk to")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="draws the same again")
    parser.add_argument("--all", action="store_true", help="the slow ones too: " + (", ".join(s.__name__ for s in slow) or "none here"))
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(names):
        parser.error("no such scenario: " + ", ".join(sorted(unknown)))
    Tally.path = chosen.program.resolve()
    print(f"{Tally.path.name}, seed {chosen.seed}", flush=True)
    for scenario in [*scenarios, *slow]:
        if scenario.__name__ in chosen.names or not chosen.names and (chosen.all or scenario not in slow):
            w.chance.seed(f"{chosen.seed} {scenario.__name__}")
            run_one(scenario, 300 if scenario in slow else DEADLINE)
    print(f"{Tally.ok} ok, {Tally.failed} failed")
    return 1 if Tally.failed else 0


def too_late(_signal, _frame):
    raise TimeoutError("the scenario's deadline")


def run_one(scenario, deadline: int):
    """Within its deadline, after which its programs are ended."""
    print(scenario.__name__, flush=True)
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(deadline)
    try:
        scenario()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        check(False, "it came to its end")
    finally:
        signal.alarm(0)
        while Tally.started:
            Tally.started.pop().stop()
