"""The panels of the face: live video, motion by region, movements with onset, apex and flow."""
