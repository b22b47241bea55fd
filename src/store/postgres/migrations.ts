import { TEXT } from './column.ts'
import { MEMORY_SCHEMA } from './memory-schema.ts'

/**
 * The schema, one step a version; `rutter.meta` counts the steps taken. A step that has been released is never edited. Every primary
 * key begins with `project_id`, and nothing refers across projects, so that a database that shards by project needs no change.
 */
export const migrations: readonly string[] = [
  `
  -- Where each stream ends. A writer moves it on only if it is as it was when the writer read it. Whoever changes what writers go by and
  -- is in no event, or must be sure that a write whose answer was lost will not happen any more, raises "fence".
  CREATE TABLE rutter.streams (
    project_id ${TEXT}, kind ${TEXT}, id ${TEXT}, seq bigint NOT NULL, hash ${TEXT}, fence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, kind, id)
  );

  -- The log: each line as the embedded book has it in a file, byte for byte.
  CREATE TABLE rutter.events (
    project_id ${TEXT}, kind ${TEXT}, id ${TEXT}, seq bigint NOT NULL, line ${TEXT},
    PRIMARY KEY (project_id, kind, id, seq)
  );

  -- The state is as of event "as_of", as is what is said of its tasks; whoever reads them adds the events behind that.
  CREATE TABLE rutter.sessions (
    project_id ${TEXT}, session_id ${TEXT},
    slot ${TEXT}, token bigint NOT NULL, status ${TEXT}, start_time ${TEXT}, state ${TEXT}, as_of bigint NOT NULL,
    PRIMARY KEY (project_id, session_id)
  );
  CREATE INDEX sessions_by_slot ON rutter.sessions (project_id, slot, token, start_time);
  CREATE INDEX sessions_by_status ON rutter.sessions (project_id, status, session_id);

  -- What each session's stream says of each task, as of event "as_of" of the session; the ledger of tasks is the merge over sessions.
  CREATE TABLE rutter.task_reports (
    project_id ${TEXT}, session_id ${TEXT}, task_id ${TEXT},
    title text COLLATE "C", status smallint NOT NULL, updated_at ${TEXT},
    completed boolean NOT NULL, marked_done boolean NOT NULL,
    PRIMARY KEY (project_id, session_id, task_id)
  );
  CREATE INDEX task_reports_by_task ON rutter.task_reports (project_id, task_id);

  CREATE TABLE rutter.turn_requests (
    project_id ${TEXT}, session_id ${TEXT}, request_id ${TEXT},
    PRIMARY KEY (project_id, session_id, request_id)
  );

  -- Each slot's highest fencing token, and the lock on it where it is taken. Live state, no projection: a rebuild keeps it.
  -- Times are the database's own, since no two machines' clocks agree.
  CREATE TABLE rutter.slots (
    project_id ${TEXT}, slot ${TEXT}, token bigint NOT NULL,
    session_id text COLLATE "C", holder text COLLATE "C", locked_at timestamptz, renewed_at timestamptz, ttl_ms bigint,
    PRIMARY KEY (project_id, slot)
  );
  CREATE INDEX slots_by_session ON rutter.slots (project_id, session_id) WHERE session_id IS NOT NULL;
  -- A renewal asks for those of one process, among the thousands that a project may have.
  CREATE INDEX slots_by_holder ON rutter.slots (project_id, holder) WHERE session_id IS NOT NULL;

  CREATE TABLE rutter.heartbeats (
    project_id ${TEXT}, session_id ${TEXT},
    at ${TEXT}, status ${TEXT}, next_action text, process_id text,
    PRIMARY KEY (project_id, session_id)
  );

  -- The stream that takes what is learned outside any session, for each copy of the repository.
  CREATE TABLE rutter.writers (
    project_id ${TEXT}, place ${TEXT}, stream_id ${TEXT},
    PRIMARY KEY (project_id, place)
  );
  `,
  MEMORY_SCHEMA,
]
