"""Parse whole numbers in text that users wrote, such as coordinates."""

from __future__ import annotations

_DIGITS = b"0123456789"
_MOST = 15
"""Most digits: any number of them fits into 64 bits."""


def whole_number(text: str | bytes) -> int | None:
    """Return the number that plain ASCII digits represent, or None for any other text.

    Python's `int` also reads ``+5``, ``1_0``, blanks around a number and the digits of other
    scripts; in a coordinate they are mistakes. Numbers of more than 15 digits are none either.

    Parameters
    ----------
    text : str or bytes
        A field, without white space around it.
    """
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if not 0 < len(raw) <= _MOST or raw.strip(_DIGITS):
        return None
    return int(raw)
