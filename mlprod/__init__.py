"""Teaches the road from a notebook to production."""

__version__ = "0.1.0"
