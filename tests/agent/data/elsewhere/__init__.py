"""Copies of restore points in real places: a directory, a host with its sshd, a store of S3 that checks signatures."""
