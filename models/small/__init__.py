"""Recognisers for small sets: a few compact experts a modality, averaged."""
