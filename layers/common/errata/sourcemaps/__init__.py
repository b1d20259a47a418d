"""Source maps: read them, compile them to byte ranges, and look up where generated code is from."""
