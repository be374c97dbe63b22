"""The dashboard's panels: each takes decoded messages and shows them; none reads a stream."""
