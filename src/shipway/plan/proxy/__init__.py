"""Intent in, what the host's front door does with requests out."""
