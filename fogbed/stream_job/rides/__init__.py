"""Ride files: imported, kept as datasets, described, drawn."""
