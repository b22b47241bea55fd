import { otherProject, projectIdFault } from '../../app/operator/book.ts'
import type { Cli } from '../command.ts'
import { connectLines } from '../connect.ts'
import { examineGit } from '../git.ts'
import { Misuse } from '../misuse.ts'
import { oneLine } from '../text.ts'

/** `rutter init`: makes the book where there is none, and says how to go on. */
export function registerInit(cli: Cli): void {
  const command = cli
    .command('init', {
      summary: 'begin a book for this repository',
      details: 'What is there already stays as it is; a second call only looks.',
      examples: ['rutter init', 'rutter init --project atlas'],
    })
    .option('--project <id>', "the project's name in every book; the repository's name when it is left out")
  cli.action<[], { project?: string }>(command, async (desk, _args, { project }) => {
    const fault = project === undefined ? null : projectIdFault(project)
    if (fault !== null) throw new Misuse(`--project: ${fault}`)
    const { place, layout, out } = desk
    const book = desk.openOrMakeBook(project)
    const { project_id } = book.ledger
    if (project !== undefined && project !== project_id) throw otherProject(project, project_id, layout.settings)

    const files = [layout.settings, layout.gitignore, layout.gitattributes]
    const present = files.filter((file) => !book.created.includes(file))
    const { store = null } = desk.whereIfShared
    const remarks = store === null ? examineGit(place, layout) : []
    const connect = connectLines()
    const result = {
      project_id,
      root: place.root,
      book: place.bot,
      ...desk.whereIfShared,
      is_git: place.is_git,
      linked_worktree: place.linked_worktree,
      created: book.created,
      present,
      remarks,
      connect: Object.fromEntries(connect.map(({ client, line }) => [client, line])),
    }
    desk.answer(result, () => [
      out.paint(
        'bold',
        `The book of project ${project_id} is ${store === null ? 'in' : 'at'} ${oneLine(store ?? place.bot)}`,
      ),
      ...book.created.map((file) => `  created    ${oneLine(file)}`),
      ...present.map((file) => `  was there  ${oneLine(file)}`),
      ...(place.linked_worktree === null
        ? []
        : [
            '',
            `${oneLine(place.linked_worktree)} is a linked worktree: the main worktree's book is used, so that agents in both share it.`,
          ]),
      ...remarks.map(({ where, message, mend }) =>
        [
          '',
          `${out.paint('yellow', 'Note')}: ${oneLine(where)}: ${oneLine(message)}.`,
          ...(mend === null ? [] : [`  ${mend}`]),
        ].join('\n'),
      ),
      ...(store === null
        ? []
        : [
            '',
            'What is learned and done goes into the database, and into no file here; .bot says which project this is.',
          ]),
      ...(place.is_git
        ? ['', 'Commit the .bot folder: what belongs to this machine alone is ignored by git already.']
        : []),
      '',
      'Connect your agent with one of these:',
      ...connect.map(({ line }) => `  ${oneLine(line)}`),
      ...(store === null
        ? []
        : ['Each needs the address of the database: RUTTER_STORE in its environment, or --store URL behind mcp.']),
      '',
      'Then see what it does: rutter status',
    ])
    return 0
  })
}
