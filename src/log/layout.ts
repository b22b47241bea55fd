import { join } from 'node:path'
import type { StreamRef } from '../domain/event.ts'

const FOLDERS: Record<StreamRef['kind'], string> = { session: 'sessions', memory: 'memory' }

/** What may be a stream's id, and so a file's name on every system. */
const STREAM_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

/** Where everything of a book is. The only place that builds these paths. */
export function bookLayout(botFolder: string) {
  const workspace = join(botFolder, 'workspace')
  const control = join(botFolder, '.control')
  return {
    bot: botFolder,
    settings: join(botFolder, 'rutter.json'),
    gitignore: join(botFolder, '.gitignore'),
    gitattributes: join(botFolder, '.gitattributes'),
    control,
    database: join(control, 'rutter.db'),
    torn: join(control, 'torn'),
    /** What a write in two books is about to add to both. */
    pending: join(control, 'pending.json'),
    /** How this clone stands to its team's database, and the lock of whoever brings the two together. */
    remote: join(control, 'remote.json'),
    remoteTurn: join(control, 'remote.lock'),
    folder: (kind: StreamRef['kind']) => join(workspace, FOLDERS[kind]),
    record: (stream: StreamRef) => join(workspace, FOLDERS[stream.kind], `${stream.id}.jsonl`),
    /** The other copy of a stream that forked: same folder, so that it is versioned too. */
    fork: (stream: StreamRef, headHash: string) =>
      join(workspace, FOLDERS[stream.kind], `${stream.id}.fork-${headHash.slice(0, 8)}.jsonl`),
  }
}

export type BookLayout = ReturnType<typeof bookLayout>

/** True for what may be a stream's id; anything else names no stream, and no file is looked for. */
export function isStreamId(id: string): boolean {
  return STREAM_ID.test(id)
}

/** The stream that a file name stands for; `null` for any other file, forks among them. */
export function streamOfFile(kind: StreamRef['kind'], fileName: string): StreamRef | null {
  const id = fileName.endsWith('.jsonl') ? fileName.slice(0, -'.jsonl'.length) : ''
  return isStreamId(id) ? { kind, id } : null
}

export function isForkFile(fileName: string): boolean {
  return /\.fork-[0-9a-f]{8}\.jsonl$/.test(fileName)
}

/** The stream that a fork's file name stands for, and the mark that tells it from other forks of that stream; `null` for any other file. */
export function forkOfFile(kind: StreamRef['kind'], fileName: string): { stream: StreamRef; mark: string } | null {
  const [, id = '', mark = ''] = /^(.*)\.fork-([0-9a-f]{8})\.jsonl$/.exec(fileName) ?? []
  return isStreamId(id) ? { stream: { kind, id }, mark } : null
}
