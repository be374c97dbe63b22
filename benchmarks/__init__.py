"""Measures this project beside its peers and a floor, on the same work in one run: `python -m benchmarks --help`."""
