"""Numbers in, short texts for people out."""

from __future__ import annotations


def age(lasted: float) -> str:
    """How old something is: hours and days where seconds say nothing any more."""
    if lasted < 2 * 3600:
        return seconds(lasted)
    return f"{lasted / 3600:.1f} h" if lasted < 48 * 3600 else f"{lasted / 86400:.1f} days"


def seconds(value: float) -> str:
    """4 ms, 0.8 s, 12.3 s, 4 min 5 s."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 99.5:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def size(value: float) -> str:
    """812 B, 4.1 kB, 17.9 MB, 2.3 GB."""
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
