/** The conversations in Rutter's own search index, and what it finds there. */
import { join } from 'node:path'
import { fuseRanks } from '../../src/domain/memory/ranking.ts'
import type { SearchDoc } from '../../src/domain/memory/search-doc.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SearchIndex } from '../../src/store/sqlite/search-index.ts'
import type { Sample, Session, Turn } from './samples.ts'

/** Finds the turns and the sessions of a sample, the best first. */
export interface Searcher {
  turns(sample: Sample, question: string): string[]
  sessions(sample: Sample, question: string): string[]
}

/** Turns that are looked at for a question: more than are scored, since a session is judged by its best ones. */
const TURNS = 100
const SESSIONS = 50
/** A session is as good as so many of its turns together: one may be chance. */
const BEST_TURNS = 3

export function sessionIdOf(turnId: string): string {
  return turnId.slice(0, turnId.indexOf(':'))
}

/** An index in a folder of its own; `close` before the folder is removed. */
export async function openLibrary(folder: string, samples: readonly Sample[]): Promise<Searcher & { close(): void }> {
  const { database } = await Database.open(join(folder, 'rutter.db'), join(folder, 'torn'))
  const index = new SearchIndex(database)
  database.begin()
  for (const [i, sample] of samples.entries()) for (const doc of documentsOf(sample, i)) index.put(doc)
  database.commit()

  const numbers = new Map(samples.map((sample, i) => [sample, i]))
  const ask = (room: (sample: number) => string, sample: Sample, text: string, limit: number) =>
    index.search({ project_ids: [room(numbers.get(sample) ?? -1)], text, limit, now: AT }).map((match) => match.id)
  const searchBoth = (sample: Sample, text: string) => {
    const turns = ask(turnRoom, sample, text, TURNS)
    const sessions = ask(sessionRoom, sample, text, SESSIONS)
    return { turns, sessions }
  }
  return {
    turns(sample, question) {
      const { turns, sessions } = searchBoth(sample, question)
      const ranks = ranksOf(sessions)
      const none = sessions.length + 1
      return bestFirst(
        fuseRanks([ranksOf(turns), new Map(turns.map((turn) => [turn, ranks.get(sessionIdOf(turn)) ?? none]))]),
      )
    },
    sessions(sample, question) {
      const { turns, sessions } = searchBoth(sample, question)
      return bestFirst(fuseRanks([ranksOf(sessions), ranksOf(byBestTurns(turns))]))
    },
    close: () => database.close(),
  }
}

/** All documents have one time: nothing is to be found by being new. */
const AT = '2026-01-01T00:00:00.000Z'

const turnRoom = (sample: number) => `${sample}/turns`
const sessionRoom = (sample: number) => `${sample}/sessions`

/**
 * A session is one document, and so is each turn: with its own words as the title, since these weigh more, and its neighbours' and the
 * date as the text, since an answer often lacks the words of the question that it answers.
 */
function documentsOf(sample: Sample, i: number): SearchDoc[] {
  const common = { kind: 'session', scope: 'project', focus: null, session_id: null, at: AT } as const
  return sample.sessions.flatMap((session) => {
    const turns = session.turns.map((turn, at) => ({
      ...common,
      project_id: turnRoom(i),
      id: turn.id,
      title: wordsOf(turn),
      text: [session.date, ...neighbours(session, at).map(({ text, caption }) => `${text} ${caption}`)].join('\n'),
    }))
    const whole = {
      ...common,
      project_id: sessionRoom(i),
      id: `D${session.number}`,
      title: session.date,
      text: session.turns.map(wordsOf).join('\n'),
    }
    return [...turns, whole]
  })
}

function neighbours({ turns }: Session, at: number): Turn[] {
  return [turns[at - 1], turns[at + 1]].filter((turn) => turn !== undefined)
}

function wordsOf({ speaker, text, caption }: Turn): string {
  return `${speaker}: ${text} ${caption}`
}

/** Sessions by what their best turns' places are worth together. */
function byBestTurns(turns: readonly string[]): string[] {
  const worth = new Map<string, number[]>()
  for (const [turn, score] of fuseRanks([ranksOf(turns)])) {
    const session = sessionIdOf(turn)
    worth.set(session, [...(worth.get(session) ?? []), score])
  }
  const sums = [...worth].map(([session, scores]): [string, number] => [
    session,
    scores.slice(0, BEST_TURNS).reduce((sum, score) => sum + score, 0),
  ])
  return bestFirst(new Map(sums))
}

function ranksOf(ids: readonly string[]): Map<string, number> {
  return new Map(ids.map((id, i) => [id, i + 1]))
}

function bestFirst(scores: ReadonlyMap<string, number>): string[] {
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id)
}
