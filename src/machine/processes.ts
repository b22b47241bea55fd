import { hostname } from 'node:os'
import type { Holder, Liveness } from '../domain/lease.ts'
import type { Processes } from '../ports/processes.ts'
import { processTable, SYSTEM, type SystemAccess } from './process-table.ts'

/** The largest process id of any system; `kill` takes a larger or a negative number for something else. */
const MAX_PID = 0x7fff_ffff

/** The processes of this machine. `access` replaces the ways to the system in tests. */
export function systemProcesses(access: Partial<SystemAccess> = {}): Processes {
  const table = processTable({ ...SYSTEM, ...access })
  let me: Holder | undefined

  function self(): Holder {
    if (me === undefined) {
      const seen = table.look(process.pid)
      me = {
        host: hostname(),
        boot_id: table.bootId(),
        pid_space: table.pidSpace(),
        pid: process.pid,
        started: seen.there ? seen.started : '',
      }
    }
    return me
  }

  function liveness(holder: Holder): Liveness {
    const own = self()
    const where = compare(holder, own)
    if (where === 'rebooted') return 'dead'
    if (where === 'elsewhere' || holder.pid < 1 || holder.pid > MAX_PID) return 'unknown'
    const seen = holder.pid === own.pid ? { there: true, started: own.started } : table.look(holder.pid)
    if (!seen.there) return 'dead'
    const reused = seen.started !== '' && holder.started !== '' && seen.started !== holder.started
    return reused ? 'dead' : 'alive'
  }

  return { self, liveness }
}

/**
 * Where a holder is, seen from here. The boot decides and not the host's name, which can change while a machine runs;
 * the name is needed only to tell a machine that was rebooted from another machine.
 */
function compare(holder: Holder, own: Holder): 'here' | 'rebooted' | 'elsewhere' {
  const samePidSpace = holder.pid_space === own.pid_space
  const sameHost = holder.host === own.host
  if (holder.boot_id === own.boot_id) {
    return samePidSpace && (own.boot_id !== '' || sameHost) ? 'here' : 'elsewhere'
  }
  // Containers are numbered anew at each start and often share a name: only an equal process space (a machine's own has a
  // fixed number) makes an equal name mean the same machine.
  const bothKnown = holder.boot_id !== '' && own.boot_id !== ''
  return bothKnown && sameHost && samePidSpace ? 'rebooted' : 'elsewhere'
}
