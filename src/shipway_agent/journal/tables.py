"""The tables of a journal, as SQLite is told to make them where they lack, and how its events are asked for."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS member (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, deployment TEXT NOT NULL, kind TEXT NOT NULL,
    json TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_of ON events (deployment, seq);
CREATE TABLE IF NOT EXISTS good (generation INTEGER PRIMARY KEY, deployment TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (deployment TEXT NOT NULL, key TEXT NOT NULL, fence INTEGER NOT NULL, state TEXT NOT NULL,
    at REAL NOT NULL, json TEXT NOT NULL, pid INTEGER, pid_start INTEGER, PRIMARY KEY (deployment, key));
CREATE INDEX IF NOT EXISTS steps_begun ON steps (at) WHERE state = 'intent';
CREATE TABLE IF NOT EXISTS processes (generation INTEGER NOT NULL, name TEXT NOT NULL, instance INTEGER NOT NULL, token TEXT NOT NULL,
    state TEXT NOT NULL, address TEXT, pid INTEGER, pid_start INTEGER, boot TEXT, healthy INTEGER NOT NULL, since REAL NOT NULL,
    restarts INTEGER NOT NULL, exit INTEGER, wanted INTEGER NOT NULL, PRIMARY KEY (generation, name, instance));
CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, target TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', tries INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, schedule TEXT NOT NULL, since REAL NOT NULL, last REAL NOT NULL,
    skipped INTEGER NOT NULL, told REAL NOT NULL);
CREATE TABLE IF NOT EXISTS runs (token TEXT PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, generation INTEGER NOT NULL,
    state TEXT NOT NULL, boot TEXT NOT NULL, began REAL NOT NULL, until REAL NOT NULL, log_bytes INTEGER NOT NULL, tries INTEGER NOT NULL,
    why TEXT NOT NULL, pid INTEGER, pid_start INTEGER, ended REAL, exit INTEGER, lines TEXT NOT NULL);
"""

NAMES = tuple(statement.split(" IF NOT EXISTS ")[1].split()[0] for statement in TABLES.split(";")[:-1])
"""Of the tables and their indexes."""

EVENTS = {
    (False, False): "SELECT seq, at, deployment, kind, json FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
    (True, False): "SELECT seq, at, deployment, kind, json FROM events WHERE seq > ? AND deployment = ? ORDER BY seq LIMIT ?",
    (False, True): "SELECT seq, at, deployment, kind, json FROM events WHERE seq > ? AND kind = ? ORDER BY seq LIMIT ?",
    (True, True): "SELECT seq, at, deployment, kind, json FROM events WHERE seq > ? AND deployment = ? AND kind = ? ORDER BY seq LIMIT ?",
}
"""By whether a deployment and a kind are named. One question for all, "? IS NULL OR", reads whatever was written instead of an index."""
