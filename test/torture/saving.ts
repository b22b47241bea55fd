import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SavedItem } from './answers.ts'
import { type ChaosParts, caller, type Outcome, type Result } from './chaos.ts'
import { batchOf, FOCUSES, newText, pooledText, sharedKey } from './texts.ts'
import { argsOf, decision, pattern, roomOf, summary, type Thing, thingsOf } from './things.ts'

interface Told {
  readonly status: string
  readonly artifact_id: string | null
  readonly dedup_outcome: string | null
  readonly message: string | null
  readonly review_id?: string
}

/** Saves what was learned: alone and in batches, in this book and in both, new and said before, also what another call brought. */
export function saverAt(parts: ChaosParts): (session: string | null) => Promise<void> {
  const { random, config, context } = parts
  const call = caller(parts)
  const tokens = join(dirname(dirname(config.answers)), 'tokens')
  const known: { id: string; room: string }[] = []
  let n = 0
  const attempt = () => `${config.id}.s${++n}`

  function thing(kind: Thing['kind'], mark: string, canBeGlobal = true): Thing {
    const dice = random.next()
    const scope = dice < 0.2 && canBeGlobal ? 'global' : dice < 0.45 ? 'focus' : 'project'
    const text = random.chance(0.75) ? pooledText(random) : newText(mark)
    return { kind, scope, focus: random.pick(FOCUSES), text, mark }
  }

  /** A token of one's own, or `null` where none was to be had. */
  async function freshToken(): Promise<string | null> {
    const asked = await call('request_global_write_approval', { content_preview: 'a lesson' }, [], (told) => [
      `approval:${context.identity.digest(String(told['token']))}`,
    ])
    return 'refused' in asked ? null : String(asked.result['token'])
  }

  /** A token that others use too, at the same time or before: good for one of them. */
  async function sharedToken(): Promise<string | null> {
    if (random.chance(0.6) && existsSync(tokens)) {
      const all = readFileSync(tokens, 'utf8').split('\n').slice(0, -1).slice(-3)
      if (all.length > 0) return random.pick(all)
    }
    const token = await freshToken()
    if (token !== null) appendFileSync(tokens, `${token}\n`)
    return token
  }

  async function saveOne(session: string | null): Promise<void> {
    const mark = `${attempt()}/1`
    const one = thing(random.chance(0.75) ? 'decision' : 'pattern', mark)
    const target = random.chance(0.1) ? known.findLast(({ room }) => room === roomOf(one)) : undefined
    const token = one.scope === 'global' ? await sharedToken() : null
    const args = one.kind === 'decision' ? { decision: decision(one, target?.id) } : { pattern: pattern(one) }
    const outcome = await save(`save_${one.kind}`, session, { ...args, focus: one.focus }, [one], {
      token,
      told: (result) => [result as unknown as Told],
    })
    if ('refused' in outcome || one.kind !== 'decision') return
    const { artifact_id } = outcome.result as unknown as Told
    if (artifact_id !== null) known.push({ id: artifact_id, room: roomOf(one) })
  }

  async function saveSummary(session: string | null): Promise<void> {
    const mark = `${attempt()}/1`
    const idempotency_key = random.chance(0.6) ? sharedKey('summary', random) : null
    // The room of a key is part of it.
    const one = { ...thing('summary', mark, false), text: `summary ${mark}`, scope: 'project' }
    const args = { session: summary(one), ...(idempotency_key === null ? {} : { idempotency_key }) }
    const told = (result: Result) => [result as unknown as Told]
    await save('save_session', session, args, [one], { idempotency_key, told })
  }

  async function saveBatch(session: string | null): Promise<void> {
    // A clock that jumps lets a token expire between one call and the next; then a part of the batch is rightly left out.
    const withGlobal = !config.jumps && random.chance(0.6)
    const kind = withGlobal ? 'pair' : 'own'
    const id = attempt()
    // Often nobody calls again, and what a crash left of the batch must be made whole without that.
    const batch = batchOf(random.chance(0.5) ? sharedKey(kind, random) : `${kind}-${id}`, withGlobal)
    const { idempotency_key } = batch
    const token = withGlobal ? await freshToken() : null
    if (withGlobal && token === null) return
    const { head, decisions, patterns, another } = thingsOf(batch, id)
    const [first] = decisions
    if (first !== undefined && random.chance(0.3)) decisions.push(another(first.text, first.scope))
    if (random.chance(0.3)) decisions.push(another(pooledText(random), 'project'))
    const args = argsOf(batch, { head, decisions, patterns })
    parts.batch = idempotency_key
    await save('store_session_with_learnings', session, args, [head, ...decisions, ...patterns], {
      token,
      idempotency_key,
      told: (result) => {
        const all = result as unknown as { session: Told; decisions: Told[]; patterns: Told[] }
        return [all.session, ...all.decisions, ...all.patterns]
      },
    })
    parts.batch = null
  }

  /** One saving call, with what each of its things was told. */
  async function save(
    name: string,
    session: string | null,
    args: object,
    things: readonly Thing[],
    how: { token?: string | null; idempotency_key?: string | null; told: (result: Result) => Told[] },
  ): Promise<Outcome> {
    const { token = null, idempotency_key = null, told } = how
    const whole = {
      ...args,
      ...(token === null ? {} : { governance_token: token }),
      ...(session !== null && random.chance(0.3) ? { session_id: session } : {}),
    }
    return await call(name, whole, [], (result) => told(result).flatMap((one, i) => marksOf(one, things[i]?.mark)), {
      refused: things.map(({ mark }) => `saved:${mark}`),
      saving: (result) => ({
        items: told(result).flatMap((one, i) => itemOf(one, things[i])),
        ...(token === null ? {} : { token }),
        ...(idempotency_key === null ? {} : { idempotency_key }),
      }),
    })
  }

  return async (session) => {
    const dice = random.next()
    if (dice < 0.5) return await saveOne(session)
    if (dice < 0.65) return await saveSummary(session)
    if (dice < 0.97) return await saveBatch(session)
    await resolveOne(parts)
  }
}

/** Lets in, or not, one of the decisions that wait for a person. */
export async function resolveOne(parts: ChaosParts): Promise<void> {
  const { random } = parts
  const call = caller(parts)
  const listed = await call('memory_review', { action: 'list' }, [])
  if ('refused' in listed) return
  const waiting = listed.result['reviews'] as { id: string }[]
  if (waiting.length === 0) return
  const { id } = random.pick(waiting)
  const resolution = random.pick(['supersede', 'keep_both', 'discard'])
  // Another one may have resolved it meanwhile; then this one is refused, and the record rightly has it.
  await call('memory_review', { action: 'resolve', id, resolution }, [], ({ resolved }) =>
    // An agent without a token lets nothing into global scope.
    (resolved as Told).status === 'saved' ? [`resolved:${id}`] : [],
  )
}

/** What the record must have after an answer: what it said anew, and what it keeps for a person. */
function marksOf({ status, dedup_outcome, message, review_id }: Told, mark: string | undefined): string[] {
  if (dedup_outcome === 'manual_review' && review_id !== undefined) return [`review:${review_id}`]
  const isAnew = status === 'saved' && (ANEW.includes(dedup_outcome) || (dedup_outcome === null && message === null))
  return isAnew ? [`saved:${mark}`] : []
}

const ANEW: readonly (string | null)[] = ['new', 'supersede']

function itemOf({ status, artifact_id, dedup_outcome }: Told, thing: Thing | undefined): SavedItem[] {
  if (thing === undefined) return []
  const { kind, text, mark } = thing
  return [{ kind, room: roomOf(thing), text, mark, status, artifact_id, outcome: dedup_outcome }]
}
