"""Proof by breaking: a loaded site whose parts are killed at random, and a judge who reads the rows afterwards."""
