"""Testbeds on one computer: namespaces for nodes, real Flink in them, a keeper that holds all."""
