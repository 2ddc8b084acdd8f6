#!/usr/bin/env python3
"""A slow link between two network namespaces, for kernels without netem.

Usage: ranks-link.py NAMESPACE ADDRESS NAMESPACE ADDRESS DELAY_MS RATE_MBIT

Makes a network device `wire` in each namespace, and carries packets between them until it is ended: each is DELAY_MS
late, and no more than RATE_MBIT pass each way. Takes a part of a core, as the kernel's own would not.
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000


def device(namespace, address, mtu):
    """The near end of a new device in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/var/run/netns/{namespace}") as place:
        if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
            sys.exit(f"cannot enter the namespace {namespace}: {os.strerror(ctypes.get_errno())}")
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
    for words in [f"addr add {address}/24 dev wire", f"link set wire mtu {mtu} up", "link set lo up"]:
        subprocess.run(["ip", *words.split()], check=True)
    return end


def main():
    first, first_address, second, second_address, delay, rate = sys.argv[1:]
    delay, rate = float(delay) / 1e3, float(rate) * 1e6 / 8
    # Large packets where they take no time to speak of: this program's time goes by packets.
    mtu = 9000 if rate > 50e6 else 1500
    ends = [device(first, first_address, mtu), device(second, second_address, mtu)]
    print("ready", flush=True)
    queues, free = [deque(), deque()], [0.0, 0.0]
    while True:
        now = time.monotonic()
        due = [queue[0][0] - now for queue in queues if queue]
        ready, _, _ = select.select(ends, [], [], max(0.0, min(due)) if due else None)
        now = time.monotonic()
        for end in ready:
            way = ends.index(end)
            for _ in range(64):
                try:
                    packet = os.read(end, 65536)
                except BlockingIOError:
                    break
                free[way] = max(free[way], now) + len(packet) / rate
                queues[way].append((free[way] + delay, packet))
        for way, queue in enumerate(queues):
            while queue and queue[0][0] <= now:
                try:
                    os.write(ends[1 - way], queue[0][1])
                except BlockingIOError:
                    break
                queue.popleft()


main()
