"""Questions about figures, now or of a run: who answers them, for when, and as which table."""
