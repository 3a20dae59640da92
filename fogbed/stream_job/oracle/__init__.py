"""The same answers computed again, and compared with what the job wrote."""
