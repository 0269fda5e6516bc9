"""The pure room: what the words mean and what is decided. No I/O, no clock reads, no pykka."""
