"""What can be asserted of a run: one file per assertion, and the table of them."""
