"""The stream job: rides and landmarks, the Java job, its submission, rescale and oracle."""
