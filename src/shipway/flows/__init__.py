"""Flows: the table of contents. Each wires the stages together; nothing else imports two of them."""
