import { join } from 'node:path'

/** The program as it is installed: the bundle, or where the sources are newer, those. */
export const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'rutter.js')
