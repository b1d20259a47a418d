"""Measure speed and cost: `make bench`, or `python -m bench` after a build."""
