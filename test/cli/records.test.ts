import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { git, rutter, scratchBook, scratchFolder, startAgent } from '../support/cli.ts'

interface DoctorAnswer {
  ok: boolean
  findings: { check: string; level: string; where: string; message: string; mended: string | null }[]
}

/** A book with one finished session in it; gives the path of its record. */
async function bookWithRecord() {
  const cwd = scratchBook()
  const agent = await startAgent(cwd)
  await agent.call('session_update', { current_task_id: 'H-1' })
  await agent.call('session_update', { status: 'stopped' })
  await agent.close()
  return { cwd, id: agent.session_id, file: join(cwd, '.bot', 'workspace', 'sessions', `${agent.session_id}.jsonl`) }
}

describe('rutter verify', () => {
  it('says that all is whole, with how much that is', async () => {
    const { cwd, id } = await bookWithRecord()
    const { status, stdout } = await rutter(['verify'], { cwd })
    expect(status).toBe(0)
    expect(stdout).toBe('1 record, 4 events: all whole\n')
    expect((await rutter(['verify', id], { cwd })).stdout).toBe('1 record: whole\n')
    expect((await rutter(['verify', '--json'], { cwd })).json()).toEqual({
      streams: 1,
      events: 4,
      findings: [],
      ok: true,
    })
  })

  it('names the file and line of an event that was changed, and fails', async () => {
    const { cwd, file, id } = await bookWithRecord()
    writeFileSync(file, readFileSync(file, 'utf8').replace('"H-1"', '"H-9"'))
    const { status, stdout } = await rutter(['verify'], { cwd })
    expect(status).toBe(1)
    expect(stdout).toContain(`${file}:3`)
    expect(stdout).toContain('was changed')
    expect(stdout).toMatch(/1 record, 4 events: \d damages? found/)
    const { status: again, json } = await rutter(['verify', id, '--json'], { cwd })
    expect(again).toBe(1)
    expect(json()).toMatchObject({ ok: false, findings: [{ where: file, line: 3, kind: 'altered_line' }] })
  })

  it('passes over damage elsewhere when it is asked about one session', async () => {
    const { cwd, file } = await bookWithRecord()
    const other = await startAgent(cwd)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"H-1"', '"H-9"'))
    expect((await rutter(['verify', other.session_id], { cwd })).status).toBe(0)
  })

  it('leaves a cut end as it is and tells what becomes of it', async () => {
    const { cwd, file, id } = await bookWithRecord()
    appendFileSync(file, '{"v":1,"seq":5,"id":"half a li')
    const bytes = readFileSync(file)
    for (const args of [['verify'], ['verify', id]]) {
      const { status, stdout } = await rutter(args, { cwd })
      expect(status).toBe(1)
      expect(stdout).toContain('cut short')
      expect(readFileSync(file).equals(bytes)).toBe(true)
    }
  })

  it('refuses a session that is not known', async () => {
    const { cwd } = await bookWithRecord()
    const { status, stderr } = await rutter(['verify', 'nobody'], { cwd })
    expect(status).toBe(1)
    expect(stderr).toContain('There is no session "nobody"')
  })
})

describe('rutter rebuild', () => {
  it('computes the same again after the store was deleted', async () => {
    const { cwd, id } = await bookWithRecord()
    const before = (await rutter(['show', id, '--json'], { cwd })).json()
    rmSync(join(cwd, '.bot', '.control'), { recursive: true })
    const { status, json, stderr } = await rutter(['rebuild', '--json'], { cwd })
    expect(status).toBe(0)
    expect(stderr).toBe('')
    expect(json()).toMatchObject({ streams: 1, events: 4 })
    expect((await rutter(['show', id, '--json'], { cwd })).json()).toEqual(before)
    expect((await rutter(['rebuild'], { cwd })).stdout).toContain('1 record with 4 events')
  })
})

describe('rutter doctor', () => {
  const doctor = async (cwd: string, ...args: string[]) => {
    const { status, json } = await rutter(['doctor', '--json', ...args], { cwd })
    return { status, ...(json() as DoctorAnswer) }
  }

  it('writes a deleted or shortened record back when it is told to, and only then', async () => {
    const { cwd, file, id } = await bookWithRecord()
    const whole = readFileSync(file, 'utf8')
    for (const left of ['', whole.split('\n').slice(0, 3).join('\n').concat('\n')]) {
      if (left === '') rmSync(file)
      else writeFileSync(file, left)
      const { findings } = await doctor(cwd)
      expect(findings).toMatchObject([{ where: file, level: 'note', mended: null }])
      expect((await doctor(cwd, '--fix')).findings).toMatchObject([{ where: file, mended: null }])
      expect((await doctor(cwd, '--restore')).findings).toMatchObject([
        { where: file, mended: expect.stringContaining('written back') },
      ])
      expect(readFileSync(file, 'utf8')).toBe(whole)
      expect((await rutter(['verify', id], { cwd })).status).toBe(0)
      expect((await doctor(cwd)).findings).toEqual([])
    }
  })

  it('finds nothing wrong in a book that is well', async () => {
    const { cwd } = await bookWithRecord()
    const { status, stdout } = await rutter(['doctor'], { cwd })
    expect(stdout).toContain('Nothing is wrong.')
    expect(stdout).toContain(process.version)
    expect(status).toBe(0)
    expect(await doctor(cwd)).toMatchObject({ ok: true, findings: [] })
  })

  it('finds the lock of a killed process, and frees it with --fix', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    process.kill(agent.pid, 'SIGKILL')
    await sleep(100)
    const found = await doctor(cwd)
    expect(found).toMatchObject({ status: 1, ok: false, findings: [{ check: 'lock', level: 'wrong', mended: null }] })
    expect(found.findings[0]?.message).toContain(`process ${agent.pid}`)

    const { status, stdout } = await rutter(['doctor', '--fix'], { cwd })
    expect(stdout).toContain('ended as interrupted')
    expect(status).toBe(0)
    expect(await doctor(cwd)).toMatchObject({ ok: true, findings: [] })
    const { json } = await rutter(['show', agent.session_id, '--json'], { cwd })
    expect(json()).toMatchObject({ session: { status: 'interrupted', end_reason: 'process_gone', active: false } })
    expect((await rutter(['run', '--', process.execPath, '-e', ''], { cwd })).status).toBe(0)
  })

  it('leaves a session alone whose process lives, with --fix too', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    expect(await doctor(cwd, '--fix')).toMatchObject({ status: 0, findings: [] })
    expect(await agent.call('session_get_state')).toMatchObject({ status: 'running', active: true })
  })

  it('lists the tasks that were counted and not marked, of a live session as wrong, of one that is over as a note', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    await agent.call('session_update', { current_task_id: 'H-1' })
    await agent.call('session_increment_completed')
    const live = await doctor(cwd)
    expect(live).toMatchObject({ status: 1, findings: [{ check: 'tasks', level: 'wrong' }] })
    expect(live.findings[0]?.message).toContain('H-1')
    await agent.call('session_update', { status: 'stopped' })
    expect(await doctor(cwd)).toMatchObject({ status: 0, findings: [{ check: 'tasks', level: 'note' }] })
  })

  it('finds a record that was changed', async () => {
    const { cwd, file } = await bookWithRecord()
    writeFileSync(file, readFileSync(file, 'utf8').replace('"H-1"', '"H-9"'))
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(1)
    expect(findings).toContainEqual(expect.objectContaining({ check: 'record', level: 'wrong', where: `${file}:3` }))
  })

  it('tells of a cut end that opening the book put aside', async () => {
    const { cwd, file } = await bookWithRecord()
    appendFileSync(file, '{"v":1,"seq":5,"id":"half a li')
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(0)
    expect(findings).toMatchObject([{ check: 'record', level: 'note', mended: expect.any(String) }])
    expect(await doctor(cwd)).toMatchObject({ findings: [] })
  })

  it('finds records that git ignores, by the rule that does it', async () => {
    const { cwd } = await bookWithRecord()
    writeFileSync(join(cwd, '.gitignore'), '# ours\n*.jsonl\n')
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(1)
    expect(findings).toMatchObject([{ check: 'git', where: '.gitignore:2:*.jsonl' }])
  })

  it("finds that git would take this machine's part of the book", async () => {
    const { cwd } = await bookWithRecord()
    writeFileSync(join(cwd, '.bot', '.gitignore'), '.control/\n*.tmp\n!.control/\n')
    expect(await doctor(cwd)).toMatchObject({ status: 1, findings: [{ check: 'git', level: 'wrong' }] })
    git(cwd, 'add', '--force', '.bot')
    writeFileSync(join(cwd, '.bot', '.gitignore'), '.control/\n*.tmp\n')
    const { findings } = await doctor(cwd)
    expect(findings).toMatchObject([{ check: 'git', message: expect.stringContaining('tracks') }])
  })

  it('puts missing lines for git back and says so', async () => {
    const { cwd } = await bookWithRecord()
    rmSync(join(cwd, '.bot', '.gitattributes'))
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(0)
    expect(findings).toMatchObject([{ where: join(cwd, '.bot', '.gitattributes'), mended: expect.any(String) }])
    expect(git(cwd, 'check-attr', 'merge', '--', '.bot/workspace/sessions/x.jsonl')).toContain('union')
  })

  it('finds attributes that a rule elsewhere takes away', async () => {
    const { cwd } = await bookWithRecord()
    mkdirSync(join(cwd, '.git', 'info'), { recursive: true })
    writeFileSync(join(cwd, '.git', 'info', 'attributes'), '*.jsonl text !merge\n')
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(1)
    expect(findings.map(({ message }) => message)).toEqual([
      expect.stringContaining('line ends'),
      expect.stringContaining('conflict marks'),
    ])
  })

  it('says what is wrong with the settings, by field', async () => {
    const { cwd } = await bookWithRecord()
    writeFileSync(join(cwd, '.bot', 'rutter.json'), '{ "project_id": "atlas", "lease_seconds": 1 }')
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(1)
    expect(findings).toMatchObject([{ check: 'settings', message: expect.stringContaining('lease_seconds') }])
  })

  it('notes that there is no git, which is not wrong', async () => {
    const cwd = scratchFolder()
    await rutter(['init'], { cwd })
    expect(await doctor(cwd)).toMatchObject({ status: 0, findings: [{ check: 'git', level: 'note' }] })
  })

  it('tells of a store that could not be read', async () => {
    const { cwd, id } = await bookWithRecord()
    const store = join(cwd, '.bot', '.control', 'rutter.db')
    for (const suffix of ['-wal', '-shm']) rmSync(store + suffix, { force: true })
    writeFileSync(store, 'this is no database'.repeat(500))
    const { status, findings } = await doctor(cwd)
    expect(status).toBe(0)
    expect(findings).toMatchObject([{ check: 'store', mended: expect.any(String) }])
    expect((await rutter(['show', id], { cwd })).status).toBe(0)
  })
})
