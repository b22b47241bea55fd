import { describe, expect, it } from 'vitest'
import { rutter, scratchBook, startAgent } from '../support/cli.ts'

describe('rutter whisper', () => {
  it('reaches the agent with its next heartbeat, once, in order, an abort before all', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const send = async (text: string, ...more: string[]) => {
      const { status, stdout } = await rutter(['whisper', agent.session_id, text, ...more], { cwd })
      expect(status).toBe(0)
      return stdout
    }
    expect(await send('first')).toContain('next heartbeat (it has sent none so far)')
    expect(await send('second', '--priority', 'urgent')).toContain('with 1 more')
    await send('halt — 止まれ', '--priority', 'abort')
    const beat = () => agent.call('steering_heartbeat', { session_id: agent.session_id, status: 'working' })
    expect(await beat()).toMatchObject({
      control: 'abort',
      whispers: [
        { instruction: 'halt — 止まれ', priority: 'abort' },
        { instruction: 'first', priority: 'normal' },
        { instruction: 'second', priority: 'urgent' },
      ],
    })
    expect(await beat()).toMatchObject({ control: 'continue', whispers: [] })
  })

  it('is recorded in the name of the person who sent it', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const sent = await rutter(['whisper', agent.session_id, 'hello', '--json'], { cwd })
    expect(sent.json()).toMatchObject({ session_id: agent.session_id, priority: 'normal', whispers_waiting: 1 })
    const { json } = await rutter(['show', '--json'], { cwd })
    const { events } = json() as { events: { type: string; actor: { kind: string; name: string } }[] }
    expect(events.find(({ type }) => type === 'whisper.sent')?.actor).toMatchObject({ kind: 'operator' })
  })

  it('keeps secrets out of the record', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const secret = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_')
    await rutter(['whisper', agent.session_id, `use ${secret}`], { cwd })
    const { stdout } = await rutter(['show', '--json'], { cwd })
    expect(stdout).toContain('[redacted:')
    expect(stdout).not.toContain(secret)
  })

  it('says that nobody hears it now when the session is an orphan', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.close()
    const { status, stdout } = await rutter(['whisper', agent.session_id, 'hello'], { cwd })
    expect(status).toBe(0)
    expect(stdout).toContain('No process holds the session now')
  })

  it('is refused by a session that is over, and by one that is not known', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.call('session_update', { status: 'stopped' })
    const over = await rutter(['whisper', agent.session_id, 'hello', '--json'], { cwd })
    expect(over.status).toBe(1)
    expect(over.json()).toMatchObject({ error: { code: 'session_stopped' } })
    expect(over.stderr).toContain('rutter whisper: ')
    const unknown = await rutter(['whisper', 'nobody', 'hello', '--json'], { cwd })
    expect(unknown.status).toBe(1)
    expect(unknown.json()).toMatchObject({ error: { code: 'session_not_found' } })
  })

  it('refuses an empty one', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const { status, stderr } = await rutter(['whisper', agent.session_id, ''], { cwd })
    expect(status).toBe(2)
    expect(stderr).toContain('rutter whisper: There is nothing to whisper')
  })
})

describe('rutter pause, resume and stop', () => {
  it('say what is so now and what happens next', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const id = agent.session_id
    const beat = () => agent.call('steering_heartbeat', { session_id: id, status: 'working' })

    expect((await rutter(['pause', id], { cwd })).stdout).toContain('is paused')
    expect((await rutter(['pause', id], { cwd })).stdout).toContain('was paused already')
    expect(await beat()).toMatchObject({ control: 'pause' })
    expect((await rutter(['resume', id], { cwd })).stdout).toContain('runs again')
    expect((await rutter(['resume', id], { cwd })).stdout).toContain('was running already')
    expect(await beat()).toMatchObject({ control: 'continue' })
    expect((await rutter(['stop', id], { cwd })).stdout).toContain('slot "default" is free')
    expect((await rutter(['stop', id], { cwd })).stdout).toContain('had ended at')
    expect(await beat()).toMatchObject({ error: { code: 'session_stopped' } })
  })

  it('give the full state as JSON, as session_update does', async () => {
    const cwd = scratchBook()
    const { session_id } = await startAgent(cwd)
    expect((await rutter(['pause', session_id, '--json'], { cwd })).json()).toMatchObject({
      session_id,
      status: 'paused',
    })
    const stopped = await rutter(['stop', session_id, '--json'], { cwd })
    expect(stopped.json()).toMatchObject({ status: 'stopped', end_reason: 'stopped_by_operator' })
  })

  it('close a circuit that too many failures opened', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.call('session_update', { consecutive_failures: 4 })
    expect((await rutter(['status'], { cwd })).stdout).toContain('circuit open')
    expect((await rutter(['resume', agent.session_id], { cwd })).stdout).toContain('its circuit is closed')
    expect(await agent.call('session_update', { current_task_id: 'H-1' })).toMatchObject({ current_task_id: 'H-1' })
  })

  it('say that nobody is told now where the process of the session is gone', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.close()
    for (const name of ['pause', 'resume']) {
      const { status, stdout } = await rutter([name, agent.session_id], { cwd })
      expect(status).toBe(0)
      expect(stdout).toContain('No process holds the session now; whoever goes on with it is told')
    }
  })

  it('refuse to wake a session that is over', async () => {
    const cwd = scratchBook()
    const { session_id } = await startAgent(cwd)
    await rutter(['stop', session_id], { cwd })
    for (const name of ['pause', 'resume']) {
      const { status, stderr } = await rutter([name, session_id], { cwd })
      expect(status).toBe(1)
      expect(stderr).toContain(`rutter ${name}: `)
    }
  })
})
