"""Faces: weights, tracker, alignment, regions, flow, spotter, and the pipeline that joins them."""
