"""Measure speed and cost. Run it with `make bench`, or with `python -m bench` after a build."""
