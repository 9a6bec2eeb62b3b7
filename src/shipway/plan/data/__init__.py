"""What must not be lost, in; what a deployment does so that it can be brought back, out."""
