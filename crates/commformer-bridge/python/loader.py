"""Runs the package `commformer_bridge` from memory: the program has sent its sources, and nothing of it is on the disk.

Its modules are found here, before any folder is looked at: what has their names in the user's folder is not taken for
them, and they are not taken for it. Tracebacks have their lines, by `get_source`.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType


class Sources:
    """What Python asks to find a module, and to load it, of the files that were sent: their names and bytes.

    It is of none of the classes of `importlib.abc`, whose import takes longer than all that is imported here.
    """

    def __init__(self, sources: dict[str, bytes]) -> None:
        self.sources = sources
        self.files = {file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in sources}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """What a module is loaded by; None for all but the package's own."""
        file = self.files.get(name)
        return None if file is None else ModuleSpec(name, self, origin=file, is_package=file.endswith("/__init__.py"))

    def create_module(self, spec: ModuleSpec) -> None:
        """Lets Python make it, as it makes every module."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module's source; tracebacks call it by the file's name."""
        name = module.__name__
        exec(compile(self.get_source(name), self.files[name], "exec"), module.__dict__)

    def get_source(self, name: str) -> str:
        """A module's source."""
        return self.sources[self.files[name]].decode()


if __name__ == "__main__":
    # `sources` is what the program's first lines have read.
    sys.meta_path.insert(0, Sources(sources))  # noqa: F821
    from commformer_bridge.main import main

    sys.exit(main(sys.argv[1:]))
