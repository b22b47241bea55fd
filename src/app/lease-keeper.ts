import type { Ledger } from '../ports/ledger.ts'

/**
 * Renews this process's leases for as long as it lives, at a third of their lifetime: two renewals may fail before anybody who
 * cannot see the process takes it for gone. Gives a function that stops it. Never keeps the process alive by itself.
 */
export function keepLeases(ledger: Ledger, leaseSeconds: number, onError: (error: unknown) => void): () => void {
  const timer = setInterval(
    () => {
      ledger.renewLeases().catch(onError)
    },
    (leaseSeconds * 1000) / 3,
  )
  timer.unref()
  return () => clearInterval(timer)
}
