"""Protocols, baselines, figures of merit and the report."""
