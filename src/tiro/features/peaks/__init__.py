"""How loud a recording is over time, for a waveform."""
