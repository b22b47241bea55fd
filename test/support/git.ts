import { execFileSync } from 'node:child_process'

/** Nothing of the machine that runs the test: neither its settings nor who its user is. */
const ENV = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}

/** Runs git in a folder and gives what it printed; throws where it fails. */
export function git(cwd: string, ...args: string[]): string {
  // A submodule from a local path is refused without this.
  const allowed = ['-c', 'protocol.file.allow=always']
  return execFileSync('git', [...allowed, ...args], {
    cwd,
    env: ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
