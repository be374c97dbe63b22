"""The same engine on recorded packets, as fast as they come: `emostream analyze` and the evaluations."""
