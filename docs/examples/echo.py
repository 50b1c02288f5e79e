#!/usr/bin/env python3
"""Says back what it is told: a bot on securechat's control socket. Usage: echo.py [SOCKET]"""
import json
import os
import socket
import sys

runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
default = os.path.join(runtime, "securechat/ctl.sock")
program = socket.socket(socket.AF_UNIX)
program.connect(sys.argv[1] if len(sys.argv) > 1 else default)
lines = program.makefile("r", encoding="utf-8")


def ask(number, method, **params):
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    program.sendall(json.dumps(request).encode() + b"\n")


# With "confirm" a message comes again to the next bot if this one crashes before it is done with it.
ask(0, "subscribe", confirm=True)
count = 0
for line in lines:
    said = json.loads(line)
    if "error" in said:
        print("not done:", said["error"]["message"], file=sys.stderr)
    event = said.get("params", {})
    # Fields and events that are new to us are passed over.
    if event.get("type") == "message" and event["dir"] == "in":
        # Only texts. Another of these bots would be answered, and answer, without end.
        if not event.get("text", "you said: ").startswith("you said: "):
            count += 1
            ask(count, "send", peer=event["key"], text="you said: " + event["text"])
        # Requests are done in their order: what is sent is written down by then.
        count += 1
        ask(count, "confirm", peer=event["key"], message=event["id"])
    if said.get("id") == 0 and "result" in said:
        print("listening", flush=True)
