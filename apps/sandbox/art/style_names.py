"""The names of the styles, apart from what draws them: whoever takes an order need not load NumPy and Pillow."""

from __future__ import annotations

STYLES = ("auto", "ridges", "sea", "dunes", "aurora", "nebula", "skyline", "bloom", "strands", "marble")
