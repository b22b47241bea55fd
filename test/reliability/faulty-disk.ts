import { type Disk, nodeDisk } from '../../src/log/disk.ts'
import { diskWith } from '../torture/disk.ts'

/** What a faulty disk is asked before it does something to a record; a throw there is the fault. */
export interface Faults {
  /** How many of the bytes get there before it fails; `null` where it does not. */
  append?: (bytes: Uint8Array) => { written: number; code: string } | null
  /** Called instead of nothing, before the bytes go out. */
  beforeAppend?: () => void
  afterAppend?: () => void
  sync?: () => string | null
  open?: (create: boolean) => string | null
  beforeTruncate?: () => void
}

/** The real disk, with faults that can be changed while it is in use. */
export function faultyDisk(faults: Faults): Disk {
  const disk = diskWith(nodeDisk, (file) => ({
    append(bytes) {
      faults.beforeAppend?.()
      const fault = faults.append?.(bytes) ?? null
      file.append(fault === null ? bytes : bytes.subarray(0, fault.written))
      if (fault !== null) throw systemError(fault.code, 'write')
      faults.afterAppend?.()
    },
    sync(...how) {
      throwIf(faults.sync?.(), 'fdatasync')
      file.sync(...how)
    },
    truncate(to) {
      faults.beforeTruncate?.()
      file.truncate(to)
    },
  }))
  return {
    ...disk,
    open(path, create) {
      throwIf(faults.open?.(create), 'open')
      return disk.open(path, create)
    },
  }
}

function throwIf(code: string | null | undefined, syscall: string): void {
  if (code !== null && code !== undefined) throw systemError(code, syscall)
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: injected, ${syscall}`), { code, errno: -1, syscall })
}
