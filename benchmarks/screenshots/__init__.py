"""Pictures of the dashboard for its guide, always of one simulated session: `python -m benchmarks.screenshots`."""
