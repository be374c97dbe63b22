"""A lab session: what is recorded, where it lies, and the events by which the programs of a session agree."""
