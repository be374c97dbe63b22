"""The spotter, and published rules beside it, scored over a folder of videos with known movements."""
