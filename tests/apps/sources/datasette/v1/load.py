"""A CSV file in, a table of a SQLite database out; the database appears whole or not at all."""

import csv
import os
import sqlite3
import sys

target, source = sys.argv[1:]
with open(source, newline="") as file:
    rows = list(csv.DictReader(file))
half = target + ".new"
database = sqlite3.connect(half)
database.execute("CREATE TABLE paintings (title TEXT, painter TEXT, year INTEGER)")
database.executemany("INSERT INTO paintings VALUES (:title, :painter, :year)", rows)
database.commit()
database.close()
os.replace(half, target)
