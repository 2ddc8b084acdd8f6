"""Runs the tests in a folder, as `python -m unittest discover` does, and takes note of what is skipped.

What is skipped is a line in the file that COMMFORMER_SKIPS names; with COMMFORMER_REQUIRE it is a failure.
"""

import os
import sys
import unittest


def run(folder: str) -> int:
    """The exit status: 0 if every test passed, or was skipped and may be."""
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.discover(folder))
    lines = [f"{test}: {why}" for test, why in result.skipped]
    if file := os.environ.get("COMMFORMER_SKIPS"):
        with open(file, "a", encoding="utf-8") as skips:
            skips.writelines(" ".join(line.split()) + "\n" for line in lines)
    required = os.environ.get("COMMFORMER_REQUIRE")
    if required and lines:
        print("COMMFORMER_REQUIRE lets nothing be skipped:", *lines, sep="\n  ", file=sys.stderr)
    return int(not result.wasSuccessful() or bool(required and lines))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
