import { TEXT } from './column.ts'
import { SEARCH_SCHEMA } from './search-index.ts'
import { WORD_SETS_SCHEMA } from './word-sets.ts'

/**
 * What was learned: the events as they stand in the log, what is folded from them, and the indexes on that. The table `writers` is
 * not here: it is no projection, and stands with the log.
 */
export const MEMORY_SCHEMA = `
  -- One row a project: whoever saves what was learned locks it, so every project of which something is known has one.
  CREATE TABLE rutter.memory_locks (project_id ${TEXT}, PRIMARY KEY (project_id));

  -- book_id is the project whose log has the event. It may be about another one; both are in this database then.
  CREATE TABLE rutter.memory_events (
    project_id ${TEXT}, book_id ${TEXT}, stream_kind ${TEXT}, stream_id ${TEXT}, seq bigint NOT NULL, event ${TEXT},
    PRIMARY KEY (project_id, book_id, stream_kind, stream_id, seq)
  );

  -- The other projects that a project's log speaks of; without it all projects would be searched for what a stream said.
  CREATE TABLE rutter.memory_reach (
    project_id ${TEXT}, about_id ${TEXT},
    PRIMARY KEY (project_id, about_id)
  );

  -- Which events are about what; an event may be about two artifacts.
  CREATE TABLE rutter.memory_subjects (
    project_id ${TEXT}, subject_id ${TEXT}, book_id ${TEXT}, stream_kind ${TEXT}, stream_id ${TEXT}, seq bigint NOT NULL,
    PRIMARY KEY (project_id, subject_id, book_id, stream_kind, stream_id, seq)
  );

  CREATE TABLE rutter.artifacts (
    project_id ${TEXT}, artifact_id ${TEXT}, kind ${TEXT}, scope ${TEXT}, focus text COLLATE "C", room ${TEXT},
    content_hash text COLLATE "C", in_force boolean NOT NULL, saved_at ${TEXT}, state ${TEXT},
    PRIMARY KEY (project_id, artifact_id)
  );
  CREATE INDEX artifacts_by_hash ON rutter.artifacts (project_id, room, kind, content_hash)
    WHERE content_hash IS NOT NULL;
  CREATE INDEX artifacts_by_time ON rutter.artifacts (project_id, saved_at, artifact_id);
  CREATE INDEX artifacts_by_kind ON rutter.artifacts (project_id, kind, saved_at, artifact_id);
  CREATE INDEX artifacts_by_room ON rutter.artifacts (project_id, room, kind, saved_at, artifact_id);
  CREATE INDEX artifacts_by_focus ON rutter.artifacts (project_id, focus, kind, saved_at) WHERE focus IS NOT NULL;

  CREATE TABLE rutter.reviews (
    project_id ${TEXT}, review_id ${TEXT}, status ${TEXT}, opened_at ${TEXT}, state ${TEXT},
    PRIMARY KEY (project_id, review_id)
  );
  CREATE INDEX reviews_by_status ON rutter.reviews (project_id, status, opened_at, review_id);

  CREATE TABLE rutter.approvals (
    project_id ${TEXT}, approval_id ${TEXT}, state ${TEXT},
    PRIMARY KEY (project_id, approval_id)
  );
  ${WORD_SETS_SCHEMA}
  ${SEARCH_SCHEMA}
`
