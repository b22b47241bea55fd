import { SEARCH_SCHEMA } from './search-index.ts'

/**
 * Numbers are given per project, never across: to words in the order of their first appearance, to rooms, and to sets. A number
 * is not given twice; a word keeps its own when the last set that has it is gone.
 */
const WORD_SETS_SCHEMA = `
  CREATE TABLE word_set_numbers (
    project_id TEXT NOT NULL, last_word INTEGER NOT NULL, last_room INTEGER NOT NULL, last_set INTEGER NOT NULL,
    PRIMARY KEY (project_id)
  ) WITHOUT ROWID;

  CREATE TABLE word_set_words (
    project_id TEXT NOT NULL, word TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (project_id, word)
  ) WITHOUT ROWID;

  CREATE TABLE word_set_rooms (
    project_id TEXT NOT NULL, room TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (project_id, room)
  ) WITHOUT ROWID;

  -- Each set whole: the numbers of its words, the last given first, 4 bytes each, little-endian.
  CREATE TABLE word_sets (
    project_id TEXT NOT NULL, number INTEGER NOT NULL, room INTEGER NOT NULL, doc TEXT NOT NULL, words BLOB NOT NULL,
    PRIMARY KEY (project_id, number)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX word_sets_by_doc ON word_sets (project_id, room, doc);

  -- The leading words of each set: those whose numbers were given last, and that therefore few sets have.
  CREATE TABLE word_set_leads (
    project_id TEXT NOT NULL, room INTEGER NOT NULL, word INTEGER NOT NULL, size INTEGER NOT NULL, position INTEGER NOT NULL,
    word_set INTEGER NOT NULL,
    PRIMARY KEY (project_id, room, word, size, position, word_set)
  ) WITHOUT ROWID;
`

/** What was learned: the events as they stand in the records, what is folded from them, and the indexes on that. */
export const MEMORY_SCHEMA = `
  CREATE TABLE memory_events (
    project_id TEXT NOT NULL, stream_kind TEXT NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL,
    PRIMARY KEY (project_id, stream_kind, stream_id, seq)
  );
  CREATE INDEX memory_events_by_stream ON memory_events (stream_kind, stream_id, seq);

  -- Which events are about what; an event may be about two artifacts.
  CREATE TABLE memory_subjects (
    project_id TEXT NOT NULL, subject_id TEXT NOT NULL, stream_kind TEXT NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (project_id, subject_id, stream_kind, stream_id, seq)
  ) WITHOUT ROWID;

  CREATE TABLE artifacts (
    project_id TEXT NOT NULL, artifact_id TEXT NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL, focus TEXT, room TEXT NOT NULL,
    content_hash TEXT, in_force INTEGER NOT NULL, saved_at TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (project_id, artifact_id)
  );
  CREATE INDEX artifacts_by_hash ON artifacts (project_id, room, kind, content_hash) WHERE content_hash IS NOT NULL;
  CREATE INDEX artifacts_by_time ON artifacts (project_id, saved_at, artifact_id);
  CREATE INDEX artifacts_by_kind ON artifacts (project_id, kind, saved_at, artifact_id);
  CREATE INDEX artifacts_by_room ON artifacts (project_id, room, kind, saved_at, artifact_id);
  CREATE INDEX artifacts_by_focus ON artifacts (project_id, focus, kind, saved_at) WHERE focus IS NOT NULL;

  CREATE TABLE reviews (
    project_id TEXT NOT NULL, review_id TEXT NOT NULL, status TEXT NOT NULL, opened_at TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (project_id, review_id)
  );
  CREATE INDEX reviews_by_status ON reviews (project_id, status, opened_at);

  CREATE TABLE approvals (
    project_id TEXT NOT NULL, approval_id TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (project_id, approval_id)
  ) WITHOUT ROWID;

  -- The stream that this clone's own learnings go to, where it ended when something was last added, and where that was done: a copy
  -- of the folder is another clone.
  CREATE TABLE writers (
    project_id TEXT NOT NULL, stream_id TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, place TEXT NOT NULL,
    PRIMARY KEY (project_id)
  ) WITHOUT ROWID;
  ${WORD_SETS_SCHEMA}
  ${SEARCH_SCHEMA}
`

/** The tables that a rebuild computes anew, the two indexes aside. */
export const MEMORY_TABLES = ['memory_events', 'memory_subjects', 'artifacts', 'reviews', 'approvals'] as const
