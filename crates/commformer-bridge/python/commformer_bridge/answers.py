"""What a worker answers in: JSON of a bounded length."""

from __future__ import annotations

import json
from typing import Any

from .refusal import a

# Bytes of the longest answer; the parent takes no more.
LONGEST = 4 << 20


def json_of(answer: Any) -> str:
    """An answer as JSON, NumPy's numbers and arrays as Python's. Halves of letters, which are no text, become question
    marks. Raises TypeError or ValueError for what JSON has no word for, such as NaN.
    """
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode(errors="replace").decode()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{a(value)} is no number, text, list or dictionary")
