"""What a run leaves: its bundle, journal, samples and environment."""
