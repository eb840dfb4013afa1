"""Numbers, and text from elsewhere, as people read them."""

from __future__ import annotations

import signal

_PICTURES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"} | {0x7F: "\N{SYMBOL FOR DELETE}"}
_PICTURES |= dict.fromkeys((0x2028, 0x2029), "\N{SYMBOL FOR NEWLINE}") | {0xAD: "-"}
_PICTURES |= dict.fromkeys((0x200D, 0xFE0F), "\N{ZERO WIDTH NON-JOINER}")  # terminals differ in how wide the joined sign is
_PICTURES |= dict.fromkeys(
    (*range(0x80, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080)),
    "\N{REPLACEMENT CHARACTER}",
)


def seconds(value: float | None) -> str:
    """``8 s``, ``3 min 20 s``, ``2 h 05 min``; a dash for what is not known."""
    if value is None:
        return "–"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: float | None) -> str:
    """Bytes in binary units with three digits: ``1.54 GiB``."""
    if value is None:
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 999.5 or unit == "TiB":
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError


def count(value: float | None) -> str:
    """``950``, ``12.3 k``, ``135 M``, ``8.03 B``."""
    if value is None:
        return "–"
    for unit in ("", " k", " M", " B"):
        if value < 999.5 or unit == " B":
            return f"{value:.3g}{unit}" if value < 100 else f"{value:.0f}{unit}"
        value /= 1000
    raise AssertionError


def number(value: float) -> str:
    """Three digits, or all that stand before the point: ``0.0488``, ``52.2``, ``1,234``."""
    return f"{value:.3g}" if abs(value) < 999 else f"{value:,.0f}"


def share(value: float) -> str:
    """0 to 1 as a whole percentage."""
    return f"{value * 100:.0f} %"


def advised(text: str, advice: str) -> str:
    """What is wrong and what to do about it as one text: ``it is full; free some space``."""
    if not advice:
        return text
    return f"{text} {advice}" if text.endswith(".") else f"{text}; {advice}"


def ended(code: int) -> str:
    """How a process with this exit code ended: ``ended with exit code 3``, ``was killed by signal 9 (SIGKILL)`` for -9."""
    if code >= 0:
        return f"ended with exit code {code}"
    names = {number.value: f" ({number.name})" for number in signal.Signals}  # some signals have none
    return f"was killed by signal {-code}{names.get(-code, '')}"


def device(name: str) -> str:
    """``the CPU``, or ``GPU 1`` for the number of one."""
    return "the CPU" if name == "cpu" else f"GPU {name}"


def plain(text: str) -> str:
    """The text with control characters, writing-direction marks and hidden letters made visible; lines and tabs stay."""
    return text.translate(_PICTURES)
