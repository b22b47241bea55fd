/** Bundles the program into `dist/`: `rutter.js`, the chunks it loads on demand, and the licences of what is inside. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Metafile, type Plugin } from 'esbuild'
import { BUNDLED } from './bundled.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/** The list of tools never changes after the build, so the bundle has it ready-made and not what makes it. */
const readyMadeCatalog: Plugin = {
  name: 'ready-made catalog',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]src[/\\]mcp[/\\]catalog\.ts$/ }, async ({ path }) => {
      const { catalog } = (await import(pathToFileURL(path).href)) as { catalog: unknown }
      return { contents: `export const catalog = ${JSON.stringify(catalog)}`, loader: 'js' }
    })
  },
}

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: { rutter: 'src/main.ts' },
  outdir: 'dist',
  ...BUNDLED,
  // What stands behind `import()` becomes a file of its own, so that a cold start does not pay for it.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'external',
  metafile: true,
  write: false,
  plugins: [readyMadeCatalog],
})

const [legal, code] = partition(outputFiles, ({ path }) => path.endsWith('.LEGAL.txt'))
const [entry, chunks] = partition(code, ({ path }) => basename(path) === 'rutter.js')

// The entry goes first and comes last: whoever starts Rutter meanwhile finds either a whole `dist/` or none.
await rm(join(dist, 'rutter.js'), { force: true })
await rm(dist, { recursive: true, force: true })
await mkdir(join(dist, 'chunks'), { recursive: true })
await writeFile(join(dist, 'LICENSES.txt'), await licences(metafile, legal))
for (const file of [...chunks, ...entry]) await writeFile(file.path, file.contents)

const sizes = code.map(({ path, contents }) => ({
  name: relative(root, path),
  bytes: contents.length,
  gzipped: gzipSync(contents).length,
}))
for (const { name, bytes, gzipped } of sizes.sort((a, b) => b.bytes - a.bytes)) {
  console.log(`${kilobytes(bytes)} ${kilobytes(gzipped)} gzipped  ${name}`)
}
const sum = (kind: 'bytes' | 'gzipped') => kilobytes(sizes.reduce((total, size) => total + size[kind], 0))
console.log(`${sum('bytes')} ${sum('gzipped')} gzipped  in all`)

function partition<T>(list: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((item) => !test(item))]
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1).padStart(8)} kB`
}

/** The licence of every package that went into the bundle, then the comments that its sources asked to be kept. */
async function licences({ inputs }: Metafile, comments: readonly { text: string }[]): Promise<string> {
  const packages = new Set<string>()
  for (const input of Object.keys(inputs)) {
    const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
    if (folder !== undefined) packages.add(folder)
  }
  const parts: string[] = []
  for (const folder of [...packages].sort()) {
    const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
    const file = (await readdir(join(root, folder))).sort().find((entry) => /^(licen[cs]e|copying)/i.test(entry))
    const text = file === undefined ? '' : `\n\n${(await readFile(join(root, folder, file), 'utf8')).trim()}`
    parts.push(`${name} ${version} (${license ?? 'no licence named'})${text}`)
  }
  const kept = [...new Set(comments.map(({ text }) => text.trim()))].sort()
  return `${['Rutter contains these packages, under their own licences.', ...parts, ...kept].join(`\n\n${'-'.repeat(72)}\n\n`)}\n`
}
