"""Reports: events, facts and plans in, text and JSON for people and programs out. Everything is a fold over the same stream."""
