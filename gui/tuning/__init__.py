"""What may be changed while an engine runs: wishes on the left, what is in force on the right."""
