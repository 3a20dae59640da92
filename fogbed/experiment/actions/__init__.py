"""What a scenario can do: one file per action, and the table of them."""
