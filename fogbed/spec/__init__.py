"""YAML to frozen values; every problem of a file at once, with file, line, path and a way out."""
