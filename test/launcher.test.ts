import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const home = join(import.meta.dirname, '..')
const running = process.execPath
const older = olderNode()
const MISSING = 'there is no Node older than 24.15 on the PATH'

/** Stands in for the program: says who runs it, or does what its first argument says. */
const PROGRAM = `
const [what, value]: string[] = process.argv.slice(2)
if (what === 'echo') process.stdin.pipe(process.stdout)
else if (what === 'exit') process.exitCode = Number(value)
else if (what === 'die') process.kill(process.pid, value)
else if (what === 'wait') {
  setInterval(() => {}, 1000)
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => {
    console.log('got ' + name)
    process.exit(7)
  })
  console.log('ready')
} else console.log(JSON.stringify({ entry: FROM, version: process.versions.node, args: process.argv.slice(2) }))
`

let folder: string
let clone: string
let launcher: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rutter launcher '))
  clone = join(folder, 'a clone')
  launcher = join(clone, 'bin', 'rutter.js')
  mkdirSync(join(clone, 'bin'), { recursive: true })
  copyFileSync(join(home, 'bin', 'rutter.js'), launcher)
  chmodSync(launcher, 0o755)
  wantNode('24.15')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe.each([
  ['a Node that is new enough', running],
  ['an older Node', older],
])('the launcher under %s', (_name, node) => {
  beforeEach(({ skip }) => {
    if (node === undefined) return skip(MISSING)
    addSource()
    addNodePackage()
  })

  it('runs the program in a new enough Node, with its arguments as they were', async () => {
    const { status, json } = await run(node, ['a b', '--flag=1', ''])
    expect(status).toBe(0)
    expect(json.version).toBe(process.versions.node)
    expect(json.args).toEqual(['a b', '--flag=1', ''])
  })

  it('works from any folder', async () => {
    const { json } = await run(node, [], { cwd: tmpdir() })
    expect(json.entry).toBe('src')
  })

  it('works through a symbolic link, as npm makes one in .bin', async () => {
    const link = join(folder, 'rutter')
    symlinkSync(launcher, link)
    const { json } = await run(node, ['x'], { file: link })
    expect(json).toMatchObject({ entry: 'src', args: ['x'] })
  })

  it('passes standard input and output through, byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 256))
    const { stdout, status } = await run(node, ['echo'], { input: bytes })
    expect(status).toBe(0)
    expect(stdout.equals(bytes)).toBe(true)
  })

  it('ends with the status of the program', async () => {
    expect((await run(node, ['exit', '0'])).status).toBe(0)
    expect((await run(node, ['exit', '41'])).status).toBe(41)
  })

  it('ends by the signal that the program died of', async () => {
    expect(await run(node, ['die', 'SIGKILL'])).toMatchObject({ status: null, signal: 'SIGKILL' })
    expect(await run(node, ['die', 'SIGTERM'])).toMatchObject({ status: null, signal: 'SIGTERM' })
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('lets the program end itself on %s', async (name) => {
    const end = await run(node, ['wait'], {
      onLine: (line, child) => {
        if (line === 'ready') child.kill(name)
      },
    })
    expect(end).toMatchObject({ status: 7, signal: null })
    expect(end.stdout.toString()).toBe(`ready\ngot ${name}\n`)
  })

  it('says nothing of its own', async () => {
    expect((await run(node, [])).stderr).toBe('')
  })

  it('shows the error of a program that cannot start, and fails', async () => {
    writeFileSync(join(clone, 'src', 'main.ts'), "throw new Error('broken at the start')")
    const { status, stderr } = await run(node, [])
    expect(status).toBe(1)
    expect(stderr).toContain('broken at the start')
  })
})

describe('what the launcher starts', () => {
  it('is the bundle, where there are no sources', async () => {
    addBundle()
    expect((await run(running, [])).json.entry).toBe('dist')
  })

  it('is the bundle, where it is newer than all sources', async () => {
    addSource()
    addBundle()
    setAge(join(clone, 'src'), 60)
    setAge(join(clone, 'src', 'main.ts'), 60)
    setAge(join(clone, 'src', 'deep'), 60)
    setAge(join(clone, 'src', 'deep', 'other.ts'), 60)
    expect((await run(running, [])).json.entry).toBe('dist')
  })

  it('is the sources, where one of them is newer than the bundle', async () => {
    addSource()
    addBundle()
    setAge(join(clone, 'src'), 60)
    setAge(join(clone, 'src', 'main.ts'), 60)
    setAge(join(clone, 'src', 'deep'), 60)
    setAge(join(clone, 'dist', 'rutter.js'), 30)
    expect((await run(running, [])).json.entry).toBe('src')
  })

  it('is the sources, where one of them was removed after the build', async () => {
    addSource()
    addBundle()
    rmSync(join(clone, 'src', 'deep', 'other.ts'))
    setAge(join(clone, 'src'), 60)
    setAge(join(clone, 'src', 'main.ts'), 60)
    setAge(join(clone, 'dist', 'rutter.js'), 30)
    expect((await run(running, [])).json.entry).toBe('src')
  })

  it('is nothing, where neither is there: it names the missing file and exits 2', async () => {
    const { status, stderr } = await run(running, [])
    expect(status).toBe(2)
    expect(stderr).toContain(join(clone, 'dist', 'rutter.js'))
  })
})

describe('a launcher without a new enough Node', () => {
  beforeEach(() => {
    addSource()
    wantNode('99.1')
  })

  async function expectAdvice() {
    const { status, stdout, stderr } = await run(running, [])
    expect(status).toBe(2)
    expect(stdout.toString()).toBe('')
    expect(stderr).toContain('Rutter needs Node 99.1 or newer')
    expect(stderr).toContain(`this is ${process.version} (${process.execPath})`)
    expect(stderr).toContain('https://nodejs.org')
  }

  it('says what it has, what it needs and where to get it, and exits 2', expectAdvice)

  it('does not hand over to a node package that is too old itself', async () => {
    addNodePackage('98.0.0')
    await expectAdvice()
  })

  it('does not hand over to the Node that it runs under, which would never end', async () => {
    addNodePackage('99.1.0')
    await expectAdvice()
  })

  it('does not hand over to a node package whose install script never ran', async () => {
    const manifest = { name: 'node', version: '99.1.0', bin: { node: 'bin/node' } }
    mkdirSync(join(clone, 'node_modules', 'node'), { recursive: true })
    writeFileSync(join(clone, 'node_modules', 'node', 'package.json'), JSON.stringify(manifest))
    await expectAdvice()
  })
})

interface Ending {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
  /** What the program said of itself. */
  readonly json: { entry: string; version: string; args: string[] }
}

/** Runs the launcher to its end. `onLine` sees each line of its output as it comes. */
async function run(
  node: string | undefined,
  args: string[],
  more: { cwd?: string; file?: string; input?: Buffer; onLine?: (line: string, child: ChildProcess) => void } = {},
): Promise<Ending> {
  // NODE_OPTIONS is for the tests' own Node; an older one may refuse it.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(node ?? running, [more.file ?? launcher, ...args], { cwd: more.cwd ?? folder, env })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk)
    for (const line of chunk.toString().trimEnd().split('\n')) more.onLine?.(line, child)
  })
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.end(more.input)
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, name) => resolve([code, name]))
  })
  const stdout = Buffer.concat(out)
  return {
    status,
    signal,
    stdout,
    stderr: Buffer.concat(err).toString(),
    get json() {
      return JSON.parse(stdout.toString())
    },
  }
}

function wantNode(version: string) {
  writeFileSync(join(clone, 'package.json'), JSON.stringify({ type: 'module', engines: { node: `>=${version}` } }))
}

function addSource() {
  mkdirSync(join(clone, 'src', 'deep'), { recursive: true })
  writeFileSync(join(clone, 'src', 'main.ts'), PROGRAM.replace('FROM', "'src'"))
  writeFileSync(join(clone, 'src', 'deep', 'other.ts'), '')
}

function addBundle() {
  mkdirSync(join(clone, 'dist'))
  writeFileSync(join(clone, 'dist', 'rutter.js'), "console.log(JSON.stringify({ entry: 'dist' }))")
}

/** Installs a `node` package whose binary is the running Node, whatever version it claims to be. */
function addNodePackage(version = process.versions.node) {
  const at = join(clone, 'node_modules', 'node')
  mkdirSync(join(at, 'bin'), { recursive: true })
  symlinkSync(running, join(at, 'bin', 'node'))
  writeFileSync(join(at, 'package.json'), JSON.stringify({ name: 'node', version, bin: { node: 'bin/node' } }))
}

function setAge(file: string, seconds: number) {
  const then = Date.now() / 1000 - seconds
  utimesSync(file, then, then)
}

/** A Node on the PATH that is not the project's own and too old for Rutter. */
function olderNode(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((at) => !at.includes('node_modules'))
    .map((at) => join(at, 'node'))
    .find((node) => {
      if (!existsSync(node)) return false
      const [major = 0, minor = 0] = execFileSync(node, ['-p', 'process.versions.node'])
        .toString()
        .split('.')
        .map(Number)
      return major < 24 || (major === 24 && minor < 15)
    })
}
