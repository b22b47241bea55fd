import type { BuildOptions } from 'esbuild'

/** How a program of this repository is bundled, the one that is shipped and those that it is measured against. */
export const BUNDLED = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifySyntax: true,
  minifyWhitespace: true,
  // A stack trace in a bug report must be readable. `keepNames` would only take off the number behind a name that two modules have, and
  // gives a function its name each time that it is made.
  minifyIdentifiers: false,
  // Packages that are no ES modules ask for Node's own with `require`, which an ES module does not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  // The driver's native twin, which is not installed and not needed.
  external: ['pg-native'],
  logLevel: 'warning',
} satisfies BuildOptions
