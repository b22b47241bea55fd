import { Option } from 'commander'
import { asRefusal } from '../../app/operation.ts'
import { projectList } from '../../app/operator/book.ts'
import type { Migrated, TeamStore } from '../../ports/team-store.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { Misuse } from '../misuse.ts'
import { oneLine, plural } from '../text.ts'

interface Options {
  rowLevelSecurity?: boolean
  printGrants?: string
  projects?: string
  readProjects?: string
}

/** `rutter migrate`: a team's database, made ready by its owner. */
export function registerMigrate(cli: Cli): void {
  const command = cli
    .command('migrate', {
      summary: "make Rutter's tables in a team's database, or bring them up to date",
      details:
        'For the owner of the tables; it needs no repository. They are in a schema of their own, "rutter", and what else the database has stays untouched. Runs in one transaction, as often as you like. Agents connect as a role that changes rows and nothing else: --print-grants prints the SQL that makes it one. With row-level security each role sees only the projects that rutter.project_grants gives it, whatever it asks for; the owner sees all.',
      examples: [
        'rutter migrate --store postgres://owner@db.example/team',
        'rutter migrate --print-grants agents | psql postgres://owner@db.example/team',
        'rutter migrate --row-level-security',
        'rutter migrate --print-grants atlas_agents --projects atlas --read-projects "*" | psql "$RUTTER_STORE"',
      ],
    })
    .option('--row-level-security', 'let each role see only the projects that it was given')
    .option('--no-row-level-security', 'let every role that has rights on the tables see all projects again')
    .addOption(
      new Option('--print-grants <role>', 'print the SQL that gives a role what agents need, and do nothing').conflicts(
        'rowLevelSecurity',
      ),
    )
    .option('--projects <ids>', 'with --print-grants: projects that the role reads and writes; * is the global one')
    .option('--read-projects <ids>', 'with --print-grants: projects that it reads only')
  cli.action<[], Options>(command, async (desk, _args, options) => {
    const { printGrants: role } = options
    if (role === undefined) {
      if (options.projects !== undefined || options.readProjects !== undefined) {
        throw new Misuse('--projects and --read-projects say what --print-grants prints.', 'Add --print-grants ROLE.')
      }
      return await migrate(desk, storeOf(desk), options.rowLevelSecurity)
    }
    if (role.trim() === '') throw new Misuse('--print-grants: the name of the role is empty.')
    const projects = {
      writes: listed(options.projects, '--projects'),
      reads: listed(options.readProjects, '--read-projects'),
    }
    const both = projects.reads.find((id) => projects.writes.includes(id))
    if (both !== undefined) throw new Misuse(`${both} is in --projects and in --read-projects; it can be in one.`)
    const sql = desk.grantsFor(role, projects)
    desk.answer({ role, ...projects, sql }, () => [sql])
    return 0
  })
}

async function migrate(desk: Desk, store: TeamStore, rowLevelSecurity: boolean | undefined): Promise<number> {
  const done = await store.migrate({ rowLevelSecurity })
  desk.answer({ store: store.where, ...done }, () => [
    `${tablesPhrase(done)} at ${oneLine(store.where)}, as ${oneLine(done.role)} (${oneLine(done.server)}).`,
    ...securityLines(done),
  ])
  return 0
}

function tablesPhrase({ before, steps, newest }: Migrated): string {
  if (steps === 0) return `Nothing to do: Rutter's tables are of version ${newest}, as this program wants them,`
  if (before === 0) return `Made Rutter's tables, version ${newest},`
  return `Brought Rutter's tables from version ${before} to ${newest}, in ${plural(steps, 'step')},`
}

function securityLines(migrated: Migrated): string[] {
  const { row_level_security: isOn, row_level_security_changed: isChanged, search_remedy } = migrated
  if (isOn) {
    return [
      `Row-level security is ${isChanged ? 'on now' : 'on'}: a role sees the projects that rutter.project_grants gives it, and no other.`,
      ...(isChanged
        ? ['Give a role its projects with what rutter migrate --print-grants ROLE --projects IDS prints.']
        : []),
      ...(search_remedy === null
        ? []
        : [
            'Search reads all documents of a project until a superuser has run this in the database, once:',
            `  ${search_remedy}`,
          ]),
    ]
  }
  return isChanged ? ['Row-level security is off now: every role that has rights on the tables sees all projects.'] : []
}

function storeOf({ teamStore }: Desk): TeamStore {
  if (teamStore !== null) return teamStore
  throw new Misuse(
    "Which database is meant was not said. A book in a project's files needs no migration: it is brought up to date when it is opened.",
    'Give --store postgres://USER@HOST/DATABASE, or set RUTTER_STORE.',
  )
}

function listed(ids: string | undefined, option: string): string[] {
  if (ids === undefined) return []
  try {
    return projectList(ids, option)
  } catch (error) {
    const { message, hint } = asRefusal(error)
    throw new Misuse(message, hint)
  }
}
