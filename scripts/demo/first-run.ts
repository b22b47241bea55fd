/** The run that everything begins with: tasks, failures, a whisper, and what it learned. */
import { type Agent, type Answer, oneLine, rutter, say, title } from './stage.ts'

const decided = { owner: 'demo-agent', date: '2026-11-22', scope: 'project' }

export const SOUND_BY_HAND = {
  ...decided,
  title: 'Sound the channel by hand',
  rationale: 'The echo sounder gives no answer and nobody on site can mend it, so depths come from the lead line.',
}

export const RED_BUOYS = {
  ...decided,
  title: 'Paint the buoys on the port side red',
  rationale: 'Pilots who come from the sea expect red on their left hand in this region, and green on their right.',
}

/** The first agent's run, with the operator's words in between. Gives the session's id. */
export async function firstRun(agent: Agent, second: Agent): Promise<string> {
  const { session_id, lock } = await agent.call('session_initialize', { session_type: 'autonomous', workflow: 'demo' })
  const sessionId = String(session_id)
  say('agent', `session_initialize -> ${sessionId}, fencing token ${(lock as { token: number }).token}`)
  const refused = await second.call('session_initialize', { session_type: 'autonomous' })
  say('second', `session_initialize -> ${refused.error?.code}: ${refused.error?.message}`)

  const titles = [
    'Chart the coast',
    'Sound the channel',
    'Paint the buoys',
    'Mend the crane',
    'Dredge',
    'Drive piles',
    'Pour the quay',
    'Lay rails',
    'Light the beacon',
  ]
  const tasks = titles.map((text, i) => ({ task_id: `H-${i + 1}`, title: text }))
  await agent.call('task_add', { tasks })
  say('agent', `task_add -> ${tasks.length} tasks`)

  await complete(agent, 'H-1', 'anthropic', 'claude-sonnet-4-5')
  await fail(agent, 'H-2', 'failed', 'the echo sounder gave no answer')
  await complete(agent, 'H-3', 'openai', 'gpt-5')
  await fail(agent, 'H-4', 'skipped', 'no spare parts on site')
  for (const id of ['H-5', 'H-6', 'H-7', 'H-8']) await fail(agent, id, 'failed', 'permission denied: /dev/crane')
  const held = await agent.call('session_update', { current_task_id: 'H-9' })
  say('agent', `starts H-9 -> ${held.error?.code}: ${held.error?.message}`)

  title('Too many failures in a row: the circuit is open. The operator looks, whispers, and lets it go on')
  console.log(`${rutter('status')}\n`)
  say(
    'operator',
    `rutter whisper -> ${oneLine(rutter('whisper', sessionId, 'The crane is unlocked now: try H-5 again', '--priority', 'urgent'))}`,
  )
  await beat(agent, sessionId, 'waiting for the operator')
  say('operator', `rutter resume -> ${oneLine(rutter('resume', sessionId))}`)
  await beat(agent, sessionId, 'going on with H-5')
  await complete(agent, 'H-5', 'openai', 'gpt-5')
  await complete(agent, 'H-9', 'anthropic', 'claude-sonnet-4-5')
  await saveLearnings(agent)
  const { status } = await agent.call('session_update', { status: 'stopped' })
  say('agent', `session_update { status: "stopped" } -> ${status}; the slot is free`)
  return sessionId
}

async function complete(agent: Agent, taskId: string, provider: string, model: string): Promise<void> {
  await agent.call('session_update', { current_task_id: taskId })
  const usage = { input_tokens: 3200, cache_read_tokens: 18_000, output_tokens: 950 }
  const { turn } = await agent.call('session_record_turn', {
    provider,
    model,
    ...usage,
    request_id: `${taskId}-${model}`,
  })
  const { tasks_completed } = await agent.call('session_increment_completed')
  await agent.call('task_mark_done', { task_id: taskId })
  const cost = (turn as { cost_usd: number | null }).cost_usd
  say(
    'agent',
    `${taskId} completed (${tasks_completed} so far), a turn of ${model}${cost === null ? '' : ` for about $${cost.toFixed(4)}`}`,
  )
}

async function fail(agent: Agent, taskId: string, outcome: 'failed' | 'skipped', message: string): Promise<void> {
  await agent.call('session_update', { current_task_id: taskId })
  const after = await agent.call('session_record_failure', { outcome, error: { message } })
  const { state } = after['circuit'] as { state: string }
  say(
    'agent',
    `${taskId} ${outcome}: ${message} (failures in a row: ${after['consecutive_failures']}, circuit ${state})`,
  )
}

async function beat(agent: Agent, sessionId: string, doing: string): Promise<void> {
  const answer = await agent.call('steering_heartbeat', { session_id: sessionId, status: doing })
  const whispers = (answer['whispers'] as { instruction: string }[]).map(({ instruction }) => `"${instruction}"`)
  const heard = whispers.length === 0 ? 'no whisper' : `whisper ${whispers.join(', ')}`
  say('agent', `steering_heartbeat -> control ${answer['control']}, ${heard}`)
}

async function saveLearnings(agent: Agent): Promise<void> {
  const answer = await agent.call('store_session_with_learnings', {
    session: {
      objective: 'Make the harbour ready for ships',
      actions_taken: [
        'Charted the coast',
        'Painted the buoys',
        'Dredged once the crane was unlocked',
        'Lit the beacon',
      ],
      decisions_made: ['Sound by hand as long as the echo sounder is broken'],
      open_items: ['The echo sounder gives no answer', 'No spare parts for the crane'],
      next_actions: ['Sound the channel by hand', 'Order spare parts for the crane'],
      save_scope: 'project',
    },
    decisions: [SOUND_BY_HAND, RED_BUOYS],
    patterns: [
      {
        trigger: 'When the crane does not move and says "permission denied"',
        repeatable_steps: ['Ask the operator to unlock it', 'Try the task again'],
        scope: 'project',
        last_validated_at: '2026-11-22T08:00:00Z',
      },
    ],
    idempotency_key: 'first-run',
  })
  const outcomes = (answer['decisions'] as Answer[]).map((one) => one['dedup_outcome'])
  say(
    'agent',
    `store_session_with_learnings -> ${answer['overall']}: a summary, decisions (${outcomes.join(', ')}), a pattern`,
  )
}
