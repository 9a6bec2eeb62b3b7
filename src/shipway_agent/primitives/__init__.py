"""What an agent can do to a host, one subject a file."""
