"""The demonstration: the whole line once, told step by step, with the real parts."""
