"""Faults against real processes: what breaks, what is expected, what was seen (``make faults``)."""
