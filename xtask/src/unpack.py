"""Takes the parts of libtorch that a Rust program needs out of downloaded wheels.

Usage: unpack.py WHEELS TARGET. TARGET gets `include/` and `lib/`.
"""

import shutil
import sys
import zipfile
from pathlib import Path

HEADERS = "torch/include/"
LIBRARIES = {
    "libc10.so",
    "libtorch_cpu.so",
    "libgomp.so.1",
    "libcudart.so.13",
    "libcupti.so.13",
}


def place(name):
    """Where a wheel's file goes below TARGET, or None where it is left out."""
    if name.endswith("/"):
        return None
    if name.startswith(HEADERS):
        return Path("include", name[len(HEADERS) :])
    file = name.rsplit("/", 1)[-1]
    return Path("lib", file) if file in LIBRARIES else None


def main(wheels, target):
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                kept = place(name)
                if kept is None:
                    continue
                path = target / kept
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, open(path, "wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
    missing = sorted(name for name in LIBRARIES if not (target / "lib" / name).is_file())
    if missing:
        sys.exit("the downloaded wheels lack " + ", ".join(missing))


main(Path(sys.argv[1]), Path(sys.argv[2]))
