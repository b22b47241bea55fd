import { Option } from 'commander'
import type { Context } from '../../app/context.ts'
import { showsTheSame } from '../../app/memory/review-view.ts'
import { listReviews, resolveReview, waitingReview } from '../../app/memory/reviewing.ts'
import type { ReviewView } from '../../app/memory/shapes.ts'
import { asRefusal, perform } from '../../app/operation.ts'
import { memoryReview } from '../../app/operations/memory_review.ts'
import { reviewByPrefix } from '../../app/operator/by-prefix.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { shortId } from '../memory-text.ts'
import { Misuse } from '../misuse.ts'
import type { Out } from '../out.ts'
import { reviewLines } from '../review-text.ts'
import { isInteractive, type Keys, terminalKeys, terminalWidth } from '../terminal.ts'
import { oneLine, plural } from '../text.ts'

type Resolution = ReviewView['resolutions'][number]

interface Options {
  resolve?: Resolution
  project?: string
}

const RESOLUTIONS: readonly Resolution[] = ['supersede', 'keep_both', 'discard']
const KEYS: Readonly<Record<string, Resolution>> = { s: 'supersede', k: 'keep_both', d: 'discard' }
const QUESTION = '(s)upersede the old one  (k)eep both  (d)iscard the new one  (n)ext  (q)uit'

/** `rutter review`: decisions that wait for a person. */
export function registerReview(cli: Cli): void {
  const command = cli
    .command('review', {
      summary: 'decide about decisions that were kept aside',
      details:
        'A decision that is much like one in force waits until somebody says whether it takes its place. On a terminal they are shown one after the other; in a pipe they are listed. Ids may be abbreviated.',
      examples: [
        'rutter review',
        'rutter review 7c2e51aa --resolve supersede',
        'rutter review --json | jq .reviews[].id',
      ],
    })
    .argument('[id]', 'only this one')
    .addOption(new Option('--resolve <resolution>', 'decide about it at once').choices(RESOLUTIONS))
    .option('--project <id>', "another project than the repository's own")
  cli.action<[string | undefined], Options>(command, async (desk, [given], { resolve, project = null }) => {
    if (resolve !== undefined && given === undefined) {
      throw new Misuse('--resolve needs the id of one review.', 'rutter review lists those that wait.')
    }
    const context = desk.operator()
    const id = given === undefined ? null : await reviewByPrefix(context, given, project)
    if (id !== null && resolve !== undefined) {
      const wanted = { action: 'resolve', id, resolution: resolve, project_id: project }
      const answer = await perform(memoryReview, context, wanted)
      desk.answer(answer, () => [oneLine(answer.resolved?.message ?? 'Done.'), left(answer.reviews.length)])
      return 0
    }
    const all = await listReviews(context, project)
    const reviews = id === null ? all : all.filter((review) => review.id === id)
    if (reviews.length > 0 && isInteractive() && !desk.isJson) return await goThrough(desk, context, reviews, project)
    const now = context.clock.now()
    desk.answer({ reviews, resolved: null }, () =>
      reviews.length === 0
        ? [id === null ? 'Nothing waits for review.' : `Review ${id} does not wait any more.`]
        : [
            ...reviews.flatMap((review) => [...reviewLines(desk.out, review, now, terminalWidth()), '']),
            'To decide: rutter review ID --resolve supersede|keep_both|discard',
          ],
    )
    return 0
  })
}

function left(count: number): string {
  return count === 0
    ? 'Nothing waits any more.'
    : `${plural(count, 'decision')} still ${count === 1 ? 'waits' : 'wait'}.`
}

async function goThrough(
  { out }: Desk,
  context: Context,
  reviews: readonly ReviewView[],
  projectId: string | null,
): Promise<number> {
  const keys = terminalKeys()
  try {
    await askAbout(reviews, {
      out,
      keys,
      show: (review) => reviewLines(out, review, context.clock.now(), terminalWidth()),
      current: (id) => waitingReview(context, projectId, id),
      resolve: async (shown, resolution) => {
        const wanted = { id: shown.id, resolution, project_id: projectId, governance_token: null, shown }
        return (await resolveReview(context, wanted)).message ?? 'Done.'
      },
    })
  } finally {
    keys.close()
  }
  out.line(left((await listReviews(context, projectId)).length))
  return 0
}

export interface Asking {
  readonly out: Pick<Out, 'line' | 'paint'>
  readonly keys: Pick<Keys, 'next'>
  readonly show: (review: ReviewView) => readonly string[]
  /** The review as it stands by now; `null` where it does not wait any more. */
  readonly current: (id: string) => Promise<ReviewView | null>
  /** Gives what became of it, or throws; what was decided holds for what was shown, and for nothing else. */
  readonly resolve: (shown: ReviewView, resolution: Resolution) => Promise<string>
}

/** Shows each and does with it as the next key says, until all were shown or somebody has had enough. */
export async function askAbout(reviews: readonly ReviewView[], asking: Asking): Promise<void> {
  const { out, keys, show, current } = asking
  for (const [i, { id }] of reviews.entries()) {
    // What was decided about one may have changed the next.
    let review = await current(id)
    if (review === null) out.line(`(${i + 1} of ${reviews.length}) Review ${shortId(id)} does not wait any more.\n`)
    while (review !== null) {
      out.line(`(${i + 1} of ${reviews.length}) ${show(review).join('\n')}`)
      out.line(`\n${QUESTION}`)
      const key = await answerOf(keys, out)
      if (key === 'q') return
      const resolution = KEYS[key]
      review = resolution === undefined ? null : await decide(review, resolution, asking)
      out.line()
    }
  }
}

/** Gives the review once more where something else is to be decided by now. */
async function decide(
  shown: ReviewView,
  resolution: Resolution,
  { out, current, resolve }: Asking,
): Promise<ReviewView | null> {
  try {
    out.line(oneLine(await resolve(shown, resolution)))
    return null
  } catch (error) {
    // What cannot be decided about one, since somebody else did meanwhile, is no reason to leave the others.
    const { message, hint } = asRefusal(error)
    const now = await current(shown.id)
    if (now === null || showsTheSame(shown, now)) {
      out.line(oneLine(hint === undefined ? message : `${message} ${hint}`))
      return null
    }
    out.line(`${oneLine(message)} It is shown again.`)
    return now
  }
}

/** The first key that means something. */
async function answerOf(keys: Pick<Keys, 'next'>, out: Pick<Out, 'line'>): Promise<string> {
  for (;;) {
    const key = (await keys.next()) ?? 'q'
    if (Object.hasOwn(KEYS, key) || key === 'n' || key === 'q') return key
    out.line(`There is no key "${oneLine(key)}" here: s, k, d, n or q.`)
  }
}
