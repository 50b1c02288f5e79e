#!/usr/bin/env python3
"""Says back what it is told: a bot on securechat's control socket. Usage: echo.py [SOCKET]"""
import itertools
import json
import os
import socket
import sys

runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
default = os.path.join(runtime, "securechat/ctl.sock")
program = socket.socket(socket.AF_UNIX)
program.connect(sys.argv[1] if len(sys.argv) > 1 else default)
lines = program.makefile("r", encoding="utf-8")
numbers = itertools.count()


def ask(method, **params):
    number = next(numbers)
    request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    program.sendall(json.dumps(request).encode() + b"\n")
    return number


def confirm(event):
    ask("confirm", peer=event["key"], message=event["id"])


# With "confirm" a message comes again to the next bot if this one crashes before it is done with it.
subscribed = ask("subscribe", confirm=True)
answering = {}
for line in lines:
    said = json.loads(line)
    answered = answering.pop(said.get("id"), None)
    if "error" in said:
        # What could not be answered is not confirmed: it comes again to the next bot.
        print("not done:", said["error"]["message"], file=sys.stderr)
    elif answered:
        # What we say to it is written down, and goes out by itself.
        confirm(answered)
    event = said.get("params", {})
    # Fields and events that are new to us are passed over.
    if event.get("type") == "message" and event["dir"] == "in":
        # Only texts. Another of these bots would be answered, and answer, without end.
        if event.get("text", "you said: ").startswith("you said: "):
            confirm(event)
        else:
            answering[ask("send", peer=event["key"], text="you said: " + event["text"])] = event
    if said.get("id") == subscribed and "result" in said:
        print("listening", flush=True)
