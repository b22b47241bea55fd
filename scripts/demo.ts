/** Shows Rutter's main job on a scratch repository: one agent's run from the lock to the report. Nothing here is made up. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

const launcher = join(import.meta.dirname, '..', 'bin', 'rutter.js')
const project = join(mkdtempSync(join(tmpdir(), 'rutter-demo-')), 'harbour')
const started = performance.now()

/** Of the report's timeline, its end: this is a demonstration and not an archive. */
const TIMELINE_LINES = 22

type Answer = Record<string, unknown> & { error?: { code: string; message: string } }
type Agent = { call(tool: string, input?: Record<string, unknown>): Promise<Answer>; close(): Promise<void> }

console.log(
  'Rutter keeps the logbook of coding agents. This is one run, from the lock to the report, made of real calls.',
)
title(`A scratch repository: ${project}`)
git('init', '--quiet', '--initial-branch', 'main', project)
writeFileSync(join(project, 'README.md'), '# Harbour\n')
git('-C', project, 'add', 'README.md')
git('-C', project, '-c', 'user.name=demo', '-c', 'user.email=demo@localhost', 'commit', '--quiet', '-m', 'Begin')
const { created, connect } = JSON.parse(rutter('init', '--json')) as {
  created: string[]
  connect: Record<string, string>
}
say('operator', `rutter init writes ${created.map((file) => file.slice(project.length + 1)).join(', ')}`)

title('An agent (an MCP client that starts `rutter mcp`) takes the lock and works')
const agent = await connectAgent('demo-agent')
const second = await connectAgent('second-agent')
try {
  const sessionId = await work(agent, second)
  title(`The report, as anybody can read it afterwards: $ rutter show ${sessionId} --lines ${TIMELINE_LINES}`)
  console.log(rutter('show', sessionId, '--lines', String(TIMELINE_LINES)))
} finally {
  await Promise.all([agent.close(), second.close()])
}

title('Every line of the record carries the hash of the line before: $ rutter verify')
console.log(rutter('verify'))
title('The record is a file to be committed with the work: $ git status --short --untracked-files=all')
console.log(git('-C', project, 'status', '--short', '--untracked-files=all').trimEnd())
title('To connect your own agent, in your own repository')
for (const line of Object.values(connect)) console.log(line)
console.log(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s. Everything above is kept in ${project}`)

/** The agent's run, with the operator's words in between. Gives the session's id. */
async function work(agent: Agent, second: Agent): Promise<string> {
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

/** An MCP client with a server process of its own, as any coding agent has. */
async function connectAgent(name: string): Promise<Agent> {
  const client = new Client({ name, version: '1' })
  const server = { command: process.execPath, args: [launcher, 'mcp'], cwd: project, stderr: 'inherit' as const }
  await client.connect(new StdioClientTransport(server))
  return {
    async call(tool, input = {}) {
      const { structuredContent } = await client.callTool({ name: tool, arguments: input })
      return structuredContent as Answer
    },
    close: () => client.close(),
  }
}

/** Runs the real command line in the scratch repository; ends the demo where that fails. */
function rutter(...args: string[]): string {
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : {}
  const { RUTTER_ROOT: _root, RUTTER_SLOT: _slot, ...env } = process.env
  const run = spawnSync(process.execPath, [launcher, ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { ...env, ...colour },
  })
  if (run.status !== 0) throw new Error(`rutter ${args.join(' ')} ended with ${run.status}: ${run.stderr}`)
  return run.stdout.trimEnd()
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' })
}

function title(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

function say(who: 'agent' | 'second' | 'operator', text: string): void {
  const colours = { agent: 'green', second: 'yellow', operator: 'cyan' } as const
  console.log(`${styleText(colours[who], who.padEnd(9))} ${text}`)
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ')
}
