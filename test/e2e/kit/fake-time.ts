import { existsSync, writeFileSync } from 'node:fs'

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib64/faketime/libfaketime.so.1',
  '/usr/lib/faketime/libfaketime.so.1',
]
const library = LIBRARIES.find((path) => existsSync(path))

/** Why a test that sets a process's clock cannot run; `undefined` when it can. */
export const noFakeTime = (): string | undefined =>
  library === undefined ? 'skipped: libfaketime is not installed (Debian: apt-get install libfaketime)' : undefined

/** The wall clock of one process, set through a file, about a second later, while it runs. Its timers go on unharmed. */
export class FakeTime {
  /** `file` is written. */
  constructor(readonly file: string) {
    this.set('+0')
  }

  /** What the process is to run with. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library!,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }

  /** As `+1h`, `-2h`, `+80y`; `+0` is right. */
  set(offset: string): void {
    writeFileSync(this.file, `${offset}\n`)
  }
}
