"""Clusters in containers on this computer, made by the kind command."""
