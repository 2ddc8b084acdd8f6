"""Stands in for Python as a worker's interpreter, speaks its protocol, and in the first step does what no worker does.

Its options say what that is: `say`, with N for the request's number; `status`, which it leaves in the shared memory
before; `size`, so many bytes without the end of a line; `every`, a byte each so many seconds. `first` replaces what it
says of its task, `ends` lets it end thereafter.
"""

import json
import mmap
import os
import socket
import sys
import time

parts, _, _, options = sys.argv[3:]
options = json.loads(options)
control = socket.socket(fileno=os.dup(0))
left = sum(int(part.split(":")[1]) for part in parts.split(","))
while left:
    left -= len(control.recv(left))
spec = {"agents": 1, "obs_dim": 1, "discrete": True, "actions": 2, "masked": False, "leaves": False, "state_dim": 0}
spec |= {"metrics": [], "agent_names": [], "action_names": [], "notes": []}
control.sendall(options.get("first", "0 " + json.dumps({"ok": spec})).encode() + b"\n")
memory = None
try:
    while True:
        request, files, _, _ = socket.recv_fds(control, 4096, 1)
        if not request:
            break
        verb, number, *_ = request.decode().split()
        if verb == "open":
            memory = mmap.mmap(files[0], 0)
            control.sendall(f'{number} {{"ok": null}}\n'.encode())
            continue
        # The last two lines of the memory are what the environments are asked for, and how they stand.
        if memory[-128] == 1:
            control.sendall(f"{number} done\n".encode())
            continue
        if "status" in options:
            memory[-64] = options["status"]
        for _ in range(options.get("size", 0) // 4096):
            control.sendall(b"x" * 4096)
        while "every" in options:
            control.sendall(b"x")
            time.sleep(options["every"])
        control.sendall(options.get("say", "N done\n").replace("N", number).encode())
        if options.get("ends"):
            break
except OSError:
    pass
