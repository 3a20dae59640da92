"""What machines lack before a cluster can be made of them, with each problem's fix."""
