"""Reviewing movements: what a coder decides, kept so that nothing is lost, and how far two coders agree."""
