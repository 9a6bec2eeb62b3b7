"""A deployment that was recorded call by call in, every disk that a loss of power could have left of it out."""
