#!/usr/bin/env node
// Starts Rutter under any Node: in this process when it is new enough, else in the one that the `node` package brings.
// Kept to what Node 12 can read: no `node:` imports, no `?.`, no `??`, no top-level `await`.
import childProcess from 'child_process'
import fs from 'fs'
import module from 'module'
import os from 'os'
import path from 'path'
import tty from 'tty'
import url from 'url'

const self = url.fileURLToPath(import.meta.url)
const root = path.dirname(path.dirname(self))
const needed = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '')

if (isEnough(process.versions.node)) {
  start()
} else {
  handOver()
}

/** Runs the program in this process: `dist/`, or in a clone whose `dist/` is behind its sources, the sources. */
function start() {
  const bundle = path.join(root, 'dist', 'rutter.js')
  const source = path.join(root, 'src', 'main.ts')
  const built = modifiedAt(bundle)
  let entry = bundle
  if (fs.existsSync(source) && newestIn(path.dirname(source)) > built) {
    entry = source
  } else if (built === 0) {
    giveUp(`Rutter is not whole: ${bundle} is missing.`, 'Install it again.')
  }
  if (module.enableCompileCache) module.enableCompileCache()
  // An error is left to Node, which shows all of it and exits 1.
  void import(url.pathToFileURL(entry).href).then(() => {
    // A server is stopped by a signal, and a process that dies of one leaves no cache behind: write it now.
    if (module.flushCompileCache) module.flushCompileCache()
  })
}

/** Runs this same file under the Node of the `node` package, and ends as that process ends. */
function handOver() {
  const node = newerNode()
  if (node === undefined) {
    giveUp(
      `Rutter needs Node ${needed} or newer; this is ${process.version} (${process.execPath}).`,
      'Install a newer one from https://nodejs.org (with nvm: nvm install 24). In a clone of Rutter, `npm ci` brings one along.',
    )
  }

  const child = childProcess.spawn(node, [self].concat(process.argv.slice(2)), { stdio: 'inherit' })
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'].filter((name) => name in os.constants.signals)
  for (const name of passed) {
    process.on(name, () => {
      // Ctrl-C and Ctrl-\ in a terminal reach the child by themselves; twice would be taken for impatience.
      const typed = (name === 'SIGINT' || name === 'SIGQUIT') && tty.isatty(0)
      if (!typed) child.kill(name)
    })
  }
  child.on('error', (error) => giveUp(`Rutter could not start ${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // Whoever started this process shall see how the program died, not a status made up for it.
    for (const name of passed) process.removeAllListeners(name)
    process.kill(process.pid, signal)
    // Where that does not end this process, at least it may not look like a success.
    setTimeout(() => process.exit(128 + os.constants.signals[signal]), 100)
  })
}

/** The executable of an installed `node` package that is new enough, or `undefined`. */
function newerNode() {
  let manifest
  try {
    manifest = module.createRequire(self).resolve('node/package.json')
  } catch {
    return undefined
  }
  const { version, bin } = JSON.parse(fs.readFileSync(manifest, 'utf8'))
  const executable = path.join(path.dirname(manifest), bin.node)
  // The file is missing where the package's install script was not allowed to run. And if this very process is it,
  // handing over would go round in circles.
  if (!isEnough(version) || !fs.existsSync(executable)) return undefined
  return fs.realpathSync(executable) === fs.realpathSync(process.execPath) ? undefined : executable
}

/** Whether a version such as `24.15.0` is one that Rutter runs on. */
function isEnough(version) {
  const have = version.split('.').map(Number)
  const want = needed.split('.').map(Number)
  for (let i = 0; i < want.length; i++) {
    if (have[i] !== want[i]) return have[i] > want[i]
  }
  return true
}

/** When the file was last written, in milliseconds; 0 when there is none. */
function modifiedAt(file) {
  try {
    return fs.statSync(file).mtimeMs
  } catch {
    return 0
  }
}

/** The latest change of anything under a folder. Folders count too: removing a file changes nothing else. */
function newestIn(folder) {
  let newest = modifiedAt(folder)
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    newest = Math.max(newest, entry.isDirectory() ? newestIn(file) : modifiedAt(file))
  }
  return newest
}

function giveUp(...lines) {
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(2)
}
