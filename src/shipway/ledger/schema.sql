-- Everything here is a cache: `events` of drivers on this machine, `journal` as hosts told it. Deleting the file loses no decision.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT OR IGNORE INTO meta VALUES ('format', '1');

CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    deployment TEXT NOT NULL,
    at REAL NOT NULL,                -- seconds since the epoch, on this machine
    kind TEXT NOT NULL,
    host TEXT NOT NULL,              -- empty for what concerns the fleet
    data TEXT NOT NULL,              -- JSON
    UNIQUE (deployment, at, kind, host, data)
);
CREATE INDEX IF NOT EXISTS events_by_deployment ON events (deployment, id);
CREATE INDEX IF NOT EXISTS events_by_time ON events (deployment, at);

CREATE TABLE IF NOT EXISTS journal (
    environment TEXT NOT NULL,
    host TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,                -- seconds since the epoch, on the host; with seq it tells a new journal from an old one
    deployment TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,              -- JSON
    PRIMARY KEY (environment, host, seq, at)
);
CREATE INDEX IF NOT EXISTS journal_by_time ON journal (environment, deployment, at);
