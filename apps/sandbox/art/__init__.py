"""Procedural pictures and films from a prompt and a seed. NumPy, Pillow and PyAV only; no Django here.

Everything is a pure function of (prompt, seed, size, style, moment): the same request draws the same pixels.
"""
