"""Modules and files of the user's, looked for, imported and called."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from types import ModuleType
from typing import Any

from .refusal import Refusal


def call(module_name: str, function: str, options: dict[str, Any]) -> Any:
    """Calls a function of a module with the options."""
    module = load(module_name)
    made = getattr(module, function, None)
    if not callable(made):
        near = difflib.get_close_matches(function, [n for n in dir(module) if callable(getattr(module, n))])
        hint = f"; it has {', '.join(near)}" if near else ""
        file = getattr(module, "__file__", "built in")
        raise Refusal(f"module {module_name} ({file}) has no function {function!r}{hint}")
    try:
        inspect.signature(made).bind(**options)
    except TypeError as error:
        raise Refusal(
            f"{module_name}.{function}{inspect.signature(made)} cannot be called with "
            f"env.options = {options}: {error}"
        ) from error
    except ValueError:
        pass  # a function that is not written in Python need not tell its signature
    return made(**options)


def load(name: str) -> ModuleType:
    """Imports a module, or the file that is named by its path; the user's own are looked for in the current directory."""
    look_in(os.getcwd())
    if "/" in name or name.endswith(".py"):
        return load_file(os.path.expanduser(name))
    if "." not in name and os.path.isfile(f"{name}.py"):
        return load_file(f"{name}.py")  # Even where Python has a module of this name.
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        package, _, last = missing.rpartition(".")
        if package in sys.modules:
            there = [m.name for m in pkgutil.iter_modules(getattr(sys.modules[package], "__path__", []))]
            near = difflib.get_close_matches(last, there, n=5) or there[:5]
            raise Refusal(
                f"package {package} has no module {last!r}; it has {', '.join(near) or 'none'}"
            ) from error
        root = missing.partition(".")[0]
        raise Refusal(
            f"{sys.executable} has no module {missing!r}, which {name} needs. Install it there "
            f"({sys.executable} -m pip install {root}), name another interpreter with env.python, or, if it "
            "is your own, start in its directory or put that into PYTHONPATH"
        ) from error


def load_file(path: str) -> ModuleType:
    """Runs a file as a module; what lies beside it can be imported by it."""
    path = os.path.abspath(path)
    folder, file = os.path.split(path)
    if not os.path.isfile(path):
        if os.path.isfile(f"{path}.py"):
            return load_file(f"{path}.py")
        there = sorted(found for found in os.listdir(folder) if found.endswith(".py")) if os.path.isdir(folder) else []
        near = difflib.get_close_matches(file, there, n=5) or there[:5]
        kind = f"{path} is a folder" if os.path.isdir(path) else f"there is no file {path}"
        raise Refusal(
            f"env.make: {kind}: expected a file such as ./my_env.py:make"
            + (f"; {folder} has {', '.join(near)}" if near else "")
            + (f" (the current directory is {os.getcwd()})" if folder != os.getcwd() else "")
        )
    look_in(folder)
    name = os.path.splitext(file)[0]
    if not name.isidentifier() or name in sys.stdlib_module_names or name == __package__:
        name = f"commformer_{name}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refusal(f"env.make: {path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def look_in(folder: str) -> None:
    """Lets modules be found in a folder: before installed packages, but not in the place of Python's own modules."""
    if folder not in sys.path:
        installed = (place for place, entry in enumerate(sys.path) if "-packages" in entry)
        sys.path.insert(next(installed, len(sys.path)), folder)
