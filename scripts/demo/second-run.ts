/** The run after: it begins with what the first one learned, and adds to it. */
import { RED_BUOYS, SOUND_BY_HAND } from './first-run.ts'
import { type Agent, rutter, say, title } from './stage.ts'

/** Gives the id of the decision that took the place of an older one. */
export async function secondRun(agent: Agent): Promise<string> {
  await agent.call('session_initialize', { session_type: 'autonomous', workflow: 'demo' })
  const brief = await agent.call('retrieve_context', { max_tokens: 2000 })
  const items = (brief['items'] as unknown[]).length
  const open = (brief['open_items'] as unknown[]).length
  say(
    'agent',
    `retrieve_context -> ${brief['retrieval_status']}: ${items} items, ${open} open. As a person reads it, $ rutter brief:`,
  )
  console.log(`\n${rutter('brief')}\n`)

  const { matches } = await agent.call('memory_surface', { query: 'crane permission denied' })
  const [best] = matches as { kind: string; title: string }[]
  say('agent', `memory_surface "crane permission denied" -> ${best?.kind}: ${best?.title}`)

  title('It decides the same again, changes one decision, and contradicts another')
  const again = await save(agent, 'the same again', RED_BUOYS)
  const changed = await save(agent, 'said more exactly', {
    ...SOUND_BY_HAND,
    rationale: `${SOUND_BY_HAND.rationale} The line is marked in fathoms.`,
  })
  await save(agent, 'turned round by a word', { ...RED_BUOYS, title: 'Never paint the buoys on the port side red' })
  if (again['artifact_id'] === changed['artifact_id']) throw new Error('Two decisions became one.')
  console.log(`\n${rutter('review')}`)
  await agent.call('session_update', { status: 'stopped' })
  return String(changed['artifact_id'])
}

async function save(agent: Agent, what: string, decision: Record<string, unknown>) {
  const answer = await agent.call('save_decision', { decision })
  const told = answer['message'] === null ? '' : `: ${answer['message']}`
  say('agent', `save_decision, ${what} -> ${answer['dedup_outcome']}${told}`)
  return answer
}
