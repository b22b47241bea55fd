import { MEMORY_SCHEMA } from './memory-schema.ts'

/**
 * The schema, one step a version; `PRAGMA user_version` counts the steps taken. A step that has been released is never edited.
 * Every primary key begins with `project_id`, as in the PostgreSQL twin.
 */
export const migrations: readonly string[] = [
  `
  -- How far the store has read each stream, and where its last line stands in the file.
  CREATE TABLE streams (
    project_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    seq INTEGER NOT NULL, hash TEXT NOT NULL, line_offset INTEGER NOT NULL, line_end INTEGER NOT NULL,
    ino INTEGER NOT NULL, journal_seq INTEGER NOT NULL,
    PRIMARY KEY (project_id, kind, id)
  ) WITHOUT ROWID;

  -- The store's own copy of recent lines: what mends a record that was cut or deleted under a running session.
  -- No projection: a rebuild keeps it. With its rowid, since in a table without one a long line takes a page for itself.
  CREATE TABLE journal (
    project_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (project_id, kind, id, seq)
  );

  CREATE TABLE sessions (
    project_id TEXT NOT NULL, session_id TEXT NOT NULL,
    slot TEXT NOT NULL, token INTEGER NOT NULL, status TEXT NOT NULL, start_time TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (project_id, session_id)
  );
  CREATE INDEX sessions_by_slot ON sessions (project_id, slot, token, start_time);
  CREATE INDEX sessions_by_status ON sessions (project_id, status, session_id);

  -- What each session's stream says of each task; the ledger of tasks is the merge over sessions.
  CREATE TABLE task_reports (
    project_id TEXT NOT NULL, session_id TEXT NOT NULL, task_id TEXT NOT NULL,
    title TEXT, status INTEGER NOT NULL, updated_at TEXT NOT NULL,
    completed INTEGER NOT NULL, marked_done INTEGER NOT NULL,
    PRIMARY KEY (project_id, session_id, task_id)
  ) WITHOUT ROWID;
  CREATE INDEX task_reports_by_task ON task_reports (project_id, task_id);

  CREATE TABLE turn_requests (
    project_id TEXT NOT NULL, session_id TEXT NOT NULL, request_id TEXT NOT NULL,
    PRIMARY KEY (project_id, session_id, request_id)
  ) WITHOUT ROWID;

  -- The highest fencing token of each slot, by store or record, and the highest that was given back.
  CREATE TABLE tokens (
    project_id TEXT NOT NULL, slot TEXT NOT NULL, token INTEGER NOT NULL, released INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, slot)
  ) WITHOUT ROWID;

  -- Live state, no projection: a rebuild keeps it.
  CREATE TABLE leases (
    project_id TEXT NOT NULL, slot TEXT NOT NULL, session_id TEXT NOT NULL, token INTEGER NOT NULL,
    holder TEXT NOT NULL, locked_at TEXT NOT NULL, renewed_at TEXT NOT NULL, renewed_uptime_ms REAL NOT NULL,
    ttl_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, slot)
  ) WITHOUT ROWID;

  CREATE TABLE sightings (
    project_id TEXT NOT NULL, slot TEXT NOT NULL, token INTEGER NOT NULL, renewed_uptime_ms REAL NOT NULL,
    observer_boot_id TEXT NOT NULL, seen_uptime_ms REAL NOT NULL,
    PRIMARY KEY (project_id, slot)
  ) WITHOUT ROWID;

  CREATE TABLE heartbeats (
    project_id TEXT NOT NULL, session_id TEXT NOT NULL,
    at TEXT NOT NULL, status TEXT NOT NULL, next_action TEXT, process_id TEXT,
    PRIMARY KEY (project_id, session_id)
  ) WITHOUT ROWID;
  `,
  MEMORY_SCHEMA,
]
