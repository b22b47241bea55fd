/** Asks every question of a file and scores what is found. */
import { openBaseline } from './baseline.ts'
import { openLibrary, type Searcher, sessionIdOf } from './library.ts'
import type { Sample } from './samples.ts'
import { type Ranking, type Recall, recallAt } from './score.ts'

const SESSION_PLACES = [1, 3, 5, 10]
const TURN_PLACES = [5, 10, 25, 50]

export interface Scores {
  readonly sessions: readonly Recall[]
  readonly turns: readonly Recall[]
}

export interface Report {
  readonly samples: number
  readonly sessions: number
  readonly turns: number
  readonly questions: number
  /** Questions without evidence; they are not asked. */
  readonly skipped: number
  /** Pieces of evidence that name no turn; they are not looked for. */
  readonly unknown: number
  readonly rutter: Scores
  readonly baseline: Scores
  readonly categories: Readonly<Record<string, Scores & { readonly questions: number }>>
}

/** The folder is to be empty; the index is made there. */
export async function reportOn(samples: readonly Sample[], folder: string): Promise<Report> {
  const library = await openLibrary(folder, samples)
  const baseline = openBaseline(samples)
  try {
    const asked = samples.flatMap((sample) => sample.questions.map((question) => ({ sample, question })))
    const answers = (searcher: Searcher) =>
      asked.map(({ sample, question: { text, evidence, category } }) => ({
        category,
        sessions: { found: searcher.sessions(sample, text), wanted: new Set(evidence.map(sessionIdOf)) },
        turns: { found: searcher.turns(sample, text), wanted: new Set(evidence) },
      }))
    const ours = answers(library)
    const categories = [...new Set(ours.map(({ category }) => category))].sort()
    const count = (of: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + of(sample), 0)
    return {
      samples: samples.length,
      sessions: count((sample) => sample.sessions.length),
      turns: count((sample) => sample.sessions.reduce((sum, { turns }) => sum + turns.length, 0)),
      questions: asked.length,
      skipped: count((sample) => sample.skipped),
      unknown: count((sample) => sample.unknown),
      rutter: scoresOf(ours),
      baseline: scoresOf(answers(baseline)),
      categories: Object.fromEntries(
        categories.map((category) => {
          const some = ours.filter((answer) => answer.category === category)
          return [category, { questions: some.length, ...scoresOf(some) }]
        }),
      ),
    }
  } finally {
    library.close()
    baseline.close()
  }
}

function scoresOf(answers: readonly { sessions: Ranking; turns: Ranking }[]): Scores {
  return {
    sessions: recallAt(
      SESSION_PLACES,
      answers.map((answer) => answer.sessions),
    ),
    turns: recallAt(
      TURN_PLACES,
      answers.map((answer) => answer.turns),
    ),
  }
}

/** A report for people, in percent. */
export function linesOf(report: Report): string[] {
  const { rutter, baseline, categories } = report
  const lines = [
    `${report.samples} conversations, ${report.sessions} sessions, ${report.turns} turns, ${report.questions} questions`,
  ]
  if (report.skipped > 0) lines.push(`${report.skipped} questions name no turn and were not asked`)
  if (report.unknown > 0)
    lines.push(`${report.unknown} pieces of evidence name a turn that is not there and were not looked for`)
  const table = (title: string, of: (scores: Scores) => readonly Recall[]) => {
    lines.push(
      '',
      row(
        title,
        of(rutter).map(({ k }) => `@${k}`),
      ),
    )
    for (const [how, what] of MEASURES) {
      lines.push(
        row(
          `  ${what}`,
          of(rutter).map((recall) => percent(recall[how])),
        ),
      )
      lines.push(
        row(
          '    plain BM25',
          of(baseline).map((recall) => percent(recall[how])),
        ),
      )
    }
  }
  table('sessions', (scores) => scores.sessions)
  table('turns', (scores) => scores.turns)
  const names = Object.entries(categories)
  if (names.length > 1) {
    lines.push('', 'by category: sessions with any of the evidence @5, turns @10')
    for (const [name, { questions, sessions, turns }] of names) {
      const [at5, at10] = [sessions.find(({ k }) => k === 5), turns.find(({ k }) => k === 10)]
      lines.push(row(`  ${name || 'none'} (${questions} questions)`, [percent(at5?.any ?? 0), percent(at10?.any ?? 0)]))
    }
  }
  return lines
}

const MEASURES = [
  ['any', 'any of the evidence'],
  ['share', 'part of the evidence'],
  ['all', 'all of the evidence'],
] as const

function percent(part: number): string {
  return (100 * part).toFixed(1)
}

function row(title: string, cells: readonly string[]): string {
  return title.padEnd(36) + cells.map((cell) => cell.padStart(8)).join('')
}
