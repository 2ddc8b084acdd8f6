"""What runs first, in whatever Python there is: says what is missing, and keeps the user's folder out of our imports.

Its own syntax is that of every Python, so that an old one gets as far as the sentence.
"""

import os
import sys

if sys.version_info < (3, 10):
    sys.exit(
        "%s is Python %d.%d, but commformer needs Python 3.10 or later there: name one with env.python "
        "(--python for a check), such as --set env.python=python3.12" % ((sys.executable,) + tuple(sys.version_info[:2]))
    )


def is_here(folder):
    """Whether this is the current directory, by whatever name."""
    try:
        return folder == "" or os.path.samestat(os.stat(folder), os.stat("."))
    except OSError:
        return False


# What lies there may have the name of a module that is needed here, such as signal.py. `load` looks there again.
sys.path[:] = [folder for folder in sys.path if "-packages" in folder or not is_here(folder)]
