"""Journals of every released format, as SQL: `<format>-<what>.sql`. Made by make.py, kept and replayed for ever."""
