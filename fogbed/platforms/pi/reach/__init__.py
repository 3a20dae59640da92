"""How machines are reached over SSH, and whether they answer."""
