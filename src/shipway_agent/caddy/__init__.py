"""Sites in, one Caddy that serves them out: the proxy that the applications of one user share on one host."""
