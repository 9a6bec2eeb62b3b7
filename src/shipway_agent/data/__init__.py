"""What must not be lost, as a generation declares it, in; restore points of it out: taken, read back, listed, kept as long as they may be
needed. One file a kind of data, one for the folder that keeps the points.
"""
