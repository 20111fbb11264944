"""Benchmarks on the real stack: each measures what its name says, beside its goal."""
