import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import { missingRecords, recordFiles, verifyRecords } from '../../log/verify.ts'
import type { Progress, VerifyReport } from '../../ports/ledger.ts'
import type { StreamRows } from './stream-rows.ts'

interface Place {
  readonly disk: Disk
  readonly layout: BookLayout
}

/** Holds every record against itself and against what the store knows of it. */
export function examine(
  { disk, layout }: Place,
  streams: StreamRows,
  onProgress?: (progress: Progress) => void,
): VerifyReport {
  const report = verifyRecords(disk, recordFiles(disk, layout), (stream) => streams.get(stream), onProgress)
  const live = streams.live().map(({ stream }) => stream)
  return { ...report, findings: [...report.findings, ...missingRecords(disk, layout, live)] }
}

/** Looks again at the records that seemed damaged; under the lock, when nobody is in mid-write. */
export function examineAgain(place: Place, streams: StreamRows, first: VerifyReport): VerifyReport {
  const { disk, layout } = place
  const damaged = new Set(first.findings.filter(({ damage }) => damage).map(({ where }) => where))
  const files = recordFiles(disk, layout).filter(({ path }) => damaged.has(path))
  const again = verifyRecords(disk, files, (stream) => streams.get(stream))
  const live = streams.live().map(({ stream }) => stream)
  const unsuspected = first.findings.filter(({ where }) => !damaged.has(where))
  return { ...first, findings: [...unsuspected, ...again.findings, ...missingRecords(disk, layout, live)] }
}
