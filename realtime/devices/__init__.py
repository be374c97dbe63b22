"""Cameras and headsets as LSL streams, watched: one that blocks, fails or is unplugged is told of and taken up."""
