"""What a person may write: the text of shipway.toml in, a validated document and the Intent out."""
