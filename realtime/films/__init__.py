"""Films of a recording: written by the camera's process, read back frame by frame."""
