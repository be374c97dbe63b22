"""`emostream record`: LabRecorder supervised, one XDF file a run, checksums, and what is done with recordings after."""
