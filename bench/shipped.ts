/** Programs to be measured as they are shipped: bundled, and away from their sources. */
import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { BUNDLED } from '../scripts/bundled.ts'
import { ROOT } from './place.ts'

/** Builds Rutter and copies what a package of it contains. The launcher would start newer sources if it found some. */
export function ship(folder: string): { bundle: string; launcher: string } {
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
  const to = join(folder, 'shipped')
  for (const part of ['package.json', 'bin', 'dist']) cpSync(join(ROOT, part), join(to, part), { recursive: true })
  return { bundle: join(to, 'dist', 'rutter.js'), launcher: join(to, 'bin', 'rutter.js') }
}

/** Bundles one of the programs beside this file as the build bundles Rutter. */
export async function bundle(source: string, folder: string): Promise<string> {
  const outfile = join(folder, source.replace(/\.ts$/, '.mjs'))
  await build({
    entryPoints: [join(import.meta.dirname, source)],
    outfile,
    ...BUNDLED,
    legalComments: 'none',
  })
  return outfile
}
