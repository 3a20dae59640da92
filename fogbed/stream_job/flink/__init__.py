"""The job on a Flink cluster: built, submitted, rescaled, stopped, read."""
