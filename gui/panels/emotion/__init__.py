"""The panels of emotion: the state now, traces over the session, movements over time."""
