"""What moved a decision: regions, bands, channels."""
