/**
 * The room table: which room under `src/` may import which. It is the whole truth: what is not allowed here is forbidden,
 * and a folder or a root file that is not named here may not exist. Type-only imports count like any other, unless `types`
 * says otherwise.
 *
 * @type {Record<string, { may: string[], types?: string[] }>}
 */
const ROOMS = {
  domain: { may: [] },
  ports: { may: ['domain'] },
  log: { may: ['domain', 'ports'] },
  // One transaction spans the record and the tables, so the embedded store drives the log.
  'store/sqlite': { may: ['domain', 'ports', 'log'] },
  // It keeps the same lines in a table: how a line is written and chained is the log's.
  'store/postgres': { may: ['domain', 'ports', 'log'] },
  // What this machine provides: clock, process table, price list, secret scanner.
  machine: { may: ['domain', 'ports'] },
  app: { may: ['domain', 'ports'] },
  mcp: { may: ['app'], types: ['domain', 'ports'] },
  cli: { may: ['app'], types: ['domain', 'ports'] },
  http: { may: ['app'], types: ['domain', 'ports'] },
  capture: { may: ['app', 'domain'] },
  dashboard: { may: [] },
  'version.ts': { may: [] },
  // The one place that builds adapters and hands them in.
  'wire.ts': { may: ['.*'] },
  // `main.ts` picks a face; what it takes to start one stands apart where the other faces shall not load it.
  'start-mcp.ts': { may: ['wire.ts', 'mcp', 'app', 'version.ts'] },
  // It also tells the command line where a book would be: asking must not open, and so make, one.
  'main.ts': { may: ['start-mcp.ts', 'wire.ts', 'cli', 'mcp', 'http', 'log', 'version.ts'] },
}

/** A regular expression for everything in the given rooms. */
function inside(rooms) {
  const paths = rooms.map((room) => (room === '.*' ? room : `${room.replaceAll('.', '[.]')}(/|$)`))
  return `^src/(${paths.join('|')})`
}

/** Up to two rules for a room: what it may import at all, and what of that only as a type. */
function rulesOf([room, { may, types = [] }]) {
  const seen = [...may, ...types]
  const allowed = seen.length === 0 ? 'nothing' : seen.join(', ')
  const rules = [
    {
      name: `${room} imports ${allowed}`,
      comment: `${room} may import ${allowed} (and itself). Move the code, or hand the thing in through a port.`,
      severity: 'error',
      from: { path: inside([room]) },
      to: { path: '^src/', pathNot: inside([room, ...seen]) },
    },
  ]
  if (types.length > 0) {
    rules.push({
      name: `${room} imports ${types.join(', ')} as types only`,
      comment: 'A face knows the shapes of the inner rooms and runs nothing of theirs: write `import type`.',
      severity: 'error',
      from: { path: inside([room]) },
      to: { path: inside(types), dependencyTypesNot: ['type-only'] },
    })
  }
  return rules
}

export default {
  forbidden: [
    ...Object.entries(ROOMS).flatMap(rulesOf),
    {
      name: 'every file has a room',
      comment: 'A new folder or root file under src/ needs a line in the room table.',
      severity: 'error',
      from: { path: '^src/', pathNot: inside(Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: 'every imported file has a room',
      comment: 'As above, for a file that imports nothing itself.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: inside(Object.keys(ROOMS)) },
    },
    {
      name: 'domain takes zod only',
      comment: 'The domain is pure: no I/O, no clock, no chance, no package but zod. Such things arrive as data.',
      severity: 'error',
      from: { path: inside(['domain']) },
      to: { pathNot: '^(src/|node_modules/zod/)' },
    },
    {
      name: 'ports take nothing from outside',
      comment: 'A port says what is needed, not what with: it names neither a package nor a Node module.',
      severity: 'error',
      from: { path: inside(['ports']) },
      to: { pathNot: '^src/' },
    },
    {
      name: 'no import leaves src',
      comment: 'The program does not depend on its tests, scripts or build.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|bin|dist)/' },
    },
    {
      name: 'every import is found',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no circles',
      comment: 'Also none of types alone: two files that need each other are one file, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no orphans',
      comment: 'Nobody imports it and it imports nobody: it belongs to no program.',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/main[.]ts$' },
      to: {},
    },
  ],
  options: {
    // TypeScript 7 has no parser that JavaScript could call; without swc no .ts file would be read at all.
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
