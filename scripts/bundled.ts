import type { BuildOptions } from 'esbuild'

/** How a program of this repository is bundled, the one that is shipped and those that it is measured against. */
export const BUNDLED = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  // Names stay as they were written: a stack trace in a bug report must be readable.
  minifyIdentifiers: false,
  keepNames: true,
  // Packages that are no ES modules ask for Node's own with `require`, which an ES module does not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  // The driver's native twin, which is not installed and not needed.
  external: ['pg-native'],
  logLevel: 'warning',
} satisfies BuildOptions
