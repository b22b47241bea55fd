import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** How to make a coding agent start `rutter mcp`, as each client's own command line. */
export function connectLines(): { client: string; line: string }[] {
  const words = rutterCommand()
  const command = words.map(quoted).join(' ')
  return [
    { client: 'Claude Code', line: `claude mcp add rutter -- ${command} mcp` },
    { client: 'Codex', line: `codex mcp add rutter -- ${command} mcp` },
    // Gemini's takes the command as it is; a `--` would be taken for it.
    { client: 'Gemini CLI', line: `gemini mcp add rutter ${command} mcp` },
  ]
}

/** The shortest way to start this program from anywhere: by name where it is installed, else by its file. */
function rutterCommand(): string[] {
  if (isInstalled()) return ['rutter']
  const file = process.argv[1] ?? 'rutter'
  // The launcher starts under any Node that a client finds; a source needs one that reads TypeScript.
  return [file.endsWith('.ts') ? process.execPath : 'node', file]
}

/** Folders named `node_modules/.bin` are on the path only while npm or npx runs something: a client will not find it there. */
function isInstalled(): boolean {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !/node_modules[/\\]\.bin[/\\]?$/.test(folder))
  return folders.some((folder) => {
    try {
      accessSync(join(folder, process.platform === 'win32' ? 'rutter.cmd' : 'rutter'), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A word as a shell must see it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
