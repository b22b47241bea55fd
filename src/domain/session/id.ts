const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

/**
 * An id such as `2026-11-21T22-23-05Z-k3f9q2`: sorts by time, safe as a file name, unique to one in 1.6 million within a
 * millisecond. The first two letters behind the second are its milliseconds in base 36, so that ids of one second sort too.
 */
export function newSessionId(at: string, random: () => number): string {
  const second = at.slice(0, 19).replaceAll(':', '-')
  const milliseconds = Number(at.slice(20, 23)).toString(36).padStart(2, '0')
  let suffix = ''
  for (let i = 0; i < 4; i++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)]
  return `${second}Z-${milliseconds}${suffix}`
}
