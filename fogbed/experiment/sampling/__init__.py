"""What is measured every second while a run goes on."""
