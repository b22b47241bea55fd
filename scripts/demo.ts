/** Shows Rutter's main job on a scratch repository: a run from the lock to the report, and a second one that is wiser. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstRun } from './demo/first-run.ts'
import { secondRun } from './demo/second-run.ts'
import { connectAgent, git, project, rutter, say, title } from './demo/stage.ts'

const started = performance.now()

/** Of the report's timeline, its end: this is a demonstration and not an archive. */
const TIMELINE_LINES = 22

console.log('Rutter keeps the logbook and the memory of coding agents. These are two runs, made of real calls.')
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
  const sessionId = await firstRun(agent, second)
  title(`The report, as anybody can read it afterwards: $ rutter show ${sessionId} --lines ${TIMELINE_LINES}`)
  console.log(rutter('show', sessionId, '--lines', String(TIMELINE_LINES)))
} finally {
  await Promise.all([agent.close(), second.close()])
}

title('The next agent begins with what the first one learned')
const next = await connectAgent('next-agent')
try {
  const decision = await secondRun(next)
  title('Where a decision comes from: $ rutter decisions --lineage ID')
  console.log(rutter('decisions', '--lineage', decision))
} finally {
  await next.close()
}

title('Every line of the record carries the hash of the line before: $ rutter verify')
console.log(rutter('verify'))
title('The record is a file to be committed with the work: $ git status --short --untracked-files=all')
console.log(git('-C', project, 'status', '--short', '--untracked-files=all').trimEnd())
title('To connect your own agent, in your own repository')
for (const line of Object.values(connect)) console.log(line)
console.log(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s. Everything above is kept in ${project}`)
