import type { Whisper } from './state.ts'

/** The order in which whispers are handed over: `abort` first, otherwise as they were sent. */
export function inOrderOfUrgency(whispers: readonly Whisper[]): Whisper[] {
  const aborts = whispers.filter((w) => w.priority === 'abort')
  return [...aborts, ...whispers.filter((w) => w.priority !== 'abort')]
}
