"""The session from the screen: recording, markers and notes, a replay's bar."""
