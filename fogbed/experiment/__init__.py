"""Runs experiments: schedules, samples, judges, and keeps what happened in a bundle."""
