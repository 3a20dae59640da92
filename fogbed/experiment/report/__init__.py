"""The page that a run hands back."""
