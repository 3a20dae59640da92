"""Models to plain values: networks, slots, arguments, timelines, processes. Pure: no I/O."""
