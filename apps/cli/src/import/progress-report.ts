import { SingleBar } from 'cli-progress'
import type { Progress } from './uploader.js'

/** Shows how far an import is. `stop` leaves the terminal as it was. */
export interface ProgressReport {
  update(progress: Progress): void
  stop(): void
}

export interface ReportOptions {
  /** Offsets in the file of the first and the last byte to import. */
  readonly fromByte: number
  readonly toByte: number
  readonly out: NodeJS.WriteStream
  readonly nowMs: () => number
}

const LINE_EVERY_MS = 2_000

/** A bar on a terminal; elsewhere (a pipe, a log) a plain line now and then. */
export const progressReport = (options: ReportOptions): ProgressReport =>
  options.out.isTTY ? barReport(options) : lineReport(options)

const share = (options: ReportOptions, progress: Progress): number =>
  Math.min(1, Math.max(0, (progress.done.byte - options.fromByte) / Math.max(1, options.toByte - options.fromByte)))

const rateSince = (startMs: number, nowMs: number, points: number): string =>
  Math.round(points / Math.max(0.001, (nowMs - startMs) / 1000)).toLocaleString('en')

const barReport = (options: ReportOptions): ProgressReport => {
  const startMs = options.nowMs()
  const bar = new SingleBar({
    format: '  {bar} {percentage}%  {points} points  {rate}/s  {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 28,
    hideCursor: true,
    clearOnComplete: false,
    stream: options.out,
    etaBuffer: 40,
  })
  bar.start(1000, 0, { points: '0', rate: '-' })
  return {
    update: (progress) =>
      bar.update(Math.round(share(options, progress) * 1000), {
        points: progress.imported.toLocaleString('en'),
        rate: rateSince(startMs, options.nowMs(), progress.imported),
      }),
    stop: () => bar.stop(),
  }
}

const lineReport = (options: ReportOptions): ProgressReport => {
  const startMs = options.nowMs()
  let toldMs = startMs
  return {
    update: (progress) => {
      const nowMs = options.nowMs()
      if (nowMs - toldMs < LINE_EVERY_MS) return
      toldMs = nowMs
      const percent = Math.floor(share(options, progress) * 100)
      const rate = rateSince(startMs, nowMs, progress.imported)
      options.out.write(`${percent}%  ${progress.imported.toLocaleString('en')} points  ${rate}/s\n`)
    },
    stop: () => {},
  }
}
